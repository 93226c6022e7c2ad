"""A product in a folder, announced from its own files."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from shapely.geometry import Polygon, mapping

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import Platform, ProductAnnounced
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import parse_name, plain_name
from stormpetrel.imagery.readers.files import files_of, open_raster
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage


def product_at(path: Path, announced_at: datetime, root: Path | None = None) -> ProductAnnounced:
    """Announces the product at a path. Raises BadProduct where there is none, where it is not complete, or where it is
    a symbolic link that leads out of the folder `root`.

    Without a Sentinel name, a file's date is read from its name (`..._2020-01-13.tif`), and one or two bands are radar.
    """
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise BadProduct(f"{path.name} is a link that leads out of {root}; copy the product into it")
    files = files_of(str(path.resolve()), {})
    parsed = parse_name(path.name)
    platform = parsed.platform if parsed else _platform_by_bands(path)
    with closing(RadarImage(files) if platform == "sentinel-1" else OpticalImage(files, path.name)) as image:
        footprint = split_at_antimeridian(Polygon(image.outline()))
    sensed_at = (parsed.sensed_at if parsed else None) or _date_in_name(path)
    return ProductAnnounced(
        product_name=re.sub(r"[^A-Za-z0-9_.-]", "-", plain_name(path.name)),
        platform=platform,
        product_type=parsed.product_type if parsed else "unknown",
        sensed_from=sensed_at,
        sensed_until=sensed_at,
        footprint=mapping(footprint),
        relative_orbit=parsed.relative_orbit if parsed else None,
        location=str(path.resolve()),
        revision=revision_of(path),
        source="folder",
        announced_at=announced_at,
    )


def _platform_by_bands(path: Path) -> Platform:
    if path.is_dir():
        raise BadProduct(f"{path.name} is no name of a Sentinel product: S1... or S2... with its time in it")
    with open_raster(files_of(str(path), {}).paths[path.name]) as dataset:
        return "sentinel-1" if dataset.count <= 2 else "sentinel-2"


def _date_in_name(path: Path) -> datetime:
    for date in re.findall(r"\d{4}-?\d{2}-?\d{2}", path.name):
        with suppress(ValueError):
            return datetime.strptime(date.replace("-", ""), "%Y%m%d").replace(tzinfo=UTC)
    raise BadProduct(f"{path.name} has no date in its name; call it ..._2020-01-13.tif, or as ESA does")


def revision_of(path: Path) -> str:
    """The size of all files and the time of the newest: it changes when one of them does."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    total, newest = sum(file.stat().st_size for file in files), max(file.stat().st_mtime_ns for file in files)
    return f"{total}-{newest}"

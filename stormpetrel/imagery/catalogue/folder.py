"""A product that lies in a folder, announced from its own files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from shapely.geometry import Polygon, mapping

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import plain_name, read_name
from stormpetrel.imagery.readers.files import files_of
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage


def product_at(path: Path, at: datetime) -> ProductAnnounced:
    """Reads where a product lies and what it is called. Raises BadProduct where it is none, or is not whole.

    A file of no Sentinel name is taken by its date (`..._2020-01-13.tif`) and its bands: one or two are radar.
    """
    files = files_of(str(path.resolve()), {})
    named = read_name(path.name)
    sensed = named.sensed_at if named else None
    platform = named.platform if named else _looks_like(path)
    image = RadarImage(files) if platform == "sentinel-1" else OpticalImage(files, path.name)
    try:
        outline = split_at_antimeridian(Polygon(image.outline()))
    finally:
        image.close()
    sensed = sensed or _dated(path)
    return ProductAnnounced(
        product_name=re.sub(r"[^A-Za-z0-9_.-]", "-", plain_name(path.name)),
        platform=platform,
        product_type=named.product_type if named else "unknown",
        sensed_from=sensed,
        sensed_until=sensed,
        footprint=mapping(outline),
        relative_orbit=named.relative_orbit if named else None,
        location=str(path.resolve()),
        revision=revision_of(path),
        source="folder",
        announced_at=at,
    )


def _looks_like(path: Path) -> str:
    from stormpetrel.imagery.readers.files import opened

    if path.is_dir():
        raise BadProduct(f"{path.name} is no name of a Sentinel product: S1... or S2... with its time in it")
    with opened(files_of(str(path), {}).paths[path.name]) as dataset:
        return "sentinel-1" if dataset.count <= 2 else "sentinel-2"


def _dated(path: Path) -> datetime:
    found = re.search(r"(\d{4})-?(\d{2})-?(\d{2})", path.name)
    try:
        if found:
            return datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        pass
    raise BadProduct(f"{path.name} has no date in its name; call it ..._2020-01-13.tif, or as ESA does")


def revision_of(path: Path) -> str:
    """Changes when one of the files does: size and time of all of them."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    total, newest = sum(file.stat().st_size for file in files), max(file.stat().st_mtime_ns for file in files)
    return f"{total}-{newest}"

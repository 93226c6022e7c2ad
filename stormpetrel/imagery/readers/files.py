"""The files of a product: in a folder, a zip archive, at a web address, or listed one by one.

GDAL opens rasters through its virtual file systems, so that only the needed parts are read. It takes credentials from
the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY). What may be opened is said in `locations.py`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.locations import checked_address, is_address

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

LARGEST_PIXELS = 2_000_000_000  # of one raster; a GRD has 420 million
LARGEST_TEXT = 64_000_000  # bytes of one annotation file
MOST_FILES = 20_000
DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}
LARGEST_UNPACKED = 30_000_000_000  # bytes of all files of an archive


@dataclass(frozen=True)
class ProductFiles:
    """`paths` maps a file's name within the product to its GDAL path; `archive` is the zip file that holds them."""

    paths: dict[str, str]
    archive: Path | None = None

    def matching(self, *ends: str) -> list[str]:
        """Names with one of these endings in any case, the shortest first."""
        lowered = tuple(end.lower() for end in ends)
        return sorted(
            (name for name in self.paths if name.lower().endswith(lowered)), key=lambda name: (len(name), name)
        )

    def text(self, name: str) -> bytes:
        """A small file's bytes. Raises BadProduct where it is too large or cannot be read."""
        try:
            if self.archive is not None:
                with zipfile.ZipFile(self.archive) as archive:
                    _check_size(name, archive.getinfo(name).file_size)
                    return archive.read(name)
            file = Path(self.paths[name])
            _check_size(name, file.stat().st_size)
            return file.read_bytes()
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise BadProduct(f"{name} cannot be read: {error}") from error

    def xml(self, name: str) -> ElementTree.Element:
        """A small file's root element. Raises BadProduct where it is no XML, too."""
        try:
            return ElementTree.fromstring(self.text(name))
        except ElementTree.ParseError as error:
            raise BadProduct(f"{name} is no complete XML: {error}") from error


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_TEXT:
        raise BadProduct(f"{name} claims {size} bytes; annotations have at most 64 MB")


def gdal_path(location: str) -> str:
    """GDAL's path for the path of a file, an `https://` or an `s3://` address. Raises BadProduct for any other.

    >>> gdal_path("s3://eodata/a/B02.jp2")
    '/vsis3/eodata/a/B02.jp2'
    """
    if is_address(location):
        parts = checked_address(location)
        return f"/vsis3/{parts.netloc}{parts.path}" if parts.scheme == "s3" else f"/vsicurl/{location}"
    path = Path(location.removeprefix("file://"))
    if not path.is_file():
        raise BadProduct(f"{location!r} is neither a file, nor an address that starts with https:// or s3://")
    return str(path)


def files_of(location: str | None, assets: dict[str, str]) -> ProductFiles:
    """The files of an announced product. Raises BadProduct where there are none, or where an archive is unsafe."""
    if assets:
        # The file name in the address is more specific than the asset's key: T31TDF_..._B02_10m.jp2.
        return ProductFiles(
            {f"{key}/{urlsplit(href).path.rsplit('/', 1)[-1]}": gdal_path(href) for key, href in assets.items()}
        )
    if location is None:
        raise BadProduct("its announcement names no files; give the product's path or assets")
    if is_address(location):
        return ProductFiles({location.rsplit("/", 1)[-1]: gdal_path(location)})
    path = Path(location.removeprefix("file://"))
    if not path.exists():
        raise BadProduct(f"nothing is at {path}: is the volume mounted, and the download complete?")
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() == ".zip":
        return _archive(path)
    return ProductFiles({path.name: str(path)})


def _folder(path: Path) -> ProductFiles:
    paths: dict[str, str] = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.resolve().is_relative_to(path.resolve()):
            paths[str(file.relative_to(path))] = str(file)
        if len(paths) > MOST_FILES:
            raise BadProduct(f"{path} holds more than {MOST_FILES} files; a product has some hundred")
    if not paths:
        raise BadProduct(f"{path} is an empty folder; is the download complete?")
    return ProductFiles(paths)


def _archive(path: Path) -> ProductFiles:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise BadProduct(f"{path.name} is no complete zip archive: {error}") from error
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
        raise BadProduct(f"{path.name} claims {len(entries)} files, more or larger than a product's; not opened")
    for entry in entries:
        inner = PurePosixPath(entry.filename.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts:
            raise BadProduct(f"{path.name} has a file that climbs out of its folder ({entry.filename!r}); not opened")
    paths = {entry.filename: f"/vsizip/{path.resolve()}/{entry.filename}" for entry in entries}
    return ProductFiles(paths, path)


@contextmanager
def open_raster(path: str, any_format: bool = False, **options: Any) -> Iterator[rasterio.DatasetReader]:
    """Opens a raster, as the format that its name ends with: GDAL would take a virtual raster (VRT) of that name too,
    and read the files that it lists. `any_format` is for rasters that the operator chose, `options` are GDAL's.

    Raises BadProduct where it cannot be read or claims more pixels than a product can have.
    """
    name = path.split("?")[0].rsplit("/", 1)[-1]
    driver = None if any_format else DRIVERS.get(Path(name).suffix.lower())
    if driver is None and not any_format:
        raise BadProduct(f"{name} is no GeoTIFF or JPEG2000 file by its name; products have .tif, .tiff or .jp2")
    try:
        with rasterio.open(path, driver=driver, **options) as dataset:
            if dataset.width * dataset.height > LARGEST_PIXELS:
                raise BadProduct(f"{name} claims {dataset.width} x {dataset.height} pixels; not opened")
            yield dataset
    except RasterioError as error:
        raise BadProduct(f"{name} cannot be read: {error}") from error


@contextmanager
def raster_errors() -> Iterator[None]:
    """Turns GDAL's errors while pixels are read into BadProduct."""
    try:
        yield
    except RasterioError as error:
        raise BadProduct(f"a raster is truncated or broken: {error}; fetch the product again") from error


def warped(dataset: rasterio.DatasetReader, geobox: GeoBox, **options: Any) -> WarpedVRT:
    """A raster, warped onto a geo box; nearest neighbour unless `options` of WarpedVRT say otherwise."""
    height, width = geobox.shape
    return WarpedVRT(dataset, crs=geobox.crs, transform=geobox.transform, height=height, width=width, **options)


def edge_in_degrees(dataset: rasterio.DatasetReader, points: int = 8) -> list[tuple[float, float]]:
    """The edge of a georeferenced raster as (longitude, latitude), counter-clockwise, not closed, with points along its
    sides; longitudes continue over the antimeridian."""
    width, height = dataset.width, dataset.height
    corners = np.array([(0, height), (width, height), (width, 0), (0, 0), (0, height)])
    steps = np.arange(4 * points) / points
    columns, rows = (np.interp(steps, np.arange(5), corner) for corner in corners.T)
    lons, lats = transform(dataset.crs, CRS.from_epsg(4326), *dataset.xy(rows, columns, offset="ul"))
    if max(lons) - min(lons) > 180:
        lons = [lon % 360 for lon in lons]
    return list(zip(lons, lats, strict=True))

"""Sentinel-2 L1C and L2A: four bands at 10 m and the cloud mask, on a geo box.

Reads SAFE (JPEG2000), COGs and folders of one band a file, and one GeoTIFF of 12 or 13 bands in order. Digital numbers
are not changed; reflectance x 10,000 is number + offset (since processing baseline 04.00: BOA_ADD_OFFSET or
RADIO_ADD_OFFSET of -1000).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.warp import Resampling
from rasterio.windows import Window

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.readers.files import ProductFiles, edge_in_degrees, open_raster, raster_errors, warped
from stormpetrel.imagery.types import Mask, UInt16

RASTERS = (".jp2", ".tif", ".tiff")
BAND_IDS = {"B02": "1", "B03": "2", "B04": "3", "B08": "7"}  # of the offsets in the product's metadata
POSITIONS = {"B02": 2, "B03": 3, "B04": 4, "B08": 8}  # in a GeoTIFF of all bands, B01 is 1
CLOUDS = (3, 8, 9, 10)  # scene classification: shadow, cloud medium and high, thin cirrus
OFFSET_SINCE = 400  # processing baseline 04.00
OFFSET = -1000


class OpticalImage:
    """Bands B02, B03, B04 and B08 of a Sentinel-2 product, open; `close` it. `problems` lists what it lacks."""

    def __init__(self, files: ProductFiles, name: str, offset: int | None = None) -> None:
        """Raises BadProduct where a band is missing, or one has no coordinate system."""
        self._stack = ExitStack()
        self.problems: list[str] = []
        try:
            self._bands = self._open_bands(files)
            self._clouds = self._open_clouds(files)
            self.offsets = offsets_of(files, name) if offset is None else dict.fromkeys(BANDS, offset)
        except BaseException:
            self.close()
            raise
        if self._clouds is None:
            self.problems.append("no cloud mask")

    def _open_bands(self, files: ProductFiles) -> dict[str, tuple[rasterio.DatasetReader, int]]:
        paths = {band: path for band in BANDS if (path := _band_file(files, band))}
        rasters = files.matching(*RASTERS)
        if not paths and len(rasters) == 1:
            dataset = self._stack.enter_context(open_raster(files.paths[rasters[0]]))
            if dataset.count < 8:
                raise BadProduct(f"{rasters[0]} has {dataset.count} bands; B01 to B08 at least are needed")
            bands = {band: (dataset, POSITIONS[band]) for band in BANDS}
        elif missing := [band for band in BANDS if band not in paths]:
            raise BadProduct(f"it has no {', '.join(missing)}; all of {', '.join(BANDS)} are needed")
        else:
            bands = {band: (self._stack.enter_context(open_raster(paths[band])), 1) for band in BANDS}
        for band, (dataset, _) in bands.items():
            if dataset.crs is None:
                raise BadProduct(f"its {band} has no coordinate system; where is it?")
        return bands

    def _open_clouds(self, files: ProductFiles) -> tuple[rasterio.DatasetReader, str] | None:
        for kind, mark in (("classes", "scl"), ("masks", "msk_classi_b00")):
            for name in files.matching(*RASTERS):
                if re.search(rf"(^|[/_]){mark}(_\d+m)?$", name.lower().rsplit(".", 1)[0]):
                    return self._stack.enter_context(open_raster(files.paths[name])), kind
        return None

    def outline(self) -> list[tuple[float, float]]:
        """The image's edge as (longitude, latitude), not closed; unwrapped, so that a longitude may exceed 180."""
        return edge_in_degrees(self._bands["B02"][0])

    @property
    def epsg(self) -> int | None:
        """The EPSG code of its UTM zone, if it has one."""
        code = self._bands["B02"][0].crs.to_epsg()
        return code if code is not None and (32601 <= code <= 32660 or 32701 <= code <= 32760) else None

    def onto(self, geobox: GeoBox, bands: Sequence[str] = BANDS) -> list[UInt16]:
        """Digital numbers of these bands at each pixel of the geo box; 0 where the product has none."""
        one_file = len({id(dataset) for dataset, _ in self._bands.values()}) < len(BANDS)
        # Two at a time: a JPEG2000 tile takes long to decode, and GDAL releases the lock meanwhile. Threads share no
        # file.
        with raster_errors(), ThreadPoolExecutor(1 if one_file else 2) as threads:
            return list(threads.map(lambda band: _numbers(*self._bands[band], geobox, Resampling.bilinear), bands))

    def clouds(self, geobox: GeoBox) -> Mask | None:
        """Where clouds, their shadows or cirrus are; None where the product has no cloud mask."""
        if self._clouds is None:
            return None
        dataset, kind = self._clouds
        with raster_errors():
            first = _numbers(dataset, 1, geobox, Resampling.nearest)
            if kind == "classes":
                return np.isin(first, CLOUDS)
            second = _numbers(dataset, 2, geobox, Resampling.nearest) if dataset.count > 1 else first
            return (first > 0) | (second > 0)

    def close(self) -> None:
        self._stack.close()


def _band_file(files: ProductFiles, band: str) -> str | None:
    """The finest file of a band: `..._B02_10m.jp2` before `..._B02.tif`."""
    names = [
        name for name in files.matching(*RASTERS) if re.search(rf"(^|[/_]){band}(_\d+m)?\.\w+$", name, re.IGNORECASE)
    ]
    names.sort(key=lambda name: ("_10m" not in name, "_20m" in name or "_60m" in name, len(name)))
    return files.paths[names[0]] if names else None


def _numbers(dataset: rasterio.DatasetReader, band: int, geobox: GeoBox, resampling: Resampling) -> UInt16:
    """A band on a geo box: copied where it has the same pixel grid, warped otherwise."""
    source, target = dataset.transform, geobox.transform
    aligned = (
        dataset.crs == geobox.crs
        and (source.a, source.e, source.b, source.d) == (RESOLUTION, -RESOLUTION, 0, 0)
        and source.c % RESOLUTION == 0
        and source.f % RESOLUTION == 0
    )
    if not aligned:
        with warped(dataset, geobox, resampling=resampling, nodata=0, src_nodata=0) as raster:
            return _as_numbers(raster.read(band))
    numbers = np.zeros(geobox.shape, dtype=np.uint16)
    column, row = round((target.c - source.c) / RESOLUTION), round((source.f - target.f) / RESOLUTION)
    left, top = max(0, column), max(0, row)
    right, bottom = min(dataset.width, column + geobox.width), min(dataset.height, row + geobox.height)
    if left < right and top < bottom:
        window = Window(left, top, right - left, bottom - top)
        inside = numbers[top - row : bottom - row, left - column : right - column]
        inside[:] = _as_numbers(dataset.read(band, window=window))
    return numbers


def _as_numbers(values: NDArray[np.generic]) -> UInt16:
    if values.dtype == np.uint16:
        return values  # type: ignore[return-value]
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values)
        # Reflectance from 0 to 1, where it is not times 10,000 already.
        values = np.round(finite * (10_000 if finite.max(initial=0) <= 2 else 1))
    return np.clip(values, 0, 65535).astype(np.uint16)


def offsets_of(files: ProductFiles, name: str) -> dict[str, int]:
    """The offset of each band's digital numbers, from the product's metadata, else from its name.

    Raises BadProduct where the metadata are no XML.
    """
    for metadata in files.matching("mtd_msil2a.xml", "mtd_msil1c.xml"):
        if files.archive is None and files.paths[metadata].startswith("/vsi"):
            continue  # remote; the name says it too
        offsets = {
            element.get("band_id"): int(float(element.text or 0))
            for element in files.xml(metadata).iter()
            if element.tag.rsplit("}", 1)[-1] in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")
        }
        return {band: offsets.get(BAND_IDS[band], 0) for band in BANDS}
    return dict.fromkeys(BANDS, offset_in_name(name))


def offset_in_name(name: str) -> int:
    """The offset of the processing baseline in a product's name.

    >>> offset_in_name("S2A_MSIL2A_20200808T010311_N0500_R045_T54PXA_20230413T212505")
    -1000
    """
    baseline = re.search(r"_N(\d{4})_", name)
    return OFFSET if baseline and int(baseline[1]) >= OFFSET_SINCE else 0

"""Sentinel-2 L1C and L2A: four bands at 10 m and the cloud mask, on a frame of ground.

Reads SAFE (JPEG2000), COGs of a band each, folders of a band each, and one GeoTIFF of 12 or 13 bands in order. Digital
numbers stay as they are; `offsets` is what must be added to them for reflectance x 10,000 (since processing baseline
04.00: BOA_ADD_OFFSET or RADIO_ADD_OFFSET of -1000).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling
from rasterio.windows import Window

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import RESOLUTION, GeoBox
from stormpetrel.imagery.readers.files import ProductFiles, edge_in_degrees, opened, readable

UInt16 = NDArray[np.uint16]
RASTERS = (".jp2", ".tif", ".tiff")
BAND_IDS = {"B02": "1", "B03": "2", "B04": "3", "B08": "7"}  # of the offsets in the product's metadata
POSITIONS = {"B02": 2, "B03": 3, "B04": 4, "B08": 8}  # in a GeoTIFF of all bands, from B01 on
CLOUDS = (3, 8, 9, 10)  # scene classification: shadow, cloud medium and high, thin cirrus
OFFSET_SINCE = 400  # processing baseline 04.00
OFFSET = -1000


class OpticalImage:
    """The four described bands of a Sentinel-2 product, open; `close` it. `problems` says what it lacks."""

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
        found: dict[str, tuple[rasterio.DatasetReader, int]] = {}
        named = {band: path for band in BANDS if (path := _band_file(files, band))}
        rasters = files.matching(*RASTERS)
        if not named and len(rasters) == 1:
            dataset = self._stack.enter_context(opened(files.paths[rasters[0]]))
            if dataset.count < 8:
                raise BadProduct(f"{rasters[0]} has {dataset.count} bands; B01 to B08 at least are needed")
            found = {band: (dataset, POSITIONS[band]) for band in BANDS}
        elif missing := [band for band in BANDS if band not in named]:
            raise BadProduct(f"it has no {', '.join(missing)}; all of {', '.join(BANDS)} are described together")
        else:
            found = {band: (self._stack.enter_context(opened(named[band])), 1) for band in BANDS}
        for band, (dataset, _) in found.items():
            if dataset.crs is None:
                raise BadProduct(f"its {band} has no coordinate system; where is it?")
        return found

    def _open_clouds(self, files: ProductFiles) -> tuple[rasterio.DatasetReader, str] | None:
        for kind, marks in (("classes", ("scl",)), ("masks", ("msk_classi_b00",))):
            for name in files.matching(*RASTERS):
                stem = name.lower().rsplit(".", 1)[0]
                if any(re.search(rf"(^|[/_]){mark}(_\d+m)?$", stem) for mark in marks):
                    return self._stack.enter_context(opened(files.paths[name])), kind
        return None

    def outline(self) -> list[tuple[float, float]]:
        """Its edge as (longitude, latitude), not closed; unwrapped, so that a longitude may be over 180."""
        dataset, _ = self._bands["B02"]
        return edge_in_degrees(dataset)

    @property
    def epsg(self) -> int | None:
        """Its UTM zone, if it has one."""
        code = self._bands["B02"][0].crs.to_epsg()
        return code if code is not None and (32601 <= code <= 32660 or 32701 <= code <= 32760) else None

    def onto(self, geobox: GeoBox, bands: Sequence[str] = BANDS) -> list[UInt16]:
        """Digital numbers of these bands at each pixel of the frame; 0 where the product has none."""
        one_file = len({id(dataset) for dataset, _ in self._bands.values()}) < len(BANDS)
        # Two at a time: a JPEG2000 tile takes long to decode, and GDAL lets go of the lock meanwhile. A file is one
        # thread's own.
        with readable(), ThreadPoolExecutor(1 if one_file else 2) as threads:
            return list(threads.map(lambda band: _numbers(*self._bands[band], geobox, Resampling.bilinear), bands))

    def clouds(self, geobox: GeoBox) -> NDArray[np.bool_] | None:
        """Where clouds, their shadows or cirrus are; None where the product does not say."""
        if self._clouds is None:
            return None
        dataset, kind = self._clouds
        with readable():
            if kind == "classes":
                return np.isin(_numbers(dataset, 1, geobox, Resampling.nearest), CLOUDS)
            found = _numbers(dataset, 1, geobox, Resampling.nearest) > 0
            return found | (_numbers(dataset, 2, geobox, Resampling.nearest) > 0) if dataset.count > 1 else found

    def close(self) -> None:
        self._stack.close()


def _band_file(files: ProductFiles, band: str) -> str | None:
    """The finest file of a band: `..._B02_10m.jp2` before `..._B02.tif`."""
    named = [
        name for name in files.matching(*RASTERS) if re.search(rf"(^|[/_]){band}(_\d+m)?\.\w+$", name, re.IGNORECASE)
    ]
    named.sort(key=lambda name: ("_10m" not in name, "_20m" in name or "_60m" in name, len(name)))
    return files.paths[named[0]] if named else None


def _numbers(dataset: rasterio.DatasetReader, band: int, geobox: GeoBox, resampling: Resampling) -> UInt16:
    """A band on a frame: copied where it lies on the same pixels, warped otherwise."""
    step = dataset.transform
    aligned = (
        dataset.crs == geobox.crs
        and (step.a, step.e, step.b, step.d) == (RESOLUTION, -RESOLUTION, 0, 0)
        and step.c % RESOLUTION == 0
        and step.f % RESOLUTION == 0
    )
    out = np.zeros((geobox.height, geobox.width), dtype=np.uint16)
    if aligned:
        column, row = round((geobox.west - step.c) / RESOLUTION), round((step.f - geobox.north) / RESOLUTION)
        left, top = max(0, column), max(0, row)
        right, bottom = min(dataset.width, column + geobox.width), min(dataset.height, row + geobox.height)
        if left < right and top < bottom:
            window = Window(left, top, right - left, bottom - top)
            out[top - row : bottom - row, left - column : right - column] = _as_numbers(
                dataset.read(band, window=window)
            )
        return out
    with WarpedVRT(
        dataset,
        crs=geobox.crs,
        transform=geobox.transform,
        width=geobox.width,
        height=geobox.height,
        resampling=resampling,
        nodata=0,
        src_nodata=0,
    ) as warped:
        out[:] = _as_numbers(warped.read(band))
    return out


def _as_numbers(values: NDArray[np.generic]) -> UInt16:
    if values.dtype == np.uint16:
        return values  # type: ignore[return-value]
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values)
        # Reflectance from 0 to 1, where it is not times 10,000 already.
        values = np.round(finite * (10_000 if finite.max(initial=0) <= 2 else 1))
    return np.clip(values, 0, 65535).astype(np.uint16)


def offsets_of(files: ProductFiles, name: str) -> dict[str, int]:
    """What must be added to each band's digital numbers: as the product's metadata say, else as its name does.

    Raises BadProduct where the metadata are no XML.
    """
    for metadata in files.matching("mtd_msil2a.xml", "mtd_msil1c.xml"):
        if files.archive is None and files.paths[metadata].startswith("/vsi"):
            continue  # far away; the name tells as well
        try:
            document = ElementTree.fromstring(files.text(metadata))
        except ElementTree.ParseError as error:
            raise BadProduct(f"{metadata} is no whole XML: {error}") from error
        told = {
            element.get("band_id"): int(float(element.text or 0))
            for element in document.iter()
            if element.tag.rsplit("}", 1)[-1] in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")
        }
        return {band: told.get(BAND_IDS[band], 0) for band in BANDS}
    return dict.fromkeys(BANDS, offset_in_name(name))


def offset_in_name(name: str) -> int:
    """The offset that a product's processing baseline has.

    >>> offset_in_name("S2A_MSIL2A_20200808T010311_N0500_R045_T54PXA_20230413T212505")
    -1000
    """
    baseline = re.search(r"_N(\d{4})_", name)
    return OFFSET if baseline and int(baseline[1]) >= OFFSET_SINCE else 0

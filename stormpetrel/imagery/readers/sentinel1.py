"""Sentinel-1 IW GRD, and analysis-ready backscatter: sigma nought on a geo box.

A GRD holds digital numbers in radar geometry and some two hundred ground control points. Sigma nought, linear, is
`(DN^2 - noise) / A^2` with the two tables of the product's annotation (ESA S1-RS-MDA-52-7440), interpolated between
their lines and pixels. It is computed before the image is warped, strip by strip, in the part of the radar image that
the strip needs. The warp is a thin plate spline through the control points: a polynomial is off by most of a pixel.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import GCPTransformer
from rasterio.warp import Resampling, reproject, transform
from rasterio.windows import Window

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.calibration import Calibration
from stormpetrel.imagery.readers.files import ProductFiles, edge_in_degrees, open_raster, raster_errors, warped
from stormpetrel.imagery.types import Float32

POLARISATIONS = ("VV", "HH", "VH", "HV")  # the first that a product has is described
COLUMNS, LINES = 2400, 512  # px that are warped, and calibrated, at once
MARGIN = 24  # px of the radar image around a geo box


class RadarImage:
    """One polarisation of a Sentinel-1 product, open; `close` it. `problems` lists what it lacks."""

    def __init__(self, files: ProductFiles) -> None:
        """Raises BadProduct where there is no measurement, or no georeference."""
        self._stack = ExitStack()
        self.polarisation, path = _measurement(files)
        self._dataset = self._stack.enter_context(open_raster(path))
        self.problems: list[str] = []
        try:
            self._open(files)
        except BaseException:
            self.close()
            raise

    def _open(self, files: ProductFiles) -> None:
        crs = self._dataset.crs
        names = [(text or "").upper() for text in self._dataset.descriptions]
        self._band = names.index(self.polarisation) + 1 if self.polarisation in names else 1
        gcps, self._gcp_crs = self._dataset.gcps
        if crs is None and len(gcps) < 4:
            raise BadProduct("its measurement has no coordinate system and no ground control points; where is it?")
        self._gcps = _unwrapped(gcps) if crs is None else []
        self.calibration = Calibration.read(files, self.polarisation) if crs is None else None
        self.scale: Literal["digital numbers", "decibels", "linear"] = self._scale()
        if self.scale == "digital numbers" and self.calibration is None:
            self.problems.append("no calibration annotation: backscatter is relative, not sigma nought")
        elif self.calibration is not None and self.calibration.noise is None:
            self.problems.append("no noise annotation: thermal noise is still in the backscatter")

    def _scale(self) -> Literal["digital numbers", "decibels", "linear"]:
        if np.dtype(self._dataset.dtypes[self._band - 1]).kind in "ui":
            return "digital numbers"
        factor = max(1, self._dataset.width // 512)
        shape = (max(1, self._dataset.height // factor), max(1, self._dataset.width // factor))
        overview = self._dataset.read(self._band, out_shape=shape)
        # Decibels of sigma nought are negative nearly everywhere; linear values never are.
        return "decibels" if (overview[np.isfinite(overview)] < 0).mean() > 0.2 else "linear"

    @property
    def calibrated(self) -> bool:
        """Whether `onto` returns sigma nought, and not only values proportional to it."""
        return self.scale != "digital numbers" or self.calibration is not None

    def outline(self) -> list[tuple[float, float]]:
        """The image's edge as (longitude, latitude), not closed; unwrapped, so that a longitude may exceed 180."""
        if self._gcps:
            rows = [self._dataset.height * share for share in (0, 0, 0, 0.5, 1, 1, 1, 0.5)]
            columns = [self._dataset.width * share for share in (0, 0.5, 1, 1, 1, 0.5, 0, 0)]
            with GCPTransformer(self._gcps, tps=True) as transformer:
                xs, ys = transformer.xy(rows, columns)
            return list(zip(*transform(self._gcp_crs, CRS.from_epsg(4326), list(xs), list(ys)), strict=True))
        return edge_in_degrees(self._dataset)

    def onto(self, geobox: GeoBox) -> Float32:
        """Linear backscatter of each pixel of the geo box, (height, width), NaN where the product has none."""
        if not self._gcps:
            return self._warp_georeferenced(geobox)
        backscatter = np.full(geobox.shape, np.nan, dtype=np.float32)
        gcps = self._gcps_in(geobox)
        # A narrow part needs little of a turned image; a whole strip would need nearly all of it.
        for left in range(0, geobox.width, COLUMNS):
            columns = slice(left, min(left + COLUMNS, geobox.width))
            window = self._window(geobox[:, columns], gcps)
            if window is not None:
                backscatter[:, columns] = self._warp(geobox[:, columns], window, gcps)
        return backscatter

    def _warp(self, geobox: GeoBox, window: Window, gcps: list[GroundControlPoint]) -> Float32:
        backscatter = np.full(geobox.shape, np.nan, dtype=np.float32)
        reproject(
            self._sigma(window),
            backscatter,
            gcps=[GroundControlPoint(gcp.row - window.row_off, gcp.col - window.col_off, gcp.x, gcp.y) for gcp in gcps],
            src_crs=geobox.crs,
            dst_transform=geobox.transform,
            dst_crs=geobox.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            SRC_METHOD="GCP_TPS",
            num_threads=2,
        )
        return backscatter

    def _gcps_in(self, geobox: GeoBox) -> list[GroundControlPoint]:
        """The control points in metres of the geo box's zone: there the antimeridian is no edge."""
        xs, ys = transform(self._gcp_crs, geobox.crs, [gcp.x for gcp in self._gcps], [gcp.y for gcp in self._gcps])
        return [GroundControlPoint(gcp.row, gcp.col, x, y) for gcp, x, y in zip(self._gcps, xs, ys, strict=True)]

    def _warp_georeferenced(self, geobox: GeoBox) -> Float32:
        options = {"resampling": Resampling.bilinear, "dtype": "float32", "nodata": np.nan}
        with raster_errors(), warped(self._dataset, geobox, **options) as raster:
            return self._backscatter(raster.read(self._band, masked=True).filled(np.nan))

    def _backscatter(self, values: NDArray[Any], window: Window | None = None) -> Float32:
        """Linear backscatter of the raster's values; those of a `window` of digital numbers are calibrated."""
        if self.scale == "decibels":
            return np.asarray(10 ** (values / 10), dtype=np.float32)
        if self.scale == "linear":
            return np.asarray(values, dtype=np.float32)
        backscatter = values.astype(np.float32) ** 2
        if self.calibration is not None and window is not None:
            backscatter -= self.calibration.noise_over(window)
            np.maximum(backscatter, 0, out=backscatter)
            backscatter /= self.calibration.sigma.over(window) ** 2
        backscatter[values == 0] = np.nan
        return backscatter

    def _window(self, geobox: GeoBox, gcps: list[GroundControlPoint]) -> Window | None:
        """The part of the radar image that the geo box needs; None where they do not overlap."""
        west, south, east, north = geobox.boundingbox
        xs, ys = np.meshgrid(np.linspace(west, east, 15), np.linspace(south, north, 15))
        with GCPTransformer(gcps, tps=True) as transformer:
            rows, columns = transformer.rowcol(xs.ravel().tolist(), ys.ravel().tolist())
        top, bottom = max(0, min(rows) - MARGIN), min(self._dataset.height, max(rows) + MARGIN)
        left, right = max(0, min(columns) - MARGIN), min(self._dataset.width, max(columns) + MARGIN)
        size = (int(right - left), int(bottom - top))
        return Window(int(left), int(top), *size) if min(size) > 0 else None

    def _sigma(self, window: Window) -> Float32:
        sigma = np.empty((window.height, window.width), dtype=np.float32)
        for top in range(0, window.height, LINES):
            lines = min(LINES, window.height - top)
            part = Window(window.col_off, window.row_off + top, window.width, lines)
            with raster_errors():
                numbers = self._dataset.read(self._band, window=part)
            sigma[top : top + lines] = self._backscatter(numbers, part)
        return sigma

    def close(self) -> None:
        self._stack.close()


def _measurement(files: ProductFiles) -> tuple[str, str]:
    """(polarisation, GDAL path)."""
    rasters = files.matching(".tif", ".tiff")
    for polarisation in POLARISATIONS:
        for name in rasters:
            stem, mark = name.lower().rsplit(".", 1)[0].replace("_", "-"), polarisation.lower()
            if f"-{mark}-" in f"-{stem.rsplit('/', 1)[-1]}-" or stem.split("/")[0] == mark:
                return polarisation, files.paths[name]
    if len(rasters) == 1:
        return "VV", files.paths[rasters[0]]
    raise BadProduct("no measurement of a polarisation (VV, HH, VH, HV) is among its files; is the product complete?")


def _unwrapped(gcps: list[GroundControlPoint]) -> list[GroundControlPoint]:
    """Longitudes that continue over the antimeridian: 179, 180, 181 in place of 179, 180, -179."""
    if not gcps or max(gcp.x for gcp in gcps) - min(gcp.x for gcp in gcps) <= 180:
        return gcps
    return [GroundControlPoint(gcp.row, gcp.col, gcp.x % 360, gcp.y, gcp.z) for gcp in gcps]

"""Sentinel-1 IW GRD, and analysis-ready backscatter: sigma nought on a frame of ground.

A GRD holds digital numbers in radar geometry and some two hundred ground control points. Sigma nought, linear, is
`(DN^2 - noise) / A^2` with the two tables of the product's annotation (ESA S1-RS-MDA-52-7440), interpolated between
their lines and pixels. It is reckoned before the image is warped, strip by strip, in the part of the radar image that
the strip needs. The warp is a thin plate spline through the control points: a polynomial is off by most of a pixel.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import GCPTransformer
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling, reproject, transform
from rasterio.windows import Window

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.patches.geobox import GeoBox
from stormpetrel.imagery.readers.calibration import Calibration
from stormpetrel.imagery.readers.files import ProductFiles, edge_in_degrees, opened, readable

POLARISATIONS = ("VV", "HH", "VH", "HV")  # the one that comes first is described
COLUMNS, LINES = 2400, 512  # px that are warped, and calibrated, at once
MARGIN = 24  # px around what a frame needs of the radar image
Float32 = NDArray[np.float32]


class RadarImage:
    """One polarisation of a Sentinel-1 product, open; `close` it. `problems` says what it lacks."""

    def __init__(self, files: ProductFiles) -> None:
        """Raises BadProduct where there is no measurement, or nothing that says where on Earth it lies."""
        self._stack = ExitStack()
        self.polarisation, path = _measurement(files)
        self._dataset = self._stack.enter_context(opened(path))
        self.problems: list[str] = []
        try:
            self._open(files)
        except BaseException:
            self.close()
            raise

    def _open(self, files: ProductFiles) -> None:
        found = self._dataset
        self._band = _band_of(found, self.polarisation)
        self._gcps, self._gcp_crs = found.gcps
        if found.crs is None and len(self._gcps) < 4:
            raise BadProduct("its measurement has no coordinate system and no ground control points; where is it?")
        if found.crs is not None:
            self._gcps = []
        self._gcps = _unwrapped(self._gcps)
        self._points: dict[int, list[GroundControlPoint]] = {}
        self.calibration = Calibration.read(files, self.polarisation) if found.crs is None else None
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
        looked_at = self._dataset.read(self._band, out_shape=shape)
        # Decibels of sigma nought are negative nearly everywhere; linear values never are.
        return "decibels" if (looked_at[np.isfinite(looked_at)] < 0).mean() > 0.2 else "linear"

    @property
    def calibrated(self) -> bool:
        """Whether `onto` gives sigma nought, and not only what is proportional to it."""
        return self.scale != "digital numbers" or self.calibration is not None

    def outline(self) -> list[tuple[float, float]]:
        """Its edge as (longitude, latitude), not closed; unwrapped, so that a longitude may be over 180."""
        if self._gcps:
            height, width = self._dataset.height, self._dataset.width
            rows = [0, 0, 0, height / 2, height, height, height, height / 2]
            columns = [0, width / 2, width, width, width, width / 2, 0, 0]
            with GCPTransformer(self._gcps, tps=True) as placed:
                xs, ys = placed.xy(rows, columns)
            return list(zip(*transform(self._gcp_crs, CRS.from_epsg(4326), list(xs), list(ys)), strict=True))
        return edge_in_degrees(self._dataset)

    def onto(self, geobox: GeoBox) -> Float32:
        """Linear backscatter of each pixel of the frame, (height, width), NaN where the product has none."""
        out = np.full((geobox.height, geobox.width), np.nan, dtype=np.float32)
        if not self._gcps:
            return self._from_map(geobox, out)
        points = self._points_in(geobox)
        # A narrow part needs little of a turned image; a whole strip would need nearly all of it.
        for left in range(0, geobox.width, COLUMNS):
            part = geobox.columns(left, min(COLUMNS, geobox.width - left))
            window = self._window(part, points)
            if window is not None:
                out[:, left : left + part.width] = self._warped(part, window, points)
        return out

    def _warped(self, geobox: GeoBox, window: Window, points: list[GroundControlPoint]) -> Float32:
        found = np.full((geobox.height, geobox.width), np.nan, dtype=np.float32)
        shifted = [
            GroundControlPoint(point.row - window.row_off, point.col - window.col_off, point.x, point.y)
            for point in points
        ]
        reproject(
            self._sigma(window),
            found,
            gcps=shifted,
            src_crs=geobox.crs,
            dst_transform=geobox.transform,
            dst_crs=geobox.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            SRC_METHOD="GCP_TPS",
            num_threads=2,
        )
        return found

    def _points_in(self, geobox: GeoBox) -> list[GroundControlPoint]:
        """The control points in metres of the frame's zone: there the antimeridian is no edge."""
        if geobox.epsg not in self._points:
            xs, ys = transform(self._gcp_crs, geobox.crs, [gcp.x for gcp in self._gcps], [gcp.y for gcp in self._gcps])
            self._points[geobox.epsg] = [
                GroundControlPoint(gcp.row, gcp.col, x, y) for gcp, x, y in zip(self._gcps, xs, ys, strict=True)
            ]
        return self._points[geobox.epsg]

    def _from_map(self, geobox: GeoBox, out: Float32) -> Float32:
        with (
            readable(),
            WarpedVRT(
                self._dataset,
                crs=geobox.crs,
                transform=geobox.transform,
                width=geobox.width,
                height=geobox.height,
                resampling=Resampling.bilinear,
                dtype="float32",
                nodata=np.nan,
            ) as warped,
        ):
            found = warped.read(self._band, masked=True).filled(np.nan)
        out[:] = 10 ** (found / 10) if self.scale == "decibels" else found
        if self.scale == "digital numbers":
            out[out == 0] = np.nan
            out **= 2
        return out

    def _window(self, geobox: GeoBox, points: list[GroundControlPoint]) -> Window | None:
        """The part of the radar image that the frame needs; None where they do not meet."""
        west, south, east, north = geobox.bounds
        xs, ys = np.meshgrid(np.linspace(west, east, 15), np.linspace(south, north, 15))
        with GCPTransformer(points, tps=True) as placed:
            rows, columns = placed.rowcol(xs.ravel().tolist(), ys.ravel().tolist())
        top, bottom = max(0, min(rows) - MARGIN), min(self._dataset.height, max(rows) + MARGIN)
        left, right = max(0, min(columns) - MARGIN), min(self._dataset.width, max(columns) + MARGIN)
        if top >= bottom or left >= right:
            return None
        return Window(int(left), int(top), int(right - left), int(bottom - top))

    def _sigma(self, window: Window) -> Float32:
        found = np.empty((window.height, window.width), dtype=np.float32)
        for top in range(0, window.height, LINES):
            lines = min(LINES, window.height - top)
            part = Window(window.col_off, window.row_off + top, window.width, lines)
            found[top : top + lines] = self._sigma_of(part)
        return found

    def _sigma_of(self, window: Window) -> Float32:
        with readable():
            numbers = self._dataset.read(self._band, window=window)
        if self.scale == "decibels":
            return np.asarray(10 ** (numbers / 10), dtype=np.float32)
        if self.scale == "linear":
            return np.asarray(numbers, dtype=np.float32)
        found = numbers.astype(np.float32) ** 2
        if self.calibration is not None:
            found -= self.calibration.noise_over(window)
            np.maximum(found, 0, out=found)
            found /= self.calibration.sigma.over(window) ** 2
        found[numbers == 0] = np.nan
        return found

    def close(self) -> None:
        self._stack.close()


def _measurement(files: ProductFiles) -> tuple[str, str]:
    """(polarisation, what GDAL opens)."""
    rasters = files.matching(".tif", ".tiff")
    for polarisation in POLARISATIONS:
        for name in rasters:
            stem = name.lower().rsplit(".", 1)[0].replace("_", "-")
            if (
                f"-{polarisation.lower()}-" in f"-{stem.rsplit('/', 1)[-1]}-"
                or stem.split("/")[0] == polarisation.lower()
            ):
                return polarisation, files.paths[name]
    if len(rasters) == 1:
        return "VV", files.paths[rasters[0]]
    raise BadProduct("no measurement of a polarisation (VV, HH, VH, HV) is among its files; is the product whole?")


def _band_of(dataset: rasterio.DatasetReader, polarisation: str) -> int:
    described = [(text or "").upper() for text in dataset.descriptions]
    return described.index(polarisation) + 1 if polarisation in described else 1


def _unwrapped(gcps: list[GroundControlPoint]) -> list[GroundControlPoint]:
    """Longitudes that run on over the antimeridian: 179, 180, 181 in place of 179, 180, -179."""
    if not gcps or max(gcp.x for gcp in gcps) - min(gcp.x for gcp in gcps) <= 180:
        return gcps
    return [GroundControlPoint(gcp.row, gcp.col, gcp.x % 360, gcp.y, gcp.z) for gcp in gcps]

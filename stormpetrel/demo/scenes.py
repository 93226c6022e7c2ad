"""Generated Sentinel products of one place before and after a flood, whose truth is known, in the real formats.

The generated ground has fields, woods, a town, a river and a lake; the flood covers what is low along the river. Radar
images are GRDs in SAFE folders: digital numbers with single-look-like speckle in radar geometry, 210 ground control
points, calibration and noise annotations. Optical ones are L2A in SAFE folders: JPEG2000 bands with an offset, and a
scene classification.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.warp import transform
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter, map_coordinates

Float64 = NDArray[np.float64]
WATER, FIELD, MEADOW, WOOD, TOWN, MUD = range(6)
DECIBELS = np.array([-22.0, -12.5, -14.5, -9.0, -4.0, -21.0])
# Percent, of B02, B03, B04, B08 of each class; flood water is muddy.
PERCENT = [[5, 6, 4, 2], [8, 10, 13, 24], [5, 9, 6, 38], [3, 5, 3, 28], [14, 15, 17, 22], [9, 13, 12, 6]]
REFLECTANCE = np.array(PERCENT) / 100
LOOKS = 4.4
CELL = 40.0  # metres, of the grid that the ground is generated on
OFFSET = -1000
SIGMA_NOUGHT = 500.0  # of the calibration table
NOISE = 300.0  # DN^2
# Each table of a radar image: its root, the vectors' element, the values' element, and the value.
ANNOTATIONS = (
    ("calibration", "calibrationVector", "sigmaNought", SIGMA_NOUGHT),
    ("noise", "noiseRangeVector", "noiseRangeLut", NOISE),
)


@dataclass(frozen=True)
class Ground:
    """The generated ground, in a UTM zone: `west`, `north` in metres, `size` in pixels of 10 m."""

    epsg: int
    west: float
    north: float
    size: int
    seed: int = 3

    @cached_property
    def fields(self) -> dict[str, NDArray[np.float32]]:
        """Smooth random fields on a grid of 40 m, with a border of 1 km around the area."""
        cells = int(self.size * 10 / CELL) + 2 * int(1000 / CELL)
        rng = np.random.default_rng(self.seed)

        def smooth(sigma: float) -> NDArray[np.float32]:
            field = gaussian_filter(rng.standard_normal((cells, cells)).astype(np.float32), sigma)
            return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)

        y, x = np.mgrid[0:cells, 0:cells].astype(np.float32)
        bend = 0.08 * cells * np.sin(x / cells * 7) + 0.03 * cells * np.sin(x / cells * 19 + 1)
        river = np.abs(y - 0.5 * cells - bend) * CELL
        lake = np.hypot(y - 0.25 * cells, x - 0.7 * cells) * CELL
        town = np.hypot(y - 0.62 * cells, x - 0.3 * cells) * CELL
        return {"kind": smooth(6), "wood": smooth(14), "height": smooth(18), "river": river, "lake": lake, "town": town}

    def classes(self, xs: NDArray[np.float64], ys: NDArray[np.float64], flood: bool) -> NDArray[np.uint8]:
        """The class at points (easting, northing)."""
        at = [(self.north + 1000 - ys) / CELL, (xs - self.west + 1000) / CELL]
        fields = {
            name: map_coordinates(field, at, order=1, mode="nearest", output=np.float32)
            for name, field in self.fields.items()
        }
        classes = np.where(fields["kind"] > 0, FIELD, MEADOW).astype(np.uint8)
        classes[fields["wood"] > 0.6] = WOOD
        classes[(fields["town"] < 1500) & (fields["kind"] > -0.8)] = TOWN
        if flood:
            is_low = fields["river"] < 1400 + 700 * fields["height"]
            classes[is_low & (classes != TOWN) & (classes != WOOD)] = MUD
        classes[(fields["river"] < 90) | (fields["lake"] < 900)] = WATER
        return classes

    def truth(self, flood: bool) -> NDArray[np.uint8]:
        """The class of each pixel of the area, (size, size), north up."""
        xs = self.west + 10 * (np.arange(self.size) + 0.5)
        ys = self.north - 10 * (np.arange(self.size) + 0.5)
        x, y = np.meshgrid(xs, ys)
        return self.classes(x, y, flood)


@dataclass(frozen=True)
class RadarGeometry:
    """The ground positions of a descending pass: rotated against the zone's grid and slightly bent, as real ones."""

    ground: Ground
    rows: int
    columns: int
    rotation: float = np.deg2rad(192.0)

    def position(self, rows: Float64, columns: Float64) -> tuple[Float64, Float64]:
        """(easting, northing) of pixels, metres."""
        along, across = (rows - self.rows / 2) * 10, (columns - self.columns / 2) * 10
        bend = 2e-7 * across**2
        middle = self.ground.size * 5
        east = np.cos(self.rotation) * across + np.sin(self.rotation) * (along + bend)
        north = np.sin(self.rotation) * across - np.cos(self.rotation) * (along + bend)
        return self.ground.west + middle + east, self.ground.north - middle + north

    def control_points(self) -> list[GroundControlPoint]:
        grid = np.meshgrid(np.linspace(0, self.rows, 10), np.linspace(0, self.columns, 21), indexing="ij")
        rows, columns = (axis.ravel() for axis in grid)
        xs, ys = self.position(rows, columns)
        lons, lats = transform(f"EPSG:{self.ground.epsg}", "EPSG:4326", xs.tolist(), ys.tolist())
        return [GroundControlPoint(*point, 0.0) for point in zip(rows, columns, lons, lats, strict=True)]


def write_radar(
    folder: Path, ground: Ground, sensed: datetime, flood: bool, shape: tuple[int, int] | None = None, seed: int = 5
) -> Path:
    """An S1 IW GRD in SAFE: its folder. `shape` is (rows, columns) of the radar image; by default it covers the
    area."""
    side = int(ground.size * 1.25)
    geometry = RadarGeometry(ground, *(shape or (side, side)))
    until = sensed + timedelta(seconds=25)
    name = f"S1A_IW_GRDH_1SDV_{sensed:%Y%m%dT%H%M%S}_{until:%Y%m%dT%H%M%S}_061790_07B9D1_{seed:04X}"
    safe = folder / f"{name}.SAFE"
    stem = f"s1a-iw-grd-vv-{sensed:%Y%m%dt%H%M%S}-{until:%Y%m%dt%H%M%S}-061790-07b9d1-001"
    (safe / "measurement").mkdir(parents=True)
    (safe / "annotation" / "calibration").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    profile = {"width": geometry.columns, "height": geometry.rows, "count": 1, "dtype": "uint16", "crs": "EPSG:4326"}
    file = safe / "measurement" / f"{stem}.tiff"
    with rasterio.open(file, "w", driver="GTiff", gcps=geometry.control_points(), **profile) as out:
        for first in range(0, geometry.rows, 512):
            last = min(geometry.rows, first + 512)
            rows, columns = np.mgrid[first:last, 0 : geometry.columns].astype(np.float64)
            classes = ground.classes(*geometry.position(rows + 0.5, columns + 0.5), flood)
            sigma = 10 ** (DECIBELS[classes] / 10) * rng.gamma(LOOKS, 1 / LOOKS, classes.shape)
            numbers = np.clip(np.round(np.sqrt(sigma * SIGMA_NOUGHT**2 + NOISE)), 1, 65535).astype(np.uint16)
            out.write(numbers, 1, window=Window(0, first, geometry.columns, last - first))
    for kind, vector, name, value in ANNOTATIONS:
        text = _annotation(geometry, kind, vector, name, value)
        (safe / "annotation" / "calibration" / f"{kind}-{stem}.xml").write_text(text, encoding="utf-8")
    return safe


def _annotation(geometry: RadarGeometry, kind: str, vector: str, name: str, value: float) -> str:
    """The XML of a table with the same value everywhere."""
    pixels = np.unique(np.linspace(0, geometry.columns - 1, 40).astype(int))
    lines = [0, geometry.rows // 2, geometry.rows - 1]
    pixel_list = f'<pixel count="{len(pixels)}">{" ".join(map(str, pixels))}</pixel>'
    numbers = f'<{name} count="{len(pixels)}">{" ".join([f"{value:.6e}"] * len(pixels))}</{name}>'
    vectors = "".join(f"<{vector}><line>{line}</line>{pixel_list}{numbers}</{vector}>" for line in lines)
    return f'<?xml version="1.0"?><{kind}><{vector}List count="{len(lines)}">{vectors}</{vector}List></{kind}>'


def write_optical(folder: Path, ground: Ground, sensed: datetime, flood: bool, seed: int = 6) -> Path:
    """An S2 L2A in SAFE: its folder. There is a cloud in the north-west corner."""
    tile = "T32TMQ"
    name = f"S2A_MSIL2A_{sensed:%Y%m%dT%H%M%S}_N0511_R022_{tile}_{sensed:%Y%m%d}T140000"
    safe = folder / f"{name}.SAFE"
    images = safe / "GRANULE" / f"L2A_{tile}_A044000_{sensed:%Y%m%dT%H%M%S}" / "IMG_DATA"
    for inner in ("R10m", "R20m"):
        (images / inner).mkdir(parents=True)
    classes = ground.truth(flood)
    cloudy = np.zeros(classes.shape, dtype=bool)
    cloudy[: ground.size // 12, : ground.size // 12] = True
    rng = np.random.default_rng(seed)
    for position, band in enumerate(("B02", "B03", "B04", "B08")):
        clear = REFLECTANCE[:, position].astype(np.float32)[classes]
        clear *= 1 + 0.08 * rng.standard_normal(classes.shape, dtype=np.float32)
        numbers = np.clip(np.where(cloudy, 0.7, clear) * 10_000 - OFFSET, 1, 65535).astype(np.uint16)
        _write_jp2(images / "R10m" / f"{tile}_{sensed:%Y%m%dT%H%M%S}_{band}_10m.jp2", ground, numbers, 10)
    kinds = np.where(cloudy, 9, np.where(np.isin(classes, (WATER, MUD)), 6, 4)).astype(np.uint8)[::2, ::2]
    _write_jp2(images / "R20m" / f"{tile}_{sensed:%Y%m%dT%H%M%S}_SCL_20m.jp2", ground, kinds, 20)
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{band}">{OFFSET}</BOA_ADD_OFFSET>' for band in range(13))
    (safe / "MTD_MSIL2A.xml").write_text(
        f'<?xml version="1.0"?><n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD">'
        f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST></n1:Level-2A_User_Product>",
        encoding="utf-8",
    )
    return safe


def _write_jp2(path: Path, ground: Ground, numbers: NDArray[np.generic], resolution: float) -> None:
    height, width = numbers.shape
    grid = {"crs": f"EPSG:{ground.epsg}", "transform": Affine(resolution, 0, ground.west, 0, -resolution, ground.north)}
    profile = {"count": 1, "width": width, "height": height, "dtype": numbers.dtype.name, **grid}
    lossless = {"quality": 100, "reversible": "yes", "blockxsize": 1024, "blockysize": 1024}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", **profile, **lossless) as out:
        out.write(numbers, 1)

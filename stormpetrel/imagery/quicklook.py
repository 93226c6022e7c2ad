"""Pictures of a scene for people: radar in grey, optical in true colour, new water in colour; as COGs and PNGs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from PIL import Image
from rasterio.windows import Window

from stormpetrel.core.errors import NotFound
from stormpetrel.imagery.patches.descriptors import QUANTIFICATION
from stormpetrel.imagery.patches.geobox import RESOLUTION, PatchFootprint
from stormpetrel.imagery.picture_colours import BRIGHTEST, CHANGE, DECIBELS, GREY, coloured
from stormpetrel.imagery.readers.files import open_raster
from stormpetrel.imagery.types import UInt8

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

BAND_COUNTS = {"s1": 1, "s2": 3, "change": 1}
COLOURS = {"s1": GREY, "s2": None, "change": CHANGE}
# A class is picked, not interpolated: between land and new water there is no water that is not new.
OVERVIEWS = {"s1": "AVERAGE", "s2": "AVERAGE", "change": "NEAREST"}
LARGEST_SIZE = 1600  # px of a whole scene's PNG


def radar_grey(intensity: NDArray[np.float32]) -> UInt8:
    """Linear backscatter as 1 to 255; 0 is nodata. Shape (1, height, width)."""
    dark, bright = DECIBELS
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (10 * np.log10(intensity) - dark) / (bright - dark)
    grey = 1 + 254 * np.clip(np.nan_to_num(share, nan=0, neginf=0), 0, 1)
    grey[~np.isfinite(intensity)] = 0
    return grey.astype(np.uint8)[None]


def true_colour(bands: Sequence[NDArray[np.uint16]], offsets: Sequence[int]) -> UInt8:
    """B04, B03, B02 as red, green, blue, 1 to 255; 0 is nodata. Shape (3, height, width). `bands` start with B02, B03,
    B04."""
    # Tables of all 16-bit numbers: a power for each pixel of a tile takes seconds.
    reflectances = (np.arange(65536) + np.array(offsets)[2::-1, None]) / QUANTIFICATION
    tables = (1 + 254 * np.clip(reflectances / BRIGHTEST, 0, 1) ** (1 / 1.6)).astype(np.uint8)
    tables[:, 0] = 0
    return np.stack([table[band] for table, band in zip(tables, bands[2::-1], strict=True)])


class PictureWriter:
    """A scene's picture, written strip by strip, then turned into a COG."""

    def __init__(self, path: Path, kind: str, geobox: GeoBox) -> None:
        self.path, self._overviews = path, OVERVIEWS[kind]
        self._raw = path.with_suffix(".part.tif")
        self._raw.parent.mkdir(parents=True, exist_ok=True)
        self._out = rasterio.open(
            self._raw,
            "w",
            driver="GTiff",
            width=geobox.width,
            height=geobox.height,
            count=BAND_COUNTS[kind],
            dtype="uint8",
            crs=geobox.crs,
            transform=geobox.transform,
            nodata=0,
            tiled=True,
            blockxsize=512,
            blockysize=512,
        )

    def write(self, rows: slice, pixels: UInt8) -> None:
        """Writes the pixels of some rows, (bands, rows, width)."""
        self._out.write(pixels, window=Window(0, rows.start, self._out.width, rows.stop - rows.start))

    def finish(self) -> None:
        """Replaces the previous picture with the complete COG."""
        self._out.close()
        cog = self.path.with_suffix(".cog.tif")
        options = {"compress": "DEFLATE", "level": 1, "num_threads": "2", "overview_resampling": self._overviews}
        rasterio.shutil.copy(self._raw, cog, driver="COG", **options)
        cog.replace(self.path)
        self._raw.unlink()

    def abandon(self) -> None:
        """Deletes what was written."""
        self._out.close()
        self._raw.unlink(missing_ok=True)


def scene_png(path: Path) -> bytes:
    """A whole scene's picture, at most 1,600 px wide and high. Raises NotFound where there is none."""
    with _open_picture(path) as dataset:
        factor = max(1, *(size / LARGEST_SIZE for size in dataset.shape))
        shape = (max(1, round(size / factor)) for size in dataset.shape)
        return _png(dataset.read(out_shape=(dataset.count, *shape)), path.stem)


def patch_png(path: Path, footprint: PatchFootprint) -> bytes:
    """A patch's part of a picture. Raises NotFound where the picture does not cover it."""
    with _open_picture(path) as dataset:
        west, _, _, north = footprint.bounds
        column = round((west - dataset.transform.c) / RESOLUTION)
        row = round((dataset.transform.f - north) / RESOLUTION)
        size = footprint.scale_level
        inside = 0 <= column <= dataset.width - size and 0 <= row <= dataset.height - size
        if dataset.crs.to_epsg() != footprint.epsg or not inside:
            raise NotFound(f"{path.name} does not cover {footprint.name}")
        return _png(dataset.read(window=Window(column, row, size, size)), path.stem)


@contextmanager
def _open_picture(path: Path) -> Iterator[rasterio.DatasetReader]:
    if not path.is_file():
        raise NotFound(f"there is no picture {path.parent.name}/{path.name}")
    with open_raster(str(path)) as dataset:
        yield dataset


def _png(pixels: UInt8, kind: str) -> bytes:
    colours = coloured(pixels, COLOURS[kind])
    out = io.BytesIO()
    Image.fromarray(colours, "RGBA").save(out, "PNG", compress_level=4)
    return out.getvalue()

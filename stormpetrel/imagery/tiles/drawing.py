"""Draws a tile of a scene's picture: read at the tile's resolution, warped to web Mercator by rio-tiler, coloured."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader

from stormpetrel.core.errors import BadProduct, NotFound
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.picture_colours import coloured
from stormpetrel.imagery.readers.files import open_raster
from stormpetrel.imagery.tiles.layers import REMEDY, Layer, Resampling, TileForm
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.imagery.types import UInt8

NONE_OF_THEM = 1  # of a classification map: it hides nothing of the map below


def draw(path: Path, layer: Layer, tile: TileAddress, form: TileForm) -> bytes:
    """A layer's tile of 256 x 256 px from the picture at `path`; empty where the picture has no pixel in it.

    Raises NotFound where the picture is gone, BadProduct where it cannot be read.
    """
    try:
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), _at_resolution(path, tile) as dataset:
            pixels = _pixels(dataset, tile, layer.resampling)
    except (RasterioError, BadProduct) as error:
        if not path.is_file():
            raise NotFound(f"the picture {path.name} of this scene is gone; {REMEDY}") from error
        raise BadProduct(f"the picture {path.name} of this scene is broken ({error}); {REMEDY}") from error
    lossless = layer.resampling == "nearest"
    return b"" if pixels is None else _encoded(coloured(pixels, layer.colours), form, lossless)


def draw_classes(geotiff: bytes, tile: TileAddress, form: TileForm) -> bytes:
    """A tile of a classification map (`ClassMap.geotiff`), in its own colours; empty where it has no patch."""
    with MemoryFile(geotiff) as file, file.open() as dataset:
        colours = np.array([dataset.colormap(1)[level] for level in range(256)], dtype=np.uint8)
        pixels = _pixels(dataset, tile, "nearest")
    colours[NONE_OF_THEM] = 0
    return b"" if pixels is None else _encoded(coloured(pixels, colours), form, lossless=True)


def _pixels(dataset: rasterio.DatasetReader, tile: TileAddress, resampling: Resampling) -> UInt8 | None:
    """(bands, 256, 256), 0 is nodata; None where all of it is."""
    try:
        reader = Reader(None, dataset=dataset)
        image = reader.tile(tile.column, tile.row, tile.zoom, resampling_method=resampling, reproject_method=resampling)
    except TileOutsideBounds:
        return None
    return None if np.ma.getmaskarray(image.array).all() else np.asarray(image.array.filled(0), dtype=np.uint8)


@contextmanager
def _at_resolution(path: Path, tile: TileAddress) -> Iterator[rasterio.DatasetReader]:
    """The picture at the overview that is next finer than the tile: GDAL finds none itself across the antimeridian,
    and reads a whole scene for one tile."""
    with open_raster(str(path)) as dataset:
        finer = [level for level, factor in enumerate(dataset.overviews(1)) if factor * RESOLUTION <= tile.pixel_m]
    options: dict[str, Any] = {"overview_level": finer[-1]} if finer else {}
    with open_raster(str(path), **options) as dataset:
        yield dataset


def _encoded(colours: UInt8, form: TileForm, lossless: bool) -> bytes:
    """Classes keep their colours: they are encoded without loss."""
    out = io.BytesIO()
    image = Image.fromarray(colours, "RGBA")
    if form == "png":
        image.save(out, "PNG", compress_level=3)
    else:
        image.save(out, "WEBP", lossless=lossless, quality=20 if lossless else 85, method=2)
    return out.getvalue()

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
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader

from stormpetrel.core.errors import BadProduct, NotFound
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.picture_colours import coloured
from stormpetrel.imagery.readers.files import open_raster
from stormpetrel.imagery.tiles.layers import REMEDY, Layer, TileForm
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.imagery.types import UInt8


def draw(path: Path, layer: Layer, tile: TileAddress, form: TileForm) -> bytes:
    """A layer's tile of 256 x 256 px from the picture at `path`; empty where the picture has no pixel in it.

    Raises NotFound where the picture is gone, BadProduct where it cannot be read.
    """
    try:
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), _at_resolution(path, tile) as dataset:
            reader = Reader(None, dataset=dataset)
            method = layer.resampling
            image = reader.tile(tile.column, tile.row, tile.zoom, resampling_method=method, reproject_method=method)
    except TileOutsideBounds:
        return b""
    except (RasterioError, BadProduct) as error:
        if not path.is_file():
            raise NotFound(f"the picture {path.name} of this scene is gone; {REMEDY}") from error
        raise BadProduct(f"the picture {path.name} of this scene is broken ({error}); {REMEDY}") from error
    if np.ma.getmaskarray(image.array).all():
        return b""
    return _encoded(coloured(image.array.filled(0), layer.colours), form, lossless=layer.resampling == "nearest")


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

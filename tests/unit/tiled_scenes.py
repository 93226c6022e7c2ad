"""Pictures of scenes as the scenes consumer writes them, and an API in memory that has such a scene."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image

import stormpetrel.imagery.tiles.drawing  # noqa: F401  # loaded first, so that no request of a test waits for it
from stormpetrel.bootstrap import picture_folder
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.quicklook import PictureWriter
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.projections import PatchProjection
from tests.memory_api import MemoryApi
from tests.unit.stac_night import OPTICAL, RADAR, SCENE, large_scene

ITALY = (32632, 480_000.0, 4_920_000.0)  # EPSG code, west and north in metres: the corner of a scene
FIJI = (32760, 819_500.0, 8_200_000.0)  # it lies on both sides of the antimeridian
Corner = tuple[int, float, float]


def grid(corner: Corner, shape: tuple[int, int]) -> GeoBox:
    epsg, west, north = corner
    return GeoBox(shape, Affine(RESOLUTION, 0, west, 0, -RESOLUTION, north), f"EPSG:{epsg}")


def write_picture(folder: Path, kind: str, pixels: NDArray[np.uint8], corner: Corner = ITALY) -> Path:
    """A picture of (bands, height, width) pixels, as a COG."""
    writer = PictureWriter(folder / f"{kind}.tif", kind, grid(corner, pixels.shape[1:]))
    writer.write(slice(0, pixels.shape[1]), pixels)
    writer.finish()
    return writer.path


def write_raster(path: Path, pixels: NDArray[np.uint8], corner: Corner = ITALY) -> Path:
    """The same as a plain GeoTIFF, in a fraction of the time."""
    box = grid(corner, pixels.shape[1:])
    profile = {"width": box.width, "height": box.height, "count": len(pixels), "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", crs=box.crs, transform=box.transform, **profile) as out:
        out.write(pixels)
    return path


def colours_of(tile: bytes) -> NDArray[np.uint8]:
    """Red, green, blue and opacity, (256, 256, 4)."""
    return np.asarray(Image.open(io.BytesIO(tile)).convert("RGBA"))


def tile_at(longitude: float, latitude: float, zoom: int) -> TileAddress:
    """The tile that has a point, reckoned by another library."""
    import morecantile

    tile = morecantile.tms.get("WebMercatorQuad").tile(longitude, latitude, zoom)
    return TileAddress(tile.z, tile.x, tile.y)


def middle_of(corner: Corner, size: int) -> tuple[float, float]:
    """(longitude, latitude) of the middle of a square of `size` px."""
    epsg, west, north = corner
    half = size * RESOLUTION / 2
    (longitude,), (latitude,) = rasterio.warp.transform(f"EPSG:{epsg}", "EPSG:4326", [west + half], [north - half])
    return longitude, latitude


def plain(kind: str, size: int) -> NDArray[np.uint8]:
    """Pixels of a picture: `s1` is 100 everywhere, `s2` red, `change` land in the west and new water in the east."""
    ground = np.ones((1, size, size), dtype=np.uint8)
    if kind == "change":
        return np.where(np.arange(size) < size // 2, ground, 3 * ground)
    return 100 * ground if kind == "s1" else np.concatenate([200 * ground, 50 * ground, 50 * ground])


class TiledApi:
    """An API in memory with one scene of `size` px, and its pictures, (bands, size, size) each."""

    def __init__(
        self, folder: Path, size: int = 480, pixels: Callable[[str, int], NDArray[np.uint8]] = plain, **settings: Any
    ) -> None:
        self.memory = MemoryApi(imagery={"directory": folder}, **settings)
        self.folder = picture_folder(self.memory.settings.imagery, SCENE)
        self.middle = middle_of(ITALY, size)
        epsg, west, north = ITALY
        bounds = (west, north - size * RESOLUTION, west + size * RESOLUTION, north)
        pictures = {kind: write_picture(self.folder, kind, pixels(kind, size)).name for kind in ("s1", "s2", "change")}
        names = {"scene_id": SCENE, "s1_product": RADAR, "s2_product": OPTICAL}
        scene = large_scene().model_copy(update={**names, "epsg": epsg, "bounds": bounds, "pictures": pictures})
        PatchProjection(self.memory.documents, self.memory.index, "patches", {}).write([scene])

    def address(self, layer: str, tile: TileAddress | None = None, form: str = "png", scene: str = SCENE) -> str:
        tile = tile or tile_at(*self.middle, 14)
        return f"/v1/tiles/{scene}/{layer}/{tile.zoom}/{tile.column}/{tile.row}.{form}"

"""The open images of a scene, and what they show of a strip of ground."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import Scene
from stormpetrel.imagery.patches.cutting import Strip
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import GeoBox, geobox_around, utm_epsg
from stormpetrel.imagery.readers.files import files_of
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage
from stormpetrel.imagery.water import detection as water

MOST_PIXELS = 600_000_000  # of a frame; a whole GRD needs 480 million
T = TypeVar("T")


def frame_of(scene: Scene, optical: OpticalImage | None) -> GeoBox:
    """The optical image's own zone, so that its pixels stay as they are; else the zone of the ground's middle.

    Raises BadProduct where the ground is larger than a product's can be.
    """
    centre = _short_way(scene.ground).centroid
    epsg = (optical.epsg if optical is not None else None) or utm_epsg(centre.x, centre.y)
    around = [
        transform_geom("EPSG:4326", f"EPSG:{epsg}", shapely.geometry.mapping(part)) for part in _parts(scene.ground)
    ]
    bounds = shapely.union_all([shapely.geometry.shape(part) for part in around]).bounds
    geobox = geobox_around(epsg, bounds)
    if geobox.width * geobox.height > MOST_PIXELS or not all(np.isfinite(bounds)):
        raise BadProduct(
            f"its ground is {geobox.width} x {geobox.height} pixels in one UTM zone; name a smaller imagery.area"
        )
    return geobox


def _parts(ground: Any) -> list[Any]:
    # Dense edges: a straight line in degrees is none in metres.
    return [shapely.segmentize(part, 0.05) for part in getattr(ground, "geoms", [ground]) if part.area > 0]


def _short_way(ground: Any) -> Any:
    """The ground in one piece, if the antimeridian splits it."""
    west, _, east, _ = ground.bounds
    if east - west <= 180:
        return ground
    return shapely.transform(ground, lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))


class Images:
    """The open images of a scene; the before-images may fail, and then it has none."""

    def __init__(self, scene: Scene, stack: ExitStack) -> None:
        self.problems: list[str] = []
        self.radar = self._radar(scene.radar, stack) if scene.radar else None
        self.optical = self._optical(scene.optical, stack) if scene.optical else None
        self.radar_before = self._tried(self._radar, scene.radar_before, stack)
        self.optical_before = self._tried(self._optical, scene.optical_before, stack)
        for image in (self.radar, self.optical):
            self.problems += image.problems if image is not None else []

    @staticmethod
    def _radar(product: ProductAnnounced, stack: ExitStack) -> RadarImage:
        image = RadarImage(files_of(product.location, product.assets))
        stack.callback(image.close)
        return image

    @staticmethod
    def _optical(product: ProductAnnounced, stack: ExitStack) -> OpticalImage:
        image = OpticalImage(
            files_of(product.location, product.assets), product.product_name, product.reflectance_offset
        )
        stack.callback(image.close)
        return image

    def _tried(self, open_image: Any, product: ProductAnnounced | None, stack: ExitStack) -> Any:
        if product is None:
            return None
        try:
            return open_image(product, stack)
        except BadProduct as error:
            self.problems.append(f"no new water against {product.product_name}: {error}")
            return None

    def if_whole(self, sensor: str, task: Future[T] | None) -> T | None:
        """What a before-image shows; one that breaks off in the middle is none from there on."""
        try:
            return _result(task)
        except BadProduct as error:
            self.problems.append(f"no new water where the {sensor} before-image is broken: {error}")
            if sensor == "radar":
                self.radar_before = None
            else:
                self.optical_before = None
            return None

    @property
    def offsets(self) -> tuple[int, ...]:
        return tuple(self.optical.offsets[band] for band in BANDS) if self.optical else (0, 0, 0, 0)


@dataclass(frozen=True)
class Before:
    """What water needs of the before-images: backscatter, and NDWI levels."""

    radar: NDArray[np.float32] | None
    ndwi: NDArray[np.uint8] | None


def read_strip(images: Images, place: GeoBox) -> tuple[Strip, Before]:
    """All images of a strip, two at a time: GDAL lets go of the lock while it decodes and warps."""
    with ThreadPoolExecutor(2) as threads:
        optical = threads.submit(images.optical.onto, place) if images.optical else None
        radar = threads.submit(images.radar.onto, place) if images.radar else None
        ndwi_before = threads.submit(_ndwi_of, images.optical_before, place) if images.optical_before else None
        radar_before = threads.submit(images.radar_before.onto, place) if images.radar_before else None
        clouds = threads.submit(images.optical.clouds, place) if images.optical else None
        return (
            Strip(place, _result(radar), _result(optical), _result(clouds)),
            Before(images.if_whole("radar", radar_before), images.if_whole("optical", ndwi_before)),
        )


def _result(task: Future[T] | None) -> T | None:
    return None if task is None else task.result()


def _ndwi_of(image: OpticalImage, place: GeoBox) -> NDArray[np.uint8]:
    green, infrared = image.onto(place, ("B03", "B08"))
    return ndwi(green, infrared, image, image.clouds(place))


def ndwi(
    green: NDArray[np.uint16], infrared: NDArray[np.uint16], image: OpticalImage, clouds: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    """NDWI levels of digital numbers; nothing is known under clouds."""
    offsets = (image.offsets["B03"], image.offsets["B08"])
    found = water.ndwi_levels(green, infrared, offsets)
    if clouds is not None:
        found[clouds] = water.UNKNOWN
    return found

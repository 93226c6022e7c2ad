"""The open images of a scene, and their pixels in a strip."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import geobox_around, utm_epsg
from stormpetrel.imagery.readers.files import files_of
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage
from stormpetrel.imagery.types import Float32, Mask, Scene, Strip, UInt16
from stormpetrel.imagery.water import detection as water

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

MOST_PIXELS = 600_000_000  # of a scene; a whole GRD needs 480 million
T = TypeVar("T")


def geobox_of(scene: Scene, optical: OpticalImage | None) -> GeoBox:
    """The geo box of a scene: in the optical image's own zone, so that its pixels are copied; else in the zone of the
    footprint's centroid.

    Raises BadProduct where the footprint is larger than a product's can be.
    """
    centre = _unsplit(scene.footprint).centroid
    epsg = (optical.epsg if optical is not None else None) or utm_epsg(centre.x, centre.y)
    # Dense edges: a straight line in degrees is none in metres.
    parts = [shapely.segmentize(part, 0.05) for part in getattr(scene.footprint, "geoms", [scene.footprint])]
    projected = [
        shapely.geometry.shape(transform_geom("EPSG:4326", f"EPSG:{epsg}", shapely.geometry.mapping(part)))
        for part in parts
        if part.area > 0
    ]
    bounds = shapely.union_all(projected).bounds
    geobox = geobox_around(epsg, bounds) if all(np.isfinite(bounds)) else None
    if geobox is None or geobox.width * geobox.height > MOST_PIXELS:
        size = "" if geobox is None else f" ({geobox.width} x {geobox.height} pixels)"
        raise BadProduct(f"its footprint is too large for one UTM zone{size}; name a smaller imagery.area")
    return geobox


def _unsplit(footprint: Any) -> Any:
    """The footprint in one piece where the antimeridian splits it; longitudes then run from 0 to 360."""
    west, _, east, _ = footprint.bounds
    if east - west <= 180:
        return footprint
    return shapely.transform(footprint, lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))


class Images:
    """The open images of a scene. A reference image that cannot be read is left out, with an entry in `problems`."""

    def __init__(self, scene: Scene, stack: ExitStack) -> None:
        self.problems: list[str] = []
        self.radar = self._radar(scene.radar, stack) if scene.radar else None
        self.optical = self._optical(scene.optical, stack) if scene.optical else None
        self.radar_reference = self._reference(self._radar, scene.radar_reference, stack)
        self.optical_reference = self._reference(self._optical, scene.optical_reference, stack)
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

    def _reference(self, open_image: Any, product: ProductAnnounced | None, stack: ExitStack) -> Any:
        if product is None:
            return None
        try:
            return open_image(product, stack)
        except BadProduct as error:
            self.problems.append(f"no new water against {product.product_name}: {error}")
            return None

    def reference_result(self, sensor: str, task: Future[T] | None) -> T | None:
        """The pixels of a reference image. One that breaks off in the middle is left out from there on."""
        try:
            return _result(task)
        except BadProduct as error:
            self.problems.append(f"no new water where the {sensor} reference image is broken: {error}")
            setattr(self, f"{sensor}_reference", None)
            return None

    @property
    def offsets(self) -> tuple[int, ...]:
        return tuple(self.optical.offsets[band] for band in BANDS) if self.optical else (0, 0, 0, 0)


@dataclass(frozen=True)
class ReferenceStrip:
    """The reference images' backscatter and NDWI levels in a strip."""

    radar: Float32 | None
    ndwi: NDArray[np.uint8] | None


def read_strip(images: Images, geobox: GeoBox) -> tuple[Strip, ReferenceStrip]:
    """The pixels of all images in a strip, two images at a time: GDAL releases the lock while it decodes and warps."""
    with ThreadPoolExecutor(2) as threads:
        optical = threads.submit(images.optical.onto, geobox) if images.optical else None
        radar = threads.submit(images.radar.onto, geobox) if images.radar else None
        ndwi = threads.submit(_read_ndwi, images.optical_reference, geobox) if images.optical_reference else None
        reference = threads.submit(images.radar_reference.onto, geobox) if images.radar_reference else None
        clouds = threads.submit(images.optical.clouds, geobox) if images.optical else None
        return (
            Strip(geobox, _result(radar), _result(optical), _result(clouds)),
            ReferenceStrip(images.reference_result("radar", reference), images.reference_result("optical", ndwi)),
        )


def _result(task: Future[T] | None) -> T | None:
    return None if task is None else task.result()


def _read_ndwi(image: OpticalImage, geobox: GeoBox) -> NDArray[np.uint8]:
    green, infrared = image.onto(geobox, ("B03", "B08"))
    return ndwi_levels(green, infrared, image, image.clouds(geobox))


def ndwi_levels(green: UInt16, infrared: UInt16, image: OpticalImage, clouds: Mask | None) -> NDArray[np.uint8]:
    """NDWI levels of digital numbers; nodata under clouds."""
    levels = water.ndwi_levels(green, infrared, (image.offsets["B03"], image.offsets["B08"]))
    if clouds is not None:
        levels[clouds] = water.NODATA
    return levels

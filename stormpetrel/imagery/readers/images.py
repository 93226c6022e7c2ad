"""The open images of a scene, and their pixels in a strip."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, TypeVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_geom

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import eastern
from stormpetrel.imagery.patches.descriptors import BANDS
from stormpetrel.imagery.patches.geobox import geobox_around, utm_epsg
from stormpetrel.imagery.readers.files import files_of
from stormpetrel.imagery.readers.sentinel1 import RadarImage
from stormpetrel.imagery.readers.sentinel2 import OpticalImage
from stormpetrel.imagery.types import Mask, Scene, Strip, UInt8, UInt16
from stormpetrel.imagery.water import detection as water

MOST_PIXELS = 600_000_000  # of a scene; a whole GRD needs 480 million
Levels = dict[str, UInt8]
T = TypeVar("T")


def geobox_of(scene: Scene, optical: OpticalImage | None) -> GeoBox:
    """The geo box of a scene: in the optical image's own zone, so that its pixels are copied; else in the zone of the
    footprint's centroid.

    Raises BadProduct where the footprint is larger than a product's can be.
    """
    west, _, east, _ = scene.footprint.bounds
    # In one piece, where the antimeridian splits it.
    centre = (eastern(scene.footprint) if east - west > 180 else scene.footprint).centroid
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


class Images:
    """The open images of a scene. A reference image that cannot be read is left out, with an entry in `problems`."""

    def __init__(self, scene: Scene, stack: ExitStack) -> None:
        self.problems = list(scene.problems)
        self.radar: RadarImage | None = self._open(scene.radar, stack)
        self.optical: OpticalImage | None = self._open(scene.optical, stack)
        self.radar_reference: RadarImage | None = self._open_reference(scene.radar_reference, stack)
        self.optical_reference: OpticalImage | None = self._open_reference(scene.optical_reference, stack)
        for image in (self.radar, self.optical):
            self.problems += image.problems if image is not None else []

    @staticmethod
    def _open(product: ProductAnnounced | None, stack: ExitStack) -> Any:
        if product is None:
            return None
        files = files_of(product.location, product.assets)
        if product.platform == "sentinel-1":
            return stack.enter_context(closing(RadarImage(files)))
        return stack.enter_context(closing(OpticalImage(files, product.product_name, product.reflectance_offset)))

    def _open_reference(self, product: ProductAnnounced | None, stack: ExitStack) -> Any:
        try:
            return self._open(product, stack)
        except BadProduct as error:
            self.problems.append(f"no new water against {product and product.product_name}: {error}")
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


def read_strip(images: Images, geobox: GeoBox) -> tuple[Strip, Levels]:
    """The pixels of the scene's images in a strip, and the levels of all images, by name, for the detection of water.

    Two images are read at a time: GDAL releases the lock while it decodes and warps.
    """
    with ThreadPoolExecutor(2) as threads:
        optical = threads.submit(images.optical.onto, geobox) if images.optical else None
        radar = threads.submit(images.radar.onto, geobox) if images.radar else None
        ndwi = threads.submit(_read_ndwi, images.optical_reference, geobox) if images.optical_reference else None
        reference = threads.submit(images.radar_reference.onto, geobox) if images.radar_reference else None
        clouds = threads.submit(images.optical.clouds, geobox) if images.optical else None
    strip = Strip(geobox, _result(radar), _result(optical), _result(clouds))
    radars = {"radar": strip.radar, "radar_reference": images.reference_result("radar", reference)}
    levels = {name: water.decibel_levels(radar) for name, radar in radars.items() if radar is not None}
    if strip.optical is not None and images.optical is not None:
        levels["optical"] = _ndwi_levels(strip.optical[1], strip.optical[3], images.optical, strip.clouds)
    if (reference_ndwi := images.reference_result("optical", ndwi)) is not None:
        levels["optical_reference"] = reference_ndwi
    return strip, levels


def _result(task: Future[T] | None) -> T | None:
    return None if task is None else task.result()


def _read_ndwi(image: OpticalImage, geobox: GeoBox) -> UInt8:
    green, infrared = image.onto(geobox, ("B03", "B08"))
    return _ndwi_levels(green, infrared, image, image.clouds(geobox))


def _ndwi_levels(green: UInt16, infrared: UInt16, image: OpticalImage, clouds: Mask | None) -> UInt8:
    """NDWI levels of digital numbers; nodata under clouds."""
    levels = water.ndwi_levels(green, infrared, (image.offsets["B03"], image.offsets["B08"]))
    if clouds is not None:
        levels[clouds] = water.NODATA
    return levels

"""The types that pairing, readers, descriptors and events share: scenes, strips and patches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import OrbitDirection, ProductAnnounced
from stormpetrel.imagery.patches.geobox import Outline, PatchFootprint

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """One radar and one optical image of a footprint (degrees), or one of them; with their reference images.

    `replaces` are ids of scenes of one image alone that lose this footprint to it; `problems` say what was left out.
    """

    radar: ProductAnnounced | None
    optical: ProductAnnounced | None
    footprint: BaseGeometry
    radar_reference: ProductAnnounced | None = None
    optical_reference: ProductAnnounced | None = None
    replaces: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def products(self) -> list[ProductAnnounced]:
        return [product for product in (self.optical, self.radar) if product is not None]

    @property
    def sensed_at(self) -> datetime:
        """Of the radar image, which shows water best, else of the optical one."""
        return self.products[-1].sensed_from

    @property
    def orbit_direction(self) -> OrbitDirection | None:
        """Of the image that was sensed then."""
        return self.products[-1].orbit_direction

    @property
    def id(self) -> str:
        """The products' names, the optical one first; ids of patches start with it."""
        return "|".join(product.product_name for product in self.products)


@dataclass(frozen=True)
class Strip:
    """The images' pixels in a geo box, (height, width) each: linear backscatter (NaN is nodata), digital numbers of
    B02, B03, B04, B08 (0 is nodata), and where clouds are."""

    geobox: GeoBox
    radar: Float32 | None = None
    optical: list[UInt16] | None = None
    clouds: Mask | None = None


@dataclass
class Patch:
    """A patch with its descriptors: unit vectors, or None where less than half of its pixels are valid."""

    footprint: PatchFootprint
    index: tuple[int, int]  # (row, column) in its geo box, in patches, from the north-western one
    sar: Float32 | None
    ms: Float32 | None
    nodata_share: float
    fused: Float32 | None = None
    cloud_share: float | None = None
    statistics: dict[str, float] = field(default_factory=dict)
    outline: Outline | None = None
    earth: Float32 | None = None  # the embedding of an Earth-observation model, where one is configured

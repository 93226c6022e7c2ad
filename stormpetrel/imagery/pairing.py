"""Which images make a scene: a radar and an optical one of the same footprint, and a reference image for each.

A product that arrives is paired with the one nearest in time over the same footprint. Without a partner it is described
alone, and once its partner arrives, the pair replaces that scene.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.types import Scene

SMALLEST_SHARE = 0.01  # of a product's footprint in the area of interest; less is not worth a scene of its own
LEAST_OVERLAP = 0.05  # of the smaller footprint: less makes no pair
Outlined = tuple[ProductAnnounced, BaseGeometry]  # a product with its footprint


@dataclass(frozen=True)
class Rules:
    """How far apart in time the images of a pair, and an image and its reference, may be; `area` is the area of
    interest in degrees (None: everywhere)."""

    pair_within: timedelta = timedelta(days=3)
    reference_within: timedelta = timedelta(days=60)
    area: BaseGeometry | None = None


def footprint_of(product: ProductAnnounced) -> BaseGeometry:
    """A product's footprint in degrees, split at the antimeridian. Raises BadProduct where it is no polygon."""
    try:
        footprint = shapely.make_valid(shape(product.footprint))
    except (ValueError, TypeError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        raise BadProduct(f"its footprint is no GeoJSON polygon: {error}") from error
    if footprint.is_empty or footprint.area == 0:
        raise BadProduct("its footprint has no area")
    west, _, east, _ = footprint.bounds
    crosses = east - west > 180 or east > 180 or west < -180
    return split_at_antimeridian(footprint) if crosses else footprint


def split_at_antimeridian(footprint: BaseGeometry) -> BaseGeometry:
    """A footprint that crosses 180 degrees as the parts on either side of it (RFC 7946, 3.1.9).

    >>> [part.bounds for part in split_at_antimeridian(shapely.box(179, 0, 181, 1)).geoms]
    [(179.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -179.0, 1.0)]
    """
    west, _, east, _ = footprint.bounds
    if east <= 180 and west >= -180:
        if footprint.geom_type != "Polygon":
            return footprint  # it is split already
        # No image is half a globe wide: 179 to -179 is meant the short way.
        footprint = eastern(footprint)
    unsplit = shapely.make_valid(footprint)
    if unsplit.bounds[0] < -180:
        unsplit = shapely.affinity.translate(unsplit, xoff=360)
    inside = unsplit.intersection(shapely.box(-180, -90, 180, 90))
    beyond = shapely.affinity.translate(unsplit.intersection(shapely.box(180, -90, 540, 90)), xoff=-360)
    # Twice: a part of a collection may be a multipolygon.
    parts = [part for part in shapely.get_parts(shapely.get_parts([inside, beyond])) if part.area > 0]
    return shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]


def eastern(footprint: BaseGeometry) -> BaseGeometry:
    """A footprint with longitudes from 0 to 360."""
    return shapely.transform(footprint, lambda points: np.column_stack([points[:, 0] % 360, points[:, 1]]))


def scenes_of(product: ProductAnnounced, known_products: Iterable[ProductAnnounced], rules: Rules) -> list[Scene]:
    """The scenes to describe when a product arrives; none where it does not touch the area of interest.

    Raises BadProduct where its footprint is no polygon.
    """
    footprint = footprint_of(product)
    if rules.area is not None:
        footprint = footprint.intersection(rules.area)
    if footprint.is_empty:
        return []
    candidates = _Candidates(known_products, product, rules)
    scenes = [
        candidates.scene(product, partner, shared.intersection(footprint))
        for partner, shared in candidates.partners(product, footprint)
    ]
    rest = footprint.difference(shapely.union_all([scene.footprint for scene in scenes]))
    if rest.area > SMALLEST_SHARE * footprint.area:
        scenes.append(candidates.scene(product, None, rest))
    return scenes


class _Candidates:
    """The other products with their footprints. Those without one are left out: they are dead letters already."""

    def __init__(self, known_products: Iterable[ProductAnnounced], product: ProductAnnounced, rules: Rules) -> None:
        self._rules = rules
        self._others: list[Outlined] = []
        for other in known_products:
            with contextlib.suppress(BadProduct):
                if other.product_name != product.product_name:
                    self._others.append((other, footprint_of(other)))

    def partners(self, product: ProductAnnounced, footprint: BaseGeometry) -> list[Outlined]:
        """The nearest in time first: the first for an optical image; for a radar image all whose footprint no earlier
        one covers by half."""
        partners = [
            (other, shared)
            for other, shared in self._others
            if other.platform != product.platform
            and _overlaps(shared, footprint)
            and abs(other.sensed_from - product.sensed_from) <= self._rules.pair_within
        ]
        partners.sort(key=lambda partner: abs(partner[0].sensed_from - product.sensed_from))
        if product.platform == "sentinel-2":
            return partners[:1]
        selected: list[Outlined] = []
        for partner, shared in partners:
            covered = max((shared.intersection(earlier).area for _, earlier in selected), default=0)
            if covered < 0.5 * shared.area:
                selected.append((partner, shared))
        return selected

    def scene(self, product: ProductAnnounced, partner: ProductAnnounced | None, footprint: BaseGeometry) -> Scene:
        pair = {member.platform: member for member in (product, partner) if member is not None}
        references = {platform: self._reference(member, footprint) for platform, member in pair.items()}
        return Scene(
            pair.get("sentinel-1"),
            pair.get("sentinel-2"),
            footprint,
            references.get("sentinel-1"),
            references.get("sentinel-2"),
            tuple(member.product_name for member in pair.values()) if partner else (),
        )

    def _reference(self, product: ProductAnnounced, footprint: BaseGeometry) -> ProductAnnounced | None:
        """The latest earlier image of the same sensor over the footprint; of the same orbit, where orbits are known."""
        earlier = [
            other
            for other, shared in self._others
            if other.platform == product.platform
            and timedelta(0) < product.sensed_from - other.sensed_from <= self._rules.reference_within
            and _overlaps(shared, footprint)
        ]
        if product.platform == "sentinel-1" and product.relative_orbit is not None:
            # Another orbit looks from another side: slopes and buildings change, and look like water.
            same_orbit = [other for other in earlier if other.relative_orbit == product.relative_orbit]
            earlier = same_orbit or [other for other in earlier if other.relative_orbit is None]
        return max(earlier, key=lambda other: other.sensed_from, default=None)


def _overlaps(one: BaseGeometry, other: BaseGeometry) -> bool:
    return bool(one.intersects(other) and one.intersection(other).area > LEAST_OVERLAP * min(one.area, other.area))

"""Which images make a scene: a radar and an optical one of the same footprint, and a reference image for each.

A product that arrives is paired with the one nearest in time over the same footprint. Without a partner it is described
alone, and once its partner arrives, the pair replaces that scene.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.types import Scene

SMALLEST_SHARE = 0.01  # of a product's footprint in the area of interest; less is not worth a scene of its own
LEAST_OVERLAP = 0.05  # of the smaller footprint: less makes no pair
Footprints = dict[str, BaseGeometry]  # by product name


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
        footprint = shapely.transform(footprint, _eastern)
    whole = shapely.make_valid(footprint)
    if whole.bounds[0] < -180:
        whole = shapely.affinity.translate(whole, xoff=360)
    inside = whole.intersection(shapely.box(-180, -90, 180, 90))
    beyond = shapely.affinity.translate(whole.intersection(shapely.box(180, -90, 540, 90)), xoff=-360)
    parts = [part for side in (inside, beyond) for part in _polygons(side)]
    return shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]


def _eastern(points: Any) -> Any:
    points = points.copy()
    points[:, 0] %= 360
    return points


def _polygons(geometry: BaseGeometry) -> list[BaseGeometry]:
    if geometry.geom_type == "Polygon":
        return [] if geometry.is_empty else [geometry]
    return [part for inner in getattr(geometry, "geoms", []) for part in _polygons(inner)]


def scenes_of(product: ProductAnnounced, known_products: Iterable[ProductAnnounced], rules: Rules) -> list[Scene]:
    """The scenes to describe when a product arrives; none where it does not touch the area of interest.

    Raises BadProduct where its footprint is no polygon.
    """
    footprint = footprint_of(product)
    if rules.area is not None:
        footprint = footprint.intersection(rules.area)
    if footprint.is_empty:
        return []
    others = [other for other in known_products if other.product_name != product.product_name]
    footprints = _footprints(others)
    others = [other for other in others if other.product_name in footprints]
    partners = [
        other
        for other in others
        if other.platform != product.platform
        and _overlaps(footprints[other.product_name], footprint)
        and abs(other.sensed_from - product.sensed_from) <= rules.pair_within
    ]
    partners.sort(key=lambda other: abs(other.sensed_from - product.sensed_from))
    partners = partners[:1] if product.platform == "sentinel-2" else _without_repeats(partners, footprints)
    scenes = [
        _scene(product, partner, footprints[partner.product_name].intersection(footprint), others, footprints, rules)
        for partner in partners
    ]
    rest = footprint.difference(shapely.union_all([scene.footprint for scene in scenes])) if scenes else footprint
    if rest.area > SMALLEST_SHARE * footprint.area:
        scenes.append(_scene(product, None, rest, others, footprints, rules))
    return scenes


def _footprints(products: list[ProductAnnounced]) -> Footprints:
    """The footprints by product name. Products without one are left out: they are dead letters already."""
    footprints = {}
    for product in products:
        with contextlib.suppress(BadProduct):
            footprints[product.product_name] = footprint_of(product)
    return footprints


def _overlaps(one: BaseGeometry, other: BaseGeometry) -> bool:
    return bool(one.intersects(other) and one.intersection(other).area > LEAST_OVERLAP * min(one.area, other.area))


def _without_repeats(partners: list[ProductAnnounced], footprints: Footprints) -> list[ProductAnnounced]:
    """The partners, nearest in time first, without those whose footprint an earlier one covers by half."""
    selected: list[ProductAnnounced] = []
    for partner in partners:
        footprint = footprints[partner.product_name]
        covered = [footprint.intersection(footprints[other.product_name]).area for other in selected]
        if max(covered, default=0) < 0.5 * footprint.area:
            selected.append(partner)
    return selected


def _scene(
    product: ProductAnnounced,
    partner: ProductAnnounced | None,
    footprint: BaseGeometry,
    others: list[ProductAnnounced],
    footprints: Footprints,
    rules: Rules,
) -> Scene:
    pair = {member.platform: member for member in (product, partner) if member is not None}
    references = {
        platform: _reference(member, footprint, others, footprints, rules) for platform, member in pair.items()
    }
    return Scene(
        pair.get("sentinel-1"),
        pair.get("sentinel-2"),
        footprint,
        references.get("sentinel-1"),
        references.get("sentinel-2"),
        tuple(member.product_name for member in pair.values()) if partner else (),
    )


def _reference(
    product: ProductAnnounced,
    footprint: BaseGeometry,
    others: list[ProductAnnounced],
    footprints: Footprints,
    rules: Rules,
) -> ProductAnnounced | None:
    """The latest earlier image of the same sensor over the footprint; of the same orbit, where orbits are known."""
    earlier = [
        other
        for other in others
        if other.platform == product.platform
        and timedelta(0) < product.sensed_from - other.sensed_from <= rules.reference_within
        and _overlaps(footprints[other.product_name], footprint)
    ]
    if product.platform == "sentinel-1" and product.relative_orbit is not None:
        # Another orbit looks from another side: slopes and buildings change, and look like water.
        same_orbit = [other for other in earlier if other.relative_orbit == product.relative_orbit]
        earlier = same_orbit or [other for other in earlier if other.relative_orbit is None]
    return max(earlier, key=lambda other: other.sensed_from, default=None)

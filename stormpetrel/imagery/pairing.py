"""Which images belong together: a radar and an optical one of the same ground, and the image before each.

A product that arrives is paired with what is nearest to it in time over the same ground. Where nothing is, it is
described alone, and once its other half lands, the pair takes that ground over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced

SMALLEST_SHARE = 0.01  # of a product's ground in the area of interest; less is not worth a scene of its own
SAME_GROUND = 0.05  # of the smaller footprint: less overlap makes no pair


@dataclass(frozen=True)
class Rules:
    """Windows of time in which images make a pair, or are a before-image; `area` is what is of interest (None: all)."""

    pair_within: timedelta = timedelta(days=3)
    before_within: timedelta = timedelta(days=60)
    area: BaseGeometry | None = None


@dataclass(frozen=True)
class Scene:
    """One piece of work: the ground (degrees) as one radar and one optical image saw it, or one of them.

    `replaces` are scenes of one image alone that lose this ground to it.
    """

    radar: ProductAnnounced | None
    optical: ProductAnnounced | None
    ground: BaseGeometry
    radar_before: ProductAnnounced | None = None
    optical_before: ProductAnnounced | None = None
    replaces: tuple[str, ...] = ()

    @property
    def products(self) -> list[ProductAnnounced]:
        return [product for product in (self.optical, self.radar) if product is not None]

    @property
    def id(self) -> str:
        """The products' names, the optical one first, as it stands in ids of patches."""
        return scene_id(self.products)


def scene_id(products: Iterable[ProductAnnounced]) -> str:
    return "|".join(product.product_name for product in products)


def footprint_of(product: ProductAnnounced) -> BaseGeometry:
    """Its footprint in degrees; split at the antimeridian. Raises BadProduct where it is none."""
    try:
        found = shapely.make_valid(shape(product.footprint))
    except (ValueError, TypeError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        raise BadProduct(f"its footprint is no GeoJSON polygon: {error}") from error
    if found.is_empty or found.area == 0:
        raise BadProduct("its footprint has no area")
    west, _, east, _ = found.bounds
    return split_at_antimeridian(found) if east - west > 180 or east > 180 or west < -180 else found


def split_at_antimeridian(found: BaseGeometry) -> BaseGeometry:
    """A footprint that runs over 180 degrees as the parts on either side of it (RFC 7946, 3.1.9).

    >>> [part.bounds for part in split_at_antimeridian(shapely.box(179, 0, 181, 1)).geoms]
    [(179.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -179.0, 1.0)]
    """
    west, _, east, _ = found.bounds
    if east <= 180 and west >= -180:
        if found.geom_type != "Polygon":
            return found  # it is split already
        # No image is half a globe wide: 179 to -179 is meant the short way.
        found = shapely.transform(found, lambda xy: _eastern(xy))
    whole = shapely.make_valid(found)
    if whole.bounds[0] < -180:
        whole = shapely.affinity.translate(whole, xoff=360)
    here = whole.intersection(shapely.box(-180, -90, 180, 90))
    beyond = shapely.affinity.translate(whole.intersection(shapely.box(180, -90, 540, 90)), xoff=-360)
    parts = [part for side in (here, beyond) for part in _polygons(side)]
    return shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]


def _eastern(points: Any) -> Any:
    points = points.copy()
    points[:, 0] %= 360
    return points


def _polygons(found: BaseGeometry) -> list[BaseGeometry]:
    if found.geom_type == "Polygon":
        return [] if found.is_empty else [found]
    return [part for inner in getattr(found, "geoms", []) for part in _polygons(inner)]


def scenes_of(product: ProductAnnounced, known: Iterable[ProductAnnounced], rules: Rules) -> list[Scene]:
    """The work that a product's arrival makes; nothing where it does not touch the area of interest.

    Raises BadProduct where its footprint is none.
    """
    ground = footprint_of(product)
    if rules.area is not None:
        ground = ground.intersection(rules.area)
    if ground.is_empty:
        return []
    others = [other for other in known if other.product_name != product.product_name]
    grounds = {other.product_name: found for other in others if (found := _ground(other)) is not None}
    partners = [
        other
        for other in others
        if other.platform != product.platform
        and _overlap(grounds, other, ground) is not None
        and abs(other.sensed_from - product.sensed_from) <= rules.pair_within
    ]
    if product.platform == "sentinel-2":
        partners = sorted(partners, key=lambda other: abs(other.sensed_from - product.sensed_from))[:1]
    else:
        partners = _nearest_of_each_ground(partners, product, grounds)
    found = [
        _scene(product, partner, grounds[partner.product_name].intersection(ground), others, grounds, rules)
        for partner in partners
    ]
    rest = ground.difference(shapely.union_all([scene.ground for scene in found])) if found else ground
    if rest.area > SMALLEST_SHARE * ground.area:
        found.append(_scene(product, None, rest, others, grounds, rules))
    return found


def _ground(product: ProductAnnounced) -> BaseGeometry | None:
    try:
        return footprint_of(product)
    except BadProduct:
        return None  # it has gone to the dead letters itself


def _overlap(grounds: dict[str, BaseGeometry], other: ProductAnnounced, ground: BaseGeometry) -> BaseGeometry | None:
    theirs = grounds.get(other.product_name)
    if theirs is None or not theirs.intersects(ground):
        return None
    shared = theirs.intersection(ground)
    return shared if shared.area > SAME_GROUND * min(theirs.area, ground.area) else None


def _nearest_of_each_ground(
    partners: list[ProductAnnounced], product: ProductAnnounced, grounds: dict[str, BaseGeometry]
) -> list[ProductAnnounced]:
    """Of optical images that share most of their ground only the nearest in time."""
    chosen: list[ProductAnnounced] = []
    for partner in sorted(partners, key=lambda other: abs(other.sensed_from - product.sensed_from)):
        theirs = grounds[partner.product_name]
        covered = [theirs.intersection(grounds[other.product_name]).area for other in chosen]
        if max(covered, default=0) < 0.5 * theirs.area:
            chosen.append(partner)
    return chosen


def _scene(
    product: ProductAnnounced,
    partner: ProductAnnounced | None,
    ground: BaseGeometry,
    others: list[ProductAnnounced],
    grounds: dict[str, BaseGeometry],
    rules: Rules,
) -> Scene:
    pair = {member.platform: member for member in (product, partner) if member is not None}
    before = {name: _before(member, ground, others, grounds, rules) for name, member in pair.items()}
    return Scene(
        pair.get("sentinel-1"),
        pair.get("sentinel-2"),
        ground,
        before.get("sentinel-1"),
        before.get("sentinel-2"),
        tuple(member.product_name for member in pair.values()) if partner else (),
    )


def _before(
    product: ProductAnnounced,
    ground: BaseGeometry,
    others: list[ProductAnnounced],
    grounds: dict[str, BaseGeometry],
    rules: Rules,
) -> ProductAnnounced | None:
    """The latest earlier image of the same sensor over the ground; of the same orbit, where orbits are known."""
    earlier = [
        other
        for other in others
        if other.platform == product.platform
        and timedelta(0) < product.sensed_from - other.sensed_from <= rules.before_within
        and _overlap(grounds, other, ground) is not None
    ]
    same_orbit = [other for other in earlier if other.relative_orbit == product.relative_orbit]
    if product.platform == "sentinel-1" and product.relative_orbit is not None:
        # Another orbit looks from another side: slopes and buildings change, and look like water.
        unknown = [other for other in earlier if other.relative_orbit is None]
        earlier = same_orbit or unknown
    return max(earlier, key=lambda other: other.sensed_from, default=None)

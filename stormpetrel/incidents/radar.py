"""What a described scene says of an incident: new water inside it confirms, none in a clear acquisition lowers.

The area of an incident is the H3 cells of its places with those around them. The scene's patches of the finest scale
level say how much of it was seen and where the new water is. A verdict is a likelihood ratio: how many times as
probable what the scene shows is where there is a flood.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import h3
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.cell_areas import cell_polygon
from stormpetrel.core.events import ExpectedPass, PatchDescribed, RadarVerdict, SceneDescribed
from stormpetrel.core.events import Verdict as VerdictName
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import parse_name
from stormpetrel.incidents.reports import CELL_RESOLUTION
from stormpetrel.incidents.tracked import TrackedIncident

RADAR_HAZARDS = ("water",)
PIXEL_KM = 0.01
LEAST_WATER_KM2 = 0.2  # new water that confirms: less is within what speckle and wind make up
CLEAR_SHARE = 0.5  # of an incident's area that a scene must see for its silence to count
CLOUDY = 0.5  # share of clouds from which on an optical patch shows nothing
CONFIRMED_RATIO, REFUTED_RATIO, UNCLEAR_RATIO = 12.0, 0.35, 0.9
BEFORE = timedelta(hours=12)  # an acquisition may be this much older than the first post and still show the event
AFTER = timedelta(days=12)  # later than the last post by more, it shows another event or none
MOST_SCENES, MOST_PATCHES = 8, 20_000
MOST_NAMED = 20  # patches that a verdict names
# Days after which a satellite of the platform is over the same ground again, with two in orbit.
CONSTELLATION_DAYS = {"S1": 6, "S2": 5}


class Radar:
    """Holds the patches of scenes that are not whole yet, and gives verdicts."""

    def __init__(self) -> None:
        self._patches: dict[str, list[PatchDescribed]] = {}

    def take_patch(self, patch: PatchDescribed) -> None:
        """Holds a patch until its scene is whole. Of too many scenes the oldest is dropped: it gets no verdict by
        patches, but still by its outline of new water."""
        patches = self._patches.setdefault(patch.scene_id, [])
        if len(patches) < MOST_PATCHES:
            patches.append(patch)
        while len(self._patches) > MOST_SCENES:
            del self._patches[next(iter(self._patches))]

    def forget(self, scene_id: str) -> None:
        """Lets go of a scene's patches."""
        self._patches.pop(scene_id, None)

    def verdict(self, scene: SceneDescribed, incident: TrackedIncident, decided_at: datetime) -> RadarVerdict | None:
        """None where the scene is not over the incident, or of another time, or its reference image is missing."""
        if incident.hazard not in RADAR_HAZARDS or scene.reference is None:
            return None
        if not incident.first_post_at - BEFORE <= scene.sensed_at <= incident.last_post_at + AFTER:
            return None
        area = _area(incident)
        if not _is_over(shape(scene.footprint), area):
            return None
        inside = [patch for patch in self._finest(scene.scene_id) if _cell(patch) in area]
        clear = [patch for patch in inside if (patch.cloud_share or 0.0) < CLOUDY]
        observed_km2 = sum(_size_km2(patch) * (1 - patch.nodata_share) for patch in clear)
        area_km2 = sum(h3.cell_area(cell, unit="km^2") for cell in area)
        wet = sorted(
            (patch for patch in clear if patch.new_water is not None),
            key=lambda patch: (-_water_km2(patch), patch.patch_id),
        )
        water_km2 = sum(map(_water_km2, wet))
        observed = min(1.0, observed_km2 / area_km2)
        name, ratio = _judged(water_km2, observed, scene.new_water_confidence)
        return RadarVerdict(
            verdict=name,
            scene_id=scene.scene_id,
            acquired_at=scene.sensed_at,
            decided_at=decided_at,
            new_water_km2=round(water_km2, 3),
            observed_share=round(observed, 4),
            likelihood_ratio=ratio,
            patch_ids=tuple(patch.patch_id for patch in wet[:MOST_NAMED]),
        )

    def next_pass(self, scene: SceneDescribed, incident: TrackedIncident, after: datetime) -> ExpectedPass | None:
        """When the platform is over the incident next on the relative orbit of a scene; None where no product's name
        tells the orbit."""
        passes = [
            expected
            for product in (scene.s1_product, scene.s2_product)
            if product and (expected := expected_pass(product, scene.sensed_at, after)) is not None
        ]
        return min(passes, key=lambda each: each.expected_at, default=None)

    def _finest(self, scene_id: str) -> list[PatchDescribed]:
        patches = self._patches.get(scene_id, [])
        finest = min((patch.scale_level for patch in patches), default=0)
        return [patch for patch in patches if patch.scale_level == finest]


def expected_pass(product: str, sensed_at: datetime, after: datetime) -> ExpectedPass | None:
    """The next pass of a product's platform on the same relative orbit after a moment: 6 days later for Sentinel-1 and
    5 for Sentinel-2, with both satellites in orbit.

    >>> at = datetime.fromisoformat("2020-01-23T10:50:00Z")
    >>> expected_pass("S2A_MSIL2A_20200123T105311_N0213_R051_T31TDG_20200123T121010", at, at).expected_at.isoformat()
    '2020-01-28T10:50:00+00:00'
    """
    parsed = parse_name(product)
    if parsed is None or parsed.relative_orbit is None:
        return None
    days = CONSTELLATION_DAYS[product[:2]]
    steps = max(1, math.floor((after - sensed_at) / timedelta(days=days)) + 1)
    return ExpectedPass(
        platform=parsed.platform,
        relative_orbit=parsed.relative_orbit,
        expected_at=sensed_at + steps * timedelta(days=days),
    )


def _judged(water_km2: float, observed: float, certainty: float | None) -> tuple[VerdictName, float]:
    """The verdict and its likelihood ratio. New water weighs by the confidence of its outline."""
    if water_km2 >= LEAST_WATER_KM2:
        return "confirmed", round(1 + (CONFIRMED_RATIO - 1) * (0.5 if certainty is None else certainty), 3)
    if observed >= CLEAR_SHARE:
        return "refuted", REFUTED_RATIO
    return "unclear", UNCLEAR_RATIO


def _area(incident: TrackedIncident) -> frozenset[str]:
    """The H3 cells of an incident's places and of those around them."""
    return frozenset(cell for place in incident.cells()[:20] for cell in h3.grid_disk(place, 1))


def _is_over(footprint: BaseGeometry, area: frozenset[str]) -> bool:
    """Whether a footprint, which the 180th meridian splits, meets one of the cells."""
    return any(footprint.intersects(_split(cell_polygon(cell))) for cell in area)


def _split(outline: BaseGeometry) -> BaseGeometry:
    return split_at_antimeridian(outline) if outline.bounds[2] > 180 else outline


def _cell(patch: PatchDescribed) -> str:
    return str(h3.latlng_to_cell(patch.latitude, patch.longitude, CELL_RESOLUTION))


def _size_km2(patch: PatchDescribed) -> float:
    return (patch.scale_level * PIXEL_KM) ** 2


def _water_km2(patch: PatchDescribed) -> float:
    return patch.new_water.share * _size_km2(patch) * (1 - patch.nodata_share) if patch.new_water else 0.0

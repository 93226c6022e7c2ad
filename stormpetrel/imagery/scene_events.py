"""A described scene as the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from shapely.geometry import mapping

from stormpetrel.core.events import NewWater, PatchDescribed, PatchWithdrawn, Platform, SceneDescribed, Vector
from stormpetrel.imagery.describe import Described, merged
from stormpetrel.imagery.pairing import Scene
from stormpetrel.imagery.patches.cutting import Patch
from stormpetrel.imagery.patches.descriptors import FUSED_DESCRIPTOR, MS_DESCRIPTOR, SAR_DESCRIPTOR
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.water.detection import block_sums

WORTH_SAYING = 1e-4  # of a patch; less new water is none


def sensed_at(scene: Scene) -> datetime:
    """When the scene was seen: the radar image's moment, which water is judged by, else the optical one's."""
    first = scene.radar or scene.optical
    assert first is not None
    return first.sensed_from


def patch_events(scene: Scene, found: Described, at: datetime, earth: str = "") -> Iterator[PatchDescribed]:
    """One event a patch; `earth` is the version of the model that made the embeddings."""
    shares = _Shares(found)
    for patch in found.patches:
        water_share, new_water = shares.of(scene, patch)
        assert patch.outline is not None
        longitude, latitude = patch.outline.centre
        yield PatchDescribed(
            patch_id=f"{scene.id}/{patch.footprint.name}",
            scene_id=scene.id,
            s1_product=scene.radar.product_name if scene.radar and patch.sar is not None else None,
            s2_product=scene.optical.product_name if scene.optical and patch.ms is not None else None,
            sensed_at=sensed_at(scene),
            epsg=patch.footprint.epsg,
            scale_level=patch.footprint.side,
            row=patch.footprint.row,
            column=patch.footprint.column,
            longitude=longitude,
            latitude=latitude,
            ring=patch.outline.ring,
            nodata_share=round(patch.nodata_share, 5),
            cloud_share=None if patch.cloud_share is None else round(patch.cloud_share, 5),
            water_share=water_share,
            new_water=new_water,
            statistics=patch.statistics,
            sar_vector=None if patch.sar is None else Vector.of(patch.sar, SAR_DESCRIPTOR),
            ms_vector=None if patch.ms is None else Vector.of(patch.ms, MS_DESCRIPTOR),
            fused_vector=None if patch.fused is None else Vector.of(patch.fused, FUSED_DESCRIPTOR),
            earth_vector=None if patch.earth is None else Vector.of(patch.earth, earth),
            described_at=at,
        )


class _Shares:
    """Shares of water and of new water in every square, summed once a size."""

    def __init__(self, found: Described) -> None:
        self._found = found
        self._water = merged(found.water) if found.water else None
        self._new = merged(found.new) if found.new else None
        self._sums: dict[tuple[str, int], np.ndarray] = {}

    def of(self, scene: Scene, patch: Patch) -> tuple[float | None, NewWater | None]:
        return self._share("water", self._water, patch), self._new_water(scene, patch)

    def _share(self, name: str, masks: tuple[np.ndarray, np.ndarray, float] | None, patch: Patch) -> float | None:
        if masks is None:
            return None
        side = patch.footprint.side
        if (name, side) not in self._sums:
            true, known = block_sums(masks[0], side), block_sums(masks[1], side)
            with np.errstate(invalid="ignore", divide="ignore"):
                self._sums[(name, side)] = np.where(known > 0, true / known, np.nan)
        value = float(self._sums[(name, side)][patch.place])
        return None if np.isnan(value) else round(min(1.0, value), 5)

    def _new_water(self, scene: Scene, patch: Patch) -> NewWater | None:
        share = self._share("new", self._new, patch)
        if share is None or share < WORTH_SAYING or self._new is None:
            return None
        sensor: Platform = "sentinel-1" if "sentinel-1" in self._found.new else "sentinel-2"
        before = scene.radar_before if sensor == "sentinel-1" else scene.optical_before
        assert before is not None
        return NewWater(share=share, confidence=self._new[2], sensor=sensor, reference=before.product_name)


def descriptors(earth: str) -> tuple[str, ...]:
    """The versions of all that describes a patch."""
    return (SAR_DESCRIPTOR, MS_DESCRIPTOR, *([earth] if earth else []))


def scene_event(scene: Scene, found: Described, at: datetime, earth: str = "") -> SceneDescribed:
    """Told last: every patch of the scene is on the log by then."""
    new = merged(found.new) if found.new else None
    before = scene.radar_before if "sentinel-1" in found.new else scene.optical_before if found.new else None
    counts: dict[str, int] = {}
    for patch in found.patches:
        counts[f"g{patch.footprint.side}"] = counts.get(f"g{patch.footprint.side}", 0) + 1
    shift = found.shift
    return SceneDescribed(
        scene_id=scene.id,
        s1_product=scene.radar.product_name if scene.radar else None,
        s2_product=scene.optical.product_name if scene.optical else None,
        reference=before.product_name if before else None,
        sensed_at=sensed_at(scene),
        epsg=found.geobox.epsg,
        bounds=found.geobox.bounds,
        footprint=mapping(scene.ground),
        patches=counts,
        shift_m=(round(shift.east * RESOLUTION, 2), round(shift.north * RESOLUTION, 2)) if shift else None,
        shift_certainty=round(shift.certainty, 3) if shift else None,
        problems=tuple(found.problems),
        new_water=found.new_water_polygons(),
        new_water_confidence=new[2] if new else None,
        pictures={kind: path.name for kind, path in found.pictures.items()},
        descriptors=descriptors(earth),
        described_at=at,
    )


def replaced(scene: Scene, found: Described, at: datetime) -> Iterator[tuple[str, PatchWithdrawn]]:
    """(key, event) for each patch of one image alone whose ground a patch of both has taken over."""
    for patch in found.patches:
        if patch.fused is not None:
            for alone in scene.replaces:
                yield alone, PatchWithdrawn(patch_id=f"{alone}/{patch.footprint.name}", withdrawn_at=at)

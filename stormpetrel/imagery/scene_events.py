"""The events of a described scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import mapping

from stormpetrel.core.events import NewWater, PatchDescribed, PatchWithdrawn, ProductAnnounced, SceneDescribed, Vector
from stormpetrel.imagery.describe import DescribedScene
from stormpetrel.imagery.patches.cutting import block_sums
from stormpetrel.imagery.patches.descriptors import FUSED_DESCRIPTOR, MS_DESCRIPTOR, SAR_DESCRIPTOR
from stormpetrel.imagery.patches.geobox import RESOLUTION, epsg_of
from stormpetrel.imagery.types import Float32, Patch, Scene
from stormpetrel.imagery.water.detection import Water, merged_water

LEAST_NEW_WATER = 1e-4  # of a patch; less is not reported


def patch_events(
    scene: Scene, described: DescribedScene, described_at: datetime, earth_version: str = ""
) -> Iterator[PatchDescribed]:
    """One event for each patch; `earth_version` names the model of the embeddings."""
    new_water, reference = merged_water(described.new_water), _reference(scene, described)
    scale_levels = {patch.footprint.scale_level for patch in described.patches}
    water_shares = _shares(merged_water(described.water), scale_levels)
    new_water_shares = _shares(new_water, scale_levels)
    for patch in described.patches:
        assert patch.outline is not None
        longitude, latitude = patch.outline.centre
        yield PatchDescribed(
            patch_id=f"{scene.id}/{patch.footprint.name}",
            scene_id=scene.id,
            s1_product=scene.radar.product_name if scene.radar and patch.sar is not None else None,
            s2_product=scene.optical.product_name if scene.optical and patch.ms is not None else None,
            sensed_at=scene.sensed_at,
            orbit_direction=scene.orbit_direction,
            epsg=patch.footprint.epsg,
            scale_level=patch.footprint.scale_level,
            row=patch.footprint.row,
            column=patch.footprint.column,
            longitude=longitude,
            latitude=latitude,
            ring=patch.outline.ring,
            nodata_share=round(patch.nodata_share, 5),
            cloud_share=None if patch.cloud_share is None else round(patch.cloud_share, 5),
            water_share=_share(water_shares, patch),
            new_water=_new_water(_share(new_water_shares, patch), new_water, reference),
            statistics=patch.statistics,
            sar_vector=_vector(patch.sar, SAR_DESCRIPTOR),
            ms_vector=_vector(patch.ms, MS_DESCRIPTOR),
            fused_vector=_vector(patch.fused, FUSED_DESCRIPTOR),
            earth_vector=_vector(patch.earth, earth_version),
            described_at=described_at,
        )


def _vector(values: Float32 | None, version: str) -> Vector | None:
    return None if values is None else Vector.of(values, version)


def _shares(water: Water | None, scale_levels: Iterable[int]) -> dict[int, NDArray[np.float64]]:
    """The share of water in the valid pixels of every patch, by scale level; NaN where none is valid."""
    if water is None:
        return {}
    with np.errstate(invalid="ignore"):
        return {size: block_sums(water.mask, size) / block_sums(water.valid, size) for size in scale_levels}


def _share(shares: dict[int, NDArray[np.float64]], patch: Patch) -> float | None:
    share = float(shares[patch.footprint.scale_level][patch.index]) if shares else np.nan
    return None if np.isnan(share) else round(min(1.0, share), 5)


def _new_water(share: float | None, water: Water | None, reference: ProductAnnounced | None) -> NewWater | None:
    if share is None or share < LEAST_NEW_WATER or water is None or reference is None:
        return None
    name, sensor = reference.product_name, reference.platform
    return NewWater(share=share, confidence=water.confidence, sensor=sensor, reference=name)


def _reference(scene: Scene, described: DescribedScene) -> ProductAnnounced | None:
    """The reference image of the new water; radar's, where both sensors have one."""
    if "sentinel-1" in described.new_water:
        return scene.radar_reference
    return scene.optical_reference if described.new_water else None


def descriptor_versions(earth_version: str) -> tuple[str, ...]:
    """The versions of all descriptors of a patch."""
    return (SAR_DESCRIPTOR, MS_DESCRIPTOR, *([earth_version] if earth_version else []))


def scene_event(
    scene: Scene, described: DescribedScene, described_at: datetime, earth_version: str = ""
) -> SceneDescribed:
    """The scene's last event: publish it after those of its patches."""
    new_water, reference = merged_water(described.new_water), _reference(scene, described)
    shift = described.shift
    return SceneDescribed(
        scene_id=scene.id,
        s1_product=scene.radar.product_name if scene.radar else None,
        s2_product=scene.optical.product_name if scene.optical else None,
        reference=reference.product_name if reference else None,
        sensed_at=scene.sensed_at,
        orbit_direction=scene.orbit_direction,
        epsg=epsg_of(described.geobox),
        bounds=described.geobox.boundingbox.bbox,
        footprint=mapping(scene.footprint),
        patches=dict(Counter(f"g{patch.footprint.scale_level}" for patch in described.patches)),
        shift_m=(round(shift.east * RESOLUTION, 2), round(shift.north * RESOLUTION, 2)) if shift else None,
        shift_certainty=round(shift.certainty, 3) if shift else None,
        problems=tuple(described.problems),
        new_water=described.new_water_polygons(),
        new_water_confidence=new_water.confidence if new_water else None,
        pictures={kind: path.name for kind, path in described.pictures.items()},
        descriptors=descriptor_versions(earth_version),
        described_at=described_at,
    )


def withdrawal_events(
    scene: Scene, described: DescribedScene, withdrawn_at: datetime
) -> Iterator[tuple[str, PatchWithdrawn]]:
    """(key, event) for each patch of one image alone that a patch of the pair replaces."""
    for patch in described.patches:
        if patch.fused is not None:
            for scene_id in scene.replaces:
                patch_id = f"{scene_id}/{patch.footprint.name}"
                yield scene_id, PatchWithdrawn(patch_id=patch_id, withdrawn_at=withdrawn_at)

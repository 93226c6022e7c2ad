"""An API in memory with a large scene: all its patches have one time, as those of a real one have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from stormpetrel.core.events import NewWater, PatchDescribed, ProductAnnounced, SceneDescribed
from stormpetrel.projections import PatchProjection, ProductProjection
from stormpetrel.projections.patches import patch_document, patch_point
from tests.memory_api import NIGHT, MemoryApi

RADAR = "S1A_IW_GRDH_1SDV_20251104T173456_20251104T173521_061680_07B8F3_5A2C"
OPTICAL = "S2B_MSIL2A_20251105T104209_N0511_R008_T30SYJ_20251105T130000"
SCENE = f"{OPTICAL}|{RADAR}"
PATCHES = 10_926  # as many as a scene of one tile has
MOMENT = NIGHT - timedelta(days=1)


def large_patch(number: int, **fields: Any) -> PatchDescribed:
    """A patch of the large scene; each hundredth has new water, each tenth is cloudy."""
    longitude, latitude = -1 + 0.015 * (number % 100), 39 + 0.011 * (number // 100)
    ring = ((0, 0), (0.014, 0), (0.014, 0.0108), (0, 0.0108), (0, 0))
    water = NewWater(share=0.25, confidence=0.8, sensor="sentinel-1", reference=RADAR) if number % 100 == 0 else None
    values: dict[str, Any] = {
        "patch_id": f"{SCENE}/32630/g120/r{3600 + number // 100:04d}c{500 + number % 100:04d}",
        "scene_id": SCENE,
        "s1_product": RADAR,
        "s2_product": OPTICAL,
        "sensed_at": MOMENT,
        "orbit_direction": "descending",
        "epsg": 32630,
        "scale_level": 120,
        "row": 3600 + number // 100,
        "column": 500 + number % 100,
        "longitude": longitude + 0.007,
        "latitude": latitude + 0.0054,
        "ring": tuple((longitude + east, latitude + north) for east, north in ring),
        "nodata_share": 0,
        "cloud_share": 0.9 if number % 10 == 1 else 0.05,
        "water_share": 0.3 if number % 100 == 0 else 0.01,
        "new_water": water,
        "described_at": MOMENT,
    }
    return PatchDescribed(**values | fields)


def large_scene() -> SceneDescribed:
    """The scene, with pictures and new water."""
    return SceneDescribed(
        scene_id=SCENE,
        s1_product=RADAR,
        s2_product=OPTICAL,
        reference=RADAR,
        sensed_at=MOMENT,
        orbit_direction="descending",
        epsg=32630,
        bounds=(600_000, 4_300_000, 720_000, 4_431_200),
        footprint={"type": "Polygon", "coordinates": [[[-1, 39], [0.5, 39], [0.5, 40.2], [-1, 40.2], [-1, 39]]]},
        patches={"g120": PATCHES},
        new_water={"type": "FeatureCollection", "features": []},
        new_water_confidence=0.8,
        pictures={"s1": "s1.tif", "s2": "s2.tif", "change": "change.tif"},
        described_at=MOMENT,
    )


def add_large_scene(memory_api: MemoryApi, patches: int = PATCHES) -> None:
    """Puts the scene, its patches and its products into the stores; model labels are on each thousandth patch."""
    projection = PatchProjection(memory_api.documents, memory_api.index, "patches", {})
    events = [large_patch(number) for number in range(patches)]
    memory_api.documents.upsert("patches", [patch_document(event) for event in events])
    points = [patch_point(event, 0) for event in events]
    for number in range(0, patches, 1000):
        points[number] = replace(points[number], payload={**points[number].payload, "labels": ["patches:flood-water"]})
    memory_api.index.upsert("patches", points)
    projection.write([large_scene()])
    memory_api.index.upsert("patches", points)
    names = {RADAR: "sentinel-1", OPTICAL: "sentinel-2"}
    ProductProjection(memory_api.documents).write([_product(name, platform) for name, platform in names.items()])


def _product(name: str, platform: Any) -> ProductAnnounced:
    return ProductAnnounced(
        product_name=name,
        platform=platform,
        product_type="GRD" if platform == "sentinel-1" else "S2MSI2A",
        sensed_from=MOMENT,
        sensed_until=MOMENT + timedelta(seconds=25),
        footprint=large_scene().footprint,
        cloud_cover=12.5 if platform == "sentinel-2" else None,
        relative_orbit=8,
        orbit_direction="descending",
        source="test",
        announced_at=MOMENT,
    )

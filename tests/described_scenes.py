"""A radar scene over an incident, as the scenes consumer describes it: its patches, and last the scene itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import h3

from stormpetrel.core.clock import now
from stormpetrel.core.events import Incident, NewWater, PatchDescribed, SceneDescribed

REFERENCE = "S1A_IW_GRDH_1SDV_20251023T053500_20251023T053525_061000_07A000_1111"


def patches_around(
    longitude: float, latitude: float, name: str, moment: datetime, water: float, reference: str = REFERENCE
) -> list[PatchDescribed]:
    """Patches of 4.8 km of the scene of this name all over the cells around a point."""
    center = h3.latlng_to_cell(latitude, longitude, 4)
    cells = sorted({child for parent in h3.grid_disk(center, 1) for child in h3.cell_to_children(parent, 6)})
    new_water = NewWater(share=water, confidence=0.9, sensor="sentinel-1", reference=reference) if water else None
    made = []
    for row, cell in enumerate(cells):
        latitude, longitude = h3.cell_to_latlng(cell)
        ring = tuple((x, y) for y, x in h3.cell_to_boundary(cell))
        made.append(
            PatchDescribed(
                patch_id=f"{name}/32632/g480/r{row:04d}c0000",
                scene_id=name,
                sensed_at=moment,
                epsg=32632,
                scale_level=480,
                row=row,
                column=0,
                longitude=longitude,
                latitude=latitude,
                ring=(*ring, ring[0]),
                nodata_share=0.0,
                new_water=new_water,
                described_at=moment,
            )
        )
    return made


def scene_over(incident: Incident, name: str, water: float = 0.0) -> tuple[list[PatchDescribed], SceneDescribed]:
    """Patches of 4.8 km over an incident and its surroundings, acquired now, each with this share of new water."""
    moment = now()
    patches = patches_around(incident.longitude, incident.latitude, name, moment, water)
    west, south = incident.longitude - 0.5, incident.latitude - 0.5
    east, north = incident.longitude + 0.5, incident.latitude + 0.5
    scene = SceneDescribed(
        scene_id=name,
        s1_product=name,
        reference=REFERENCE,
        sensed_at=moment,
        epsg=32632,
        bounds=(0, 0, 1, 1),
        footprint={
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        patches={"g480": len(patches)},
        new_water_confidence=1.0,
        described_at=moment + timedelta(seconds=1),
    )
    return patches, scene

"""A made-up scene to label: patches of two kinds, water in the east and land in the west, with their pictures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from stormpetrel.bootstrap import PATCH_DESCRIPTORS, picture_folder
from stormpetrel.core.events import PatchDescribed, SceneDescribed, Vector
from stormpetrel.projections import PatchProjection
from tests.memory_api import MemoryApi

SCENE = "S2B_MSIL2A_PAGE|S1A_IW_GRDH_PAGE"
EPSG, NORTH, WEST = 32632, 4109, 408  # the grid's zone, the row of its north edge, the column of its west edge
LEVEL, RESOLUTION = 120, 10  # px and metres
SHOWN = 12  # patches on a side that have pictures


def write_scene(api: MemoryApi, moment: datetime, side: int = SHOWN) -> None:
    """A square of `side` times `side` patches; `moment` is when it was sensed."""
    projection = PatchProjection(api.documents, api.index, "patches", PATCH_DESCRIPTORS)
    chance = np.random.default_rng(7)
    kinds = {name: chance.normal(size=(2, spec.dimensions)) for name, spec in PATCH_DESCRIPTORS.items()}
    patches = [
        _patch(NORTH - 1 - row, WEST + column, moment, _vectors(chance, kinds, int(column >= side // 2)))
        for row in range(side)
        for column in range(side)
    ]
    scene = SceneDescribed(
        scene_id=SCENE,
        sensed_at=moment,
        epsg=EPSG,
        bounds=(0, 0, 1, 1),
        footprint={"type": "Polygon", "coordinates": [[[8.9, 44.4], [9.2, 44.4], [9.2, 44.5], [8.9, 44.4]]]},
        patches={str(LEVEL): len(patches)},
        described_at=moment,
    )
    projection.write([*patches, scene])
    _write_pictures(picture_folder(api.settings.imagery, SCENE), chance)


def _vectors(chance: np.random.Generator, kinds: dict[str, NDArray[np.float64]], kind: int) -> dict[str, Vector]:
    vectors = {}
    for name, spec in PATCH_DESCRIPTORS.items():
        values = kinds[name][kind] + chance.normal(size=spec.dimensions)
        vectors[f"{name}_vector"] = Vector.of((values / np.linalg.norm(values)).astype(np.float32), spec.model)
    return vectors


def _patch(row: int, column: int, moment: datetime, vectors: dict[str, Vector]) -> PatchDescribed:
    longitude, latitude = 8.9 + column / 1e4, 44.4 + row / 1e5
    ring = ((0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.01), (0.0, 0.0))
    return PatchDescribed(
        patch_id=f"{SCENE}/{EPSG}/g{LEVEL}/r{row:04d}c{column:04d}",
        scene_id=SCENE,
        sensed_at=moment,
        epsg=EPSG,
        scale_level=LEVEL,
        row=row,
        column=column,
        longitude=longitude,
        latitude=latitude,
        ring=tuple((longitude + east, latitude + north) for east, north in ring),
        nodata_share=0,
        described_at=moment,
        **vectors,
    )


def _write_pictures(folder: Path, chance: np.random.Generator) -> None:
    """Land in the west and water in the east, as radar, in colour, and as what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    side = SHOWN * LEVEL
    is_water = np.arange(side)[None, :] >= side // 2
    noise = chance.integers(0, 30, (side, side))
    pictures = {
        "s1": np.where(is_water, 20, 130)[None] + noise[None],
        "s2": np.stack([np.where(is_water, water, land) + noise for water, land in ((30, 90), (60, 120), (110, 60))]),
        "change": np.broadcast_to(np.where(is_water, 3, 1), (1, side, side)),
    }
    corner = from_origin(WEST * LEVEL * RESOLUTION, NORTH * LEVEL * RESOLUTION, RESOLUTION, RESOLUTION)
    for name, pixels in pictures.items():
        shape = {"count": len(pixels), "height": side, "width": side}
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", dtype="uint8", crs=f"EPSG:{EPSG}", transform=corner, **shape
        ) as out:
            out.write(pixels.astype(np.uint8))

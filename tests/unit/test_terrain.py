"""Height above the nearest drainage and slope of small generated DEMs, and DEMs that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.water.exclusion_masks import ExclusionMasks
from stormpetrel.imagery.water.terrain import terrain_of

CELL, SIDE = 30.0, 60
WEST, NORTH = 500_000.0, 4_400_000.0


def valley() -> np.ndarray:
    """A stream that runs south in the middle column; both banks rise by 1 m a cell."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return (100 + np.abs(columns - SIDE // 2) + 0.05 * (SIDE - rows)).astype(np.float32)


def write_dem(path: Path, heights: np.ndarray, unit: str = "", epsg: int | None = 32630, cell: float = CELL) -> Path:
    west, north = (WEST, NORTH) if cell > 1 else (-3.0, 39.7)
    shape = {"width": heights.shape[1], "height": heights.shape[0], "count": 1, "dtype": "float32"}
    place = {"transform": Affine(cell, 0, west, 0, -cell, north), "crs": CRS.from_epsg(epsg) if epsg else None}
    with rasterio.open(path, "w", driver="GTiff", nodata=-32768, **shape, **place) as out:
        out.write(heights, 1)
        if unit:
            out.units = (unit,)
    return path


def test_ground_rises_from_the_stream_and_slopes_as_it_was_made(tmp_path: Path) -> None:
    terrain = terrain_of(write_dem(tmp_path / "valley.tif", valley()), stream_km2=0.3)
    middle = terrain.hand[45, :]
    assert middle[30] == 0
    assert middle[40] == pytest.approx(10, abs=1)
    assert middle[20] == pytest.approx(10, abs=1)
    assert terrain.slope[45, 40] == pytest.approx(np.degrees(np.arctan(1 / CELL)), abs=0.1)
    assert (terrain.filled_share, terrain.void_share) == (0, 0)


def test_heights_in_feet_are_metres_afterwards_whether_the_file_says_so_or_the_user(tmp_path: Path) -> None:
    metres = terrain_of(write_dem(tmp_path / "metres.tif", valley()), 0.3)
    said = terrain_of(write_dem(tmp_path / "said.tif", valley() / 0.3048, "ft"), 0.3)
    known = terrain_of(write_dem(tmp_path / "known.tif", valley() / 0.3048), 0.3, in_feet=True)
    for terrain in (said, known):
        np.testing.assert_allclose(terrain.hand, metres.hand, atol=1e-3)
    with pytest.raises(BadProduct, match="metres or feet"):
        terrain_of(write_dem(tmp_path / "fathoms.tif", valley(), "fathom"), 0.3)


def test_narrow_voids_are_filled_and_most_of_nothing_is_refused(tmp_path: Path) -> None:
    heights = valley()
    heights[20:23, 40:44] = -32768
    terrain = terrain_of(write_dem(tmp_path / "void.tif", heights), 0.3)
    assert terrain.filled_share == pytest.approx(12 / SIDE**2)
    assert terrain.hand[21, 41] == pytest.approx(11, abs=1.5)
    heights[:] = -32768
    with pytest.raises(BadProduct, match="is void"):
        terrain_of(write_dem(tmp_path / "nothing.tif", heights), 0.3)


def test_a_dem_in_degrees_has_the_same_heights(tmp_path: Path) -> None:
    terrain = terrain_of(write_dem(tmp_path / "degrees.tif", valley(), epsg=4326, cell=1 / 3600), 0.3)
    assert terrain.hand[45, 40] == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("epsg", "stream_km2", "remedy"),
    [(None, 0.3, "say it: gdal_edit"), (2229, 0.3, "warp it to metres"), (32630, 1000, "a smaller --stream-km2")],
)
def test_a_dem_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, epsg: int | None, stream_km2: float, remedy: str
) -> None:
    with pytest.raises(BadProduct, match=remedy):
        terrain_of(write_dem(tmp_path / "dem.tif", valley(), epsg=epsg), stream_km2)


def test_the_rasters_exclude_high_ground_in_a_scene_of_the_next_zone(tmp_path: Path) -> None:
    terrain = terrain_of(write_dem(tmp_path / "dem.tif", valley() * 3), 0.3)
    hand, slope = terrain.save(tmp_path, "dem")
    masks = ExclusionMasks(slope=slope, hand=hand)
    same = GeoBox((SIDE, SIDE), Affine(CELL, 0, WEST, 0, -CELL, NORTH), "EPSG:32630")
    high = masks.high(same)
    assert high is not None
    assert not high[45, 27:33].any()
    assert high[45, 45:55].all()
    neighbour = masks.high(same.to_crs("EPSG:32631"))
    assert neighbour is not None
    assert neighbour.mean() == pytest.approx(high.mean(), abs=0.2)

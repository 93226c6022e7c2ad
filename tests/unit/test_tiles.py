"""Tiles of generated pictures: colours, positions, the antimeridian, broken files; the matrix; what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import morecantile
import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import BadProduct, BadQuery, NotFound
from stormpetrel.imagery.patches.geobox import RESOLUTION
from stormpetrel.imagery.picture_colours import CHANGE, GREY, NEW_WATER, PROBABILITY, WATER
from stormpetrel.imagery.tiles.capabilities import box_of
from stormpetrel.imagery.tiles.drawing import draw
from stormpetrel.imagery.tiles.kept_tiles import OVERHEAD, KeptTiles
from stormpetrel.imagery.tiles.layers import Layer, layers_of
from stormpetrel.imagery.tiles.matrix import DEEPEST, TileAddress
from tests.unit.tiled_scenes import (
    FIJI,
    ITALY,
    Corner,
    colours_of,
    grid,
    middle_of,
    tile_at,
    write_picture,
    write_raster,
)

MATRIX = morecantile.tms.get("WebMercatorQuad")
LAYERS = layers_of(["s1", "s2", "change"])
NUMBERED = replace(LAYERS["s1"], resampling="nearest")  # a grey is the number of a column or a row


def drawn(path: Path, tile: TileAddress, layer: Layer = LAYERS["s1"]) -> np.ndarray:
    return colours_of(draw(path, layer, tile, "png"))


# Colours


@given(value=st.integers(1, 255), layer=st.sampled_from(["s1", "s2", "change", "water"]), zoom=st.integers(9, 20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tile_of_a_constant_picture_is_constant(tmp_path: Path, value: int, layer: str, zoom: int) -> None:
    bands = 3 if layer == "s2" else 1
    path = write_raster(tmp_path / "constant.tif", np.full((bands, 240, 240), value, dtype=np.uint8))
    colours = drawn(path, tile_at(*middle_of(ITALY, 240), zoom), LAYERS[layer]).reshape(-1, 4)
    inside = colours[colours[:, 3] > 0]
    expected = LAYERS[layer].colours
    colour = (value, value, value, 255) if expected is None else expected[min(value, len(expected) - 1)]
    assert (inside == colour).all()
    assert len(inside) or not colour[3]


def test_nodata_is_transparent(tmp_path: Path) -> None:
    pixels = np.full((1, 240, 240), 90, dtype=np.uint8)
    pixels[:, :, :120] = 0
    colours = drawn(write_raster(tmp_path / "half.tif", pixels), tile_at(*middle_of(ITALY, 240), 13))
    assert set(np.unique(colours[..., 3])) == {0, 255}
    assert (colours[colours[..., 3] == 255][:, 0] == 90).all(), "what lies beside nodata keeps its value"


def test_water_is_a_probability_where_the_scene_has_one_else_its_classes(tmp_path: Path) -> None:
    tile = tile_at(*middle_of(ITALY, 240), 15)
    classes = write_raster(tmp_path / "change.tif", np.full((1, 240, 240), WATER, dtype=np.uint8))
    assert (drawn(classes, tile, layers_of(["change"])["water"]) == CHANGE[WATER]).all()
    land = write_raster(tmp_path / "land.tif", np.ones((1, 240, 240), dtype=np.uint8))
    assert not drawn(land, tile, layers_of(["change"])["water"]).any()
    likely = write_raster(tmp_path / "water.tif", np.full((1, 240, 240), 150, dtype=np.uint8))
    probable = drawn(likely, tile, layers_of(["change", "water"])["water"])
    assert (probable == PROBABILITY[150]).all() and abs(int(probable[0, 0, 3]) / 255 - 0.75) < 0.01


def test_webp_keeps_the_colours_of_classes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 4, (1, 240, 240)).astype(np.uint8)
    path, tile = write_raster(tmp_path / "change.tif", pixels), tile_at(*middle_of(ITALY, 240), 15)
    webp = colours_of(draw(path, LAYERS["change"], tile, "webp"))
    assert (webp == drawn(path, tile, LAYERS["change"])).all()


def test_an_overview_has_no_class_that_the_picture_has_not(tmp_path: Path) -> None:
    """Before: overviews were interpolated, and between land and new water lay water that is not new."""
    rows, columns = np.mgrid[:1536, :1536] // 7
    classes = np.where((rows + columns) % 2, NEW_WATER, 1).astype(np.uint8)[None]
    path = write_picture(tmp_path, "change", classes)
    colours = drawn(path, tile_at(*middle_of(ITALY, 1536), 10), LAYERS["change"]).reshape(-1, 4)
    shown = {tuple(colour) for colour in np.unique(colours, axis=0)}
    assert shown == {(0, 0, 0, 0), tuple(CHANGE[1]), tuple(CHANGE[NEW_WATER])}
    share = (colours == CHANGE[NEW_WATER]).all(axis=1).sum() / (colours[:, 3] > 0).sum()
    assert 0.4 < share < 0.6


# Positions


def positions(tile: TileAddress, corner: Corner, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(column, row) in the picture, in pixels, of the middle of each of the tile's, and whether it is in the picture:
    by PROJ alone."""
    west, south, east, north = MATRIX.xy_bounds(morecantile.Tile(tile.column, tile.row, tile.zoom))
    shares = (np.arange(256) + 0.5) / 256
    xs, ys = np.meshgrid(west + shares * (east - west), north - shares * (north - south))
    points = rasterio.warp.transform("EPSG:3857", f"EPSG:{corner[0]}", xs.ravel(), ys.ravel())
    eastings, northings = (np.array(axis).reshape(256, 256) for axis in points)
    columns, rows = (eastings - corner[1]) / RESOLUTION, (corner[2] - northings) / RESOLUTION
    inside = (columns > 1) & (columns < size - 1) & (rows > 1) & (rows < size - 1)
    return columns, rows, inside


@pytest.mark.parametrize(("corner", "zooms"), [(ITALY, (12, 13, 14, 16, 18)), (FIJI, (12, 13, 14))])
def test_a_pixel_lies_where_it_should_within_half_a_pixel(tmp_path: Path, corner: Corner, zooms: tuple[int]) -> None:
    size = 240
    numbers = np.broadcast_to(np.arange(1, size + 1, dtype=np.uint8), (size, size))
    by_column = write_raster(tmp_path / "columns.tif", numbers[None], corner)
    by_row = write_raster(tmp_path / "rows.tif", numbers.T[None], corner)
    for zoom in zooms:
        tile = tile_at(*middle_of(corner, size), zoom)
        columns, rows, inside = positions(tile, corner, size)
        allowed = 0.5 + 0.13  # GDAL's own tolerance is an eighth of a pixel
        for path, expected in ((by_column, columns), (by_row, rows)):
            shown = drawn(path, tile, NUMBERED)
            assert inside.any() and (shown[inside][:, 3] == 255).all()
            assert np.abs(shown[..., 0] - 0.5 - expected)[inside].max() <= allowed


def test_a_pixel_of_an_overview_lies_where_it_should_within_a_pixel_of_the_tile(tmp_path: Path) -> None:
    size = 2000
    numbers = np.broadcast_to((1 + np.arange(size) // 8).astype(np.uint8), (size, size))
    path = write_picture(tmp_path, "change", numbers[None])
    tile = tile_at(*middle_of(ITALY, size), 10)
    columns, _, inside = positions(tile, ITALY, size)
    pixel = tile.pixel_m / RESOLUTION
    shown = drawn(path, tile, NUMBERED)[..., 0]
    assert pixel > 8 and np.abs(8 * (shown - 0.5) - columns)[inside].max() <= 4 + pixel


def test_a_scene_on_the_antimeridian_is_on_both_sides_of_the_map(tmp_path: Path) -> None:
    size = 1200
    path = write_picture(tmp_path, "s1", np.full((1, size, size), 80, dtype=np.uint8), FIJI)
    west, _, east, _ = box_of(FIJI[0], tuple(grid(FIJI, (size, size)).boundingbox.bbox))
    assert 179 < west < 180 and -180 < east < -179
    latitude = middle_of(FIJI, size)[1]
    for zoom in (7, 9, 11):
        left, right = tile_at(179.9999, latitude, zoom), tile_at(-179.9999, latitude, zoom)
        assert left.column == 2**zoom - 1 and right.column == 0
        for tile in (left, right):
            assert (drawn(path, tile)[..., 3] == 255).any(), (zoom, tile)
    assert draw(path, LAYERS["s1"], tile_at(0, latitude, 8), "png") == b""


@pytest.mark.parametrize("corner", [ITALY, FIJI])
def test_no_tile_that_has_pixels_is_left_out_and_no_other_is_drawn(tmp_path: Path, corner: Corner) -> None:
    """All tiles of the globe down to zoom 4, against those that another library finds over the scene's box."""
    size = 3000
    path = write_picture(tmp_path, "s1", np.full((1, size, size), 80, dtype=np.uint8), corner)
    box = box_of(corner[0], tuple(grid(corner, (size, size)).boundingbox.bbox))
    for zoom in range(5):
        drawn_tiles = {
            (column, row)
            for column in range(2**zoom)
            for row in range(2**zoom)
            if draw(path, LAYERS["s1"], TileAddress(zoom, column, row), "png")
        }
        over = {(tile.x, tile.y) for tile in MATRIX.tiles(*box, zooms=zoom)}
        assert drawn_tiles <= over
        assert zoom < 4 or drawn_tiles  # it has a pixel of the tile there


# Files that are broken


def test_a_truncated_picture_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 255, (1, 1000, 1000)).astype(np.uint8)
    path, tile = write_picture(tmp_path, "s1", pixels), tile_at(*middle_of(ITALY, 1000), 13)
    whole = path.read_bytes()
    for share in (0.0, 0.05, 0.4, 0.7):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(BadProduct, match=r"s1\.tif of this scene is broken .* announce its products again"):
            draw(path, LAYERS["s1"], tile, "png")
    path.unlink()
    with pytest.raises(NotFound, match=r"s1\.tif of this scene is gone; announce"):
        draw(path, LAYERS["s1"], tile, "png")


def test_a_picture_that_names_other_files_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "s1.tif"
    path.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>', encoding="utf-8")
    with pytest.raises(BadProduct):
        draw(path, LAYERS["s1"], TileAddress(0, 0, 0), "png")


# The matrix


@given(st.floats(-180, 179.9999), st.floats(-85, 85), st.integers(0, DEEPEST))
def test_a_tile_has_the_middle_that_another_library_says(longitude: float, latitude: float, zoom: int) -> None:
    tile = MATRIX.tile(longitude, latitude, zoom)
    address = TileAddress.checked(zoom, tile.x, tile.y)
    south, north = MATRIX.bounds(tile).bottom, MATRIX.bounds(tile).top
    assert south <= address.latitude <= north
    assert address.pixel_m == pytest.approx(
        MATRIX.matrix(zoom).cellSize * np.cos(np.deg2rad(address.latitude)), rel=1e-9
    )


@pytest.mark.parametrize(
    ("zoom", "column", "row", "field", "remedy"),
    [(25, 0, 0, "z", "0 to 24"), (3, 8, 0, "x", "send 0 to 7"), (3, 0, -1, "y", "southwards: send 0 to 7")],
)
def test_a_tile_that_the_matrix_has_not_is_told_with_the_range(
    zoom: int, column: int, row: int, field: str, remedy: str
) -> None:
    with pytest.raises(BadQuery, match=remedy) as error:
        TileAddress.checked(zoom, column, row)
    assert error.value.field == field


def test_a_pixel_of_zoom_14_has_ten_metres_at_the_equator() -> None:
    assert TileAddress(14, 0, 2**13).pixel_m == pytest.approx(9.55, abs=0.01)
    assert GREY[1, 3] == 255 and GREY[0, 3] == 0


# What is kept


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
def test_kept_tiles_never_take_more_than_they_may(tiles: list[tuple[int, int]]) -> None:
    kept = KeptTiles(10_000)
    for tag, length in tiles:
        kept.keep(str(tag), bytes(length))
        assert kept.get(str(tag)) is not None, "the tile that was kept last is there"
        assert kept.size <= 10_000
    assert kept.size == sum(
        OVERHEAD + len(kept.get(str(tag)) or b"") for tag in range(21) if kept.get(str(tag)) is not None
    )


def test_a_tile_that_is_larger_than_all_may_be_is_not_kept() -> None:
    kept = KeptTiles(100)
    kept.keep("a", bytes(200))
    assert kept.get("a") is None and kept.size == 0

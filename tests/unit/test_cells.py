"""H3 cells around a point, and distances."""

from __future__ import annotations

from stormpetrel.core.cells import distance_km, rings


def test_rings_grow() -> None:
    disks = list(rings(8.93, 44.41))
    assert [resolution for resolution, _ in disks] == [7, 5, 5, 3]
    assert [len(cells) for _, cells in disks] == [19, 7, 37, 19]


def test_distances_are_great_circles() -> None:
    genoa_to_milan, genoa_to_genoa = distance_km(8.934, 44.407, [9.19, 8.934], [45.464, 44.407])
    assert 118 < genoa_to_milan < 121
    assert genoa_to_genoa == 0

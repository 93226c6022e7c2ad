"""Distances on the sphere."""

from __future__ import annotations

from stormpetrel.core.cells import distance_km


def test_distances_are_great_circles() -> None:
    genoa_to_milan, genoa_to_genoa = distance_km(8.934, 44.407, [9.19, 8.934], [45.464, 44.407])
    assert 118 < genoa_to_milan < 121
    assert genoa_to_genoa == 0

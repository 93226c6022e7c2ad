"""Generated scenes for tests: small, with a before-image; and how they are announced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stormpetrel.demo.scenes import Ground, write_optical, write_radar
from tests.integration.running import RunningSystem

SIZE = 960


@dataclass(frozen=True)
class Products:
    """Paths of products of one ground."""

    ground: Ground
    radar_before: Path
    radar: Path
    optical: Path


def make(folder: Path, size: int = SIZE) -> Products:
    """A flood of 4 November 2025, its radar image of 12 days before and an optical one of the same day."""
    ground = Ground(32632, 499_200, 4_924_800, size)
    return Products(
        ground,
        write_radar(folder, ground, datetime(2025, 10, 23, 5, 35, tzinfo=UTC), flood=False, seed=5),
        write_radar(folder, ground, datetime(2025, 11, 4, 5, 35, tzinfo=UTC), flood=True, seed=7),
        write_optical(folder, ground, datetime(2025, 11, 4, 10, 12, tzinfo=UTC), flood=True),
    )


def announce(system: RunningSystem, *paths: Path) -> dict[str, int]:
    """`stormpetrel sources announce`, as a user runs it."""
    return system.counts("sources", "announce", *map(str, paths))

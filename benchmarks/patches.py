"""Early fusion: both descriptors over a whole tile in memory, and a whole GRD + S2 pair from files to patches."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fixtures import say
from stormpetrel.imagery.patches.histogram import histogram_plain, histograms
from stormpetrel.imagery.patches.weber import epsilon_of, weber, weber_plain

TILE, SCALE_LEVEL = 10_980, 120
GRD = (16_000, 25_000)  # rows, columns
TWIN_PATCHES = 40


def run(pair: bool = False) -> dict[str, Any]:
    """Seconds of each, medians of three. The plain reference implementation is timed on 40 patches and scaled to the
    tile. `pair` takes some ten minutes more, most of it to generate the files."""
    report: dict[str, Any] = {"descriptors": descriptors()}
    if pair:
        report["whole_pair"] = whole_pair()
    return report


def descriptors() -> dict[str, Any]:
    say("descriptors over a tile")
    rng = np.random.default_rng(1)
    part = rng.gamma(4.4, 1 / 4.4, (TILE // 3, TILE // 3)).astype(np.float32)
    radar = np.tile(part, (3, 3))
    bands = [np.tile(rng.integers(1, 6000, part.shape, dtype=np.uint16), (3, 3)) for _ in range(4)]
    epsilon = float(epsilon_of(part))
    sar, ms = (
        weber(radar[:SCALE_LEVEL, :SCALE_LEVEL], epsilon),
        histograms([band[:SCALE_LEVEL, :SCALE_LEVEL] for band in bands]),
    )  # compiled now
    times: dict[str, list[float]] = {"sar": [], "ms": []}
    for _ in range(3):
        started = time.perf_counter()
        sar = weber(radar, epsilon)
        times["sar"].append(time.perf_counter() - started)
        started = time.perf_counter()
        ms = histograms(bands)
        times["ms"].append(time.perf_counter() - started)
    patches = sar.shape[0] * sar.shape[1]
    started = time.perf_counter()
    for column in range(TWIN_PATCHES):
        cut = (slice(0, SCALE_LEVEL), slice(column * SCALE_LEVEL, (column + 1) * SCALE_LEVEL))
        assert (weber_plain(radar[cut], epsilon) == sar[0, column]).all()
        assert (histogram_plain([band[cut] for band in bands]) == ms[0, column]).all()
    twin = (time.perf_counter() - started) / TWIN_PATCHES * patches
    both = statistics.median(times["sar"]) + statistics.median(times["ms"])
    return {
        "patches": patches,
        "sar_s": round(statistics.median(times["sar"]), 2),
        "ms_s": round(statistics.median(times["ms"]), 2),
        "both_s": round(both, 2),
        "twin_s": round(twin, 1),
        "times_faster": round(twin / both, 1),
    }


def whole_pair() -> dict[str, Any]:
    """A generated GRD of 25,000 x 16,000 pixels and an S2 tile, in a process of its own, so that its memory is
    known."""
    from stormpetrel.demo.scenes import Ground, write_optical, write_radar

    with tempfile.TemporaryDirectory(prefix="stormpetrel-pair-") as name:
        folder = Path(name)
        ground = Ground(32632, 499_980, 4_900_020, TILE)
        say("generating a whole pair")
        moment = datetime(2025, 11, 4, 5, 35, tzinfo=UTC)
        radar = write_radar(folder, ground, moment, flood=True, shape=GRD)
        optical = write_optical(folder, ground, moment, flood=True)
        say("describing it")
        done = subprocess.run(
            [sys.executable, "-c", DESCRIBE, str(radar), str(optical), str(folder / "pictures")],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, memory, patches, east, north = (float(part) for part in done.stdout.split())
        return {
            "seconds": round(seconds, 1),
            "most_memory_mib": round(memory),
            "patches": int(patches),
            "shift_px": [east, north],
        }


DESCRIBE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from stormpetrel.imagery.describe import describe_scene
from stormpetrel.imagery.pairing import Rules, scenes_of
from stormpetrel.imagery.catalogue.folder import product_at
started = time.perf_counter()
radar, optical = (product_at(Path(path), datetime.now(UTC)) for path in sys.argv[1:3])
(scene,) = scenes_of(optical, [radar, optical], Rules())
result = describe_scene(scene, Path(sys.argv[3]))
# Not getrusage: its figure starts at the parent's own memory.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
memory = int(status["VmHWM"].split()[0]) / 1024
print(time.perf_counter() - started, memory, len(result.patches), result.shift.east, result.shift.north)
"""

"""From announcing a product to its indexed patches: a pair of 2,400 x 2,400 px, with and without a reference."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.fixtures import fresh_system, percentiles, say
from consumers.sources.product_files import announce
from stormpetrel.demo.scenes import Ground, write_optical, write_radar
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from tests.integration.running import RunningSystem, wait_until

SIZE, PAIRS = 2400, 4


def run() -> dict[str, Any]:
    """Seconds from announcing the optical product to the last of its patches in both stores; the radar image is indexed
    by then. The first pair loads and compiles what the later ones reuse, and is reported apart."""
    with tempfile.TemporaryDirectory(prefix="stormpetrel-notification-") as name, fresh_system() as system:
        system.start("scenes", "consume", "scenes")
        publisher = ProductPublisher(system.producer(), "bench")
        times = [_time_pair(system, publisher, Path(name), number) for number in range(PAIRS)]
    return {
        "first_s": round(times[0], 2),
        "without_reference": percentiles(times[1:2]),
        "with_reference": percentiles(times[2:]),
    }


def _time_pair(system: RunningSystem, publisher: ProductPublisher, folder: Path, number: int) -> float:
    """The first two pairs cover different ground; later ones cover the second's, twelve days apart."""
    say(f"pair {number + 1} of {PAIRS}")
    ground = Ground(32632, 499_200 + 96_000 * min(number, 1), 4_924_800, SIZE)
    moment = datetime(2025, 10, 1, 5, 35, tzinfo=UTC) + timedelta(days=12 * number)
    radar = write_radar(folder, ground, moment, flood=number > 1, seed=number + 1)
    optical = write_optical(folder, ground, moment + timedelta(hours=5), flood=number > 1)
    announce(radar, publisher)
    publisher.flush()
    system.wait_until_seen(300)
    started = time.perf_counter()
    announce(optical, publisher)
    publisher.flush()
    scene = f"{optical.stem}|{radar.stem}"
    wait_until(lambda: bool(system.documents.get("scenes", [scene])), 300, "the pair is described and indexed")
    return time.perf_counter() - started

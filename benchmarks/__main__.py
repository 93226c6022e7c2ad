"""All benchmarks, one JSON object. `python -m benchmarks [--data DIR] [--posts N] [--only NAME]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks import (
    alerts,
    annotation,
    compression,
    floods,
    fusion,
    labels,
    listeners,
    live_sources,
    main_path,
    notification,
    patches,
    runtimes,
    saved_searches,
    search_latency,
    stream_learners,
    tiles,
)

ALONE = ("pair", "stream_learners", "live_sources")  # run only by name: they take longer than all others


def main() -> None:
    """Prints `{"machine": ..., "fusion": ..., ...}` on standard output, progress on standard error."""
    runs = {
        "fusion": lambda: fusion.run(),
        "patches": lambda: patches.run(pair=False),
        "pair": lambda: patches.run(pair=True),
        "tiles": lambda: tiles.run(),
        "floods": lambda: floods.run(),
        "notification": lambda: notification.run(),
        "alerts": lambda: alerts.run(),
        "main_path": lambda: main_path.run(options.data),
        "search": lambda: search_latency.run(options.data, options.posts),
        "saved_searches": lambda: saved_searches.run(options.data),
        "listeners": lambda: listeners.run(options.data, options.posts),
        "live_sources": lambda: live_sources.run(options.data),
        "annotation": lambda: annotation.run(),
        "stream_learners": lambda: stream_learners.run(options.data),
        "labels": lambda: labels.run(options.posts),
        "runtimes": lambda: runtimes.run(options.data),
        "compression": lambda: compression.run(options.data, options.posts),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    data_help = "real data (a folder with tweets_idrisi/mentions); else generated posts"
    parser.add_argument("--data", type=Path, help=data_help)
    parser.add_argument("--posts", type=int, default=100_000, help="indexed posts of the search benchmark")
    parser.add_argument("--only", choices=sorted(runs), help="run one of them; pair: patches and a whole pair")
    options = parser.parse_args()
    machine = {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    report: dict[str, object] = {"machine": machine}
    for name in [options.only] if options.only else [name for name in runs if name not in ALONE]:
        report["patches" if name == "pair" else name] = runs[name]()
    json.dump(report, sys.stdout, indent=2)
    print()


main()

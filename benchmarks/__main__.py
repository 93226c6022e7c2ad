"""All benchmarks, one JSON object. `python -m benchmarks [--data DIR] [--posts N] [--only NAME]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks import annotation, compression, fusion, main_path, notice, patches, search_latency


def main() -> None:
    """Prints `{"machine": ..., "main_path": ..., "search": ...}` on stdout, progress on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="real data (a folder with tweets_idrisi/mentions); else generated posts"
    )
    parser.add_argument("--posts", type=int, default=100_000, help="indexed posts of the search benchmark")
    parser.add_argument(
        "--only",
        choices=["annotation", "compression", "fusion", "main_path", "notice", "pair", "patches", "search"],
        help="run one of them",
    )
    chosen = parser.parse_args()
    report: dict[str, object] = {
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        }
    }
    if chosen.only in (None, "fusion"):
        report["fusion"] = fusion.run()
    if chosen.only in (None, "patches", "pair"):
        report["patches"] = patches.run(pair=chosen.only == "pair")
    if chosen.only in (None, "notice"):
        report["notice"] = notice.run()
    if chosen.only in (None, "main_path"):
        report["main_path"] = main_path.run(chosen.data)
    if chosen.only in (None, "search"):
        report["search"] = search_latency.run(chosen.data, chosen.posts)
    if chosen.only in (None, "annotation"):
        report["annotation"] = annotation.run()
    if chosen.only in (None, "compression"):
        report["compression"] = compression.run(chosen.data, chosen.posts)
    json.dump(report, sys.stdout, indent=2)
    print()


main()

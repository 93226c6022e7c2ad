"""What the benchmarks share: a system of their own, texts, memory of processes, percentiles."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from stormpetrel.cli.console import say
from stormpetrel.demo.night import flood_night, lines
from stormpetrel.posts.text.encoder import ensure_text_model
from tests.integration.running import RunningSystem

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("STORMPETREL_CACHE", ROOT / ".stormpetrel" / "cache"))
MODEL = "all-MiniLM-L6-v2"


@contextmanager
def fresh_system() -> Iterator[RunningSystem]:
    """A local stack of its own on free ports, with worker, index consumer and API; gone afterwards."""
    ensure_text_model(CACHE / "models", MODEL, say)
    with (
        tempfile.TemporaryDirectory(prefix="stormpetrel-bench-") as directory,
        RunningSystem(Path(directory), CACHE) as system,
    ):
        system.start_pipeline()
        yield system


def model_directory() -> Path:
    return CACHE / "models" / MODEL


def post_files(data: Path | None, directory: Path) -> tuple[str, Path]:
    """(its name, file or folder of posts): the real tweets where `data` has them, else a generated night."""
    if data is not None:
        mentions = data / "tweets_idrisi" / "mentions"
        return (f"{mentions.parent.name}/{mentions.name}", mentions) if mentions.is_dir() else (data.name, data)
    night = directory / "night.jsonl"
    night.write_text("".join(f"{line}\n" for line in lines(flood_night(3000, 11))), encoding="utf-8")
    return "generated night of 3,000 posts", night


def records(path: Path) -> list[dict[str, Any]]:
    """All JSON objects of a file or a folder of JSON lines; broken lines are left out."""
    rows = []
    for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def texts_of(records: Sequence[dict[str, Any]]) -> list[str]:
    """The texts of records in the plain form or X's."""
    return [str(record.get("text") or (record.get("data") or {}).get("text") or "") for record in records]


def memory_mib(system: RunningSystem) -> dict[str, float]:
    """Resident memory of each process of the system, in MiB."""
    return {
        name: round(psutil.Process(process.pid).memory_info().rss / 2**20, 1)
        for name, process in _processes(system).items()
        if process.poll() is None
    }


def anonymous_mib(system: RunningSystem) -> dict[str, float]:
    """The anonymous part of the resident memory, which the kernel cannot drop when memory is short (Linux)."""
    sizes = {}
    for name, process in _processes(system).items():
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
            sizes[name] = round(int(fields["RssAnon"].split()[0]) / 1024, 1)
    return sizes


def _processes(system: RunningSystem) -> dict[str, subprocess.Popen[bytes]]:
    return {**system.stack.processes, **system.ours}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the largest, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50_ms": round(1000 * statistics.median(ordered), 1),
        "p95_ms": round(1000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max_ms": round(1000 * ordered[-1], 1),
        "n": len(ordered),
    }

"""The text model on each runtime: texts per second side by side, whether ranks tell their vectors apart, start and
memory."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fixtures import model_directory, post_files, records, say, texts_of
from stormpetrel.models.graph import Runtime
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.encoder import TextEncoder

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "openvino")
TEXTS = 2000
QUERIES = 200
BATCH = 64  # as the worker takes them
NEAREST = 10
STARTS = 3
# A process that opens the model, encodes a text, and prints its seconds and resident and anonymous memory in MiB.
START = """
import json, re, sys, time
from pathlib import Path
started = time.perf_counter()
from stormpetrel.posts.text.encoder import TextEncoder
imported = time.perf_counter()
TextEncoder(Path(sys.argv[1]), runtime=sys.argv[2]).encode(["Flood in Genova"])
opened = time.perf_counter() - imported
status = Path("/proc/self/status").read_text()
memory = [int(re.search(name + r":\\s+(\\d+)", status)[1]) // 1024 for name in ("VmRSS", "RssAnon")]
print(json.dumps([opened, *memory]))
"""


def run(data: Path | None) -> dict[str, Any]:
    """Texts per second of each runtime, cosines to ONNX Runtime's vectors, and the overlap of the ten nearest."""
    with tempfile.TemporaryDirectory(prefix="stormpetrel-runtimes-") as directory:
        source, path = post_files(data, Path(directory))
        texts = list(dict.fromkeys(text for text in map(clean, texts_of(records(path))) if len(text) > 20))
    texts = random.Random(1).sample(texts, min(len(texts), TEXTS))
    say(f"encoding {len(texts)} texts of {source} on {' and '.join(RUNTIMES)}")
    encoders = {runtime: TextEncoder(model_directory(), runtime=runtime) for runtime in RUNTIMES}
    vectors, rates = _side_by_side(encoders, texts)
    reference, other = (vectors[runtime] for runtime in RUNTIMES)
    cosines = (reference * other).sum(axis=1)
    ratio = statistics.median(b / a for a, b in zip(*(rates[runtime] for runtime in RUNTIMES), strict=True))
    return {
        "texts": source,
        "runtimes": {runtime: encoder.runtime for runtime, encoder in encoders.items()},
        "texts_per_s": {runtime: round(statistics.median(rates[runtime]), 1) for runtime in RUNTIMES},
        "speed_ratio": round(ratio, 3),
        "cosine": {"mean": round(float(cosines.mean()), 6), "least": round(float(cosines.min()), 6)},
        "overlap_at_10": _overlaps(reference, other),
        "start": {runtime: _start(runtime) for runtime in RUNTIMES},
    }


def _side_by_side(
    encoders: dict[Runtime, TextEncoder], texts: list[str]
) -> tuple[dict[Runtime, NDArray[np.float32]], dict[Runtime, list[float]]]:
    """The vectors, and texts per second of ten parts of the texts: each part by both runtimes, one after the other, so
    that a machine that is busy for a while is so for both."""
    parts: dict[Runtime, list[NDArray[np.float32]]] = {runtime: [] for runtime in encoders}
    rates: dict[Runtime, list[float]] = {runtime: [] for runtime in encoders}
    size = -(-len(texts) // 10)
    for encoder in encoders.values():
        encoder.encode(texts[:BATCH])
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        for runtime, encoder in encoders.items():
            began = time.perf_counter()
            parts[runtime] += [encoder.encode(part[first : first + BATCH]) for first in range(0, len(part), BATCH)]
            rates[runtime].append(len(part) / (time.perf_counter() - began))
    return {runtime: np.concatenate(vectors) for runtime, vectors in parts.items()}, rates


def _overlaps(reference: NDArray[np.float32], other: NDArray[np.float32]) -> dict[str, float]:
    """How much of the ten nearest of 200 texts is the same as within the reference: in a collection of the other's
    vectors, asked by either; and in one where every second vector is the other's."""
    mixed = np.where(np.arange(len(reference))[:, None] % 2, other, reference)
    truth = _nearest(reference, reference)
    collections = {"other": (other, other), "asked_by_reference": (other, reference), "mixed": (mixed, other)}
    return {
        name: round(float(np.mean([len(a & b) / NEAREST for a, b in zip(truth, _nearest(*pair), strict=True)])), 4)
        for name, pair in collections.items()
    }


def _nearest(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> list[set[int]]:
    """The ten nearest other rows to each of the first 200."""
    similarities = queries[:QUERIES] @ vectors.T
    np.fill_diagonal(similarities, -2)
    return [set(row.tolist()) for row in np.argpartition(-similarities, NEAREST, axis=1)[:, :NEAREST]]


def _start(runtime: Runtime) -> dict[str, float]:
    """Seconds until a process has opened the model and encoded a text (median of three), and its memory then."""
    command = [sys.executable, "-c", START, str(model_directory()), runtime]
    starts = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(STARTS)]
    seconds, resident, anonymous = (statistics.median(values) for values in zip(*starts, strict=True))
    return {"seconds": round(seconds, 2), "resident_mib": resident, "anonymous_mib": anonymous}

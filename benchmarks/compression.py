"""Compressed search: recall against exact search, latency and memory of each kind, on vectors of real texts."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import qdrant_edge as edge
from numpy.typing import NDArray

from benchmarks.fixtures import model_directory, percentiles, post_files, records, say, texts_of
from stormpetrel.core.ports import NearestQuery
from stormpetrel.local.qdrant_codec import read_configuration
from stormpetrel.local.stack import Part, Stack, answers, free_port, this_python
from stormpetrel.local.vector_optimiser import Optimiser
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.stores.collections import Compression, VectorCollection
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.running import wait_until

KINDS: tuple[Any, ...] = ("none", "scalar", "product", "binary")
QUERIES = 200
DEPTH = 100
BATCH = 2000
NAME = "compressed"


def run(data: Path | None, count: int) -> dict[str, Any]:
    """For each kind: recall@10 and @100 with and without rescoring, p50 and p95 of one list of 100, resident memory."""
    with tempfile.TemporaryDirectory(prefix="stormpetrel-compression-") as directory:
        source, path = post_files(data, Path(directory))
        texts = list(dict.fromkeys(text for text in map(clean, texts_of(records(path))) if len(text) > 20))
        say(f"encoding {len(texts)} texts of {source}")
        base = TextEncoder(model_directory()).encode(texts)
        vectors, queries = _vectors(base, count)
        truth = _exact(vectors, queries)
        kinds = {kind: _measure(Path(directory) / kind, kind, vectors, queries, truth) for kind in KINDS}
    return {"vectors": count, "dimensions": vectors.shape[1], "texts": source, "kinds": kinds}


def _vectors(base: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit vectors around those of real texts, and queries that are the vectors of other texts."""
    rng = np.random.default_rng(5)
    query_rows = rng.choice(len(base), QUERIES, replace=False)
    rest = np.delete(base, query_rows, axis=0)
    vectors = rest[np.arange(count) % len(rest)] + rng.normal(0, 0.02, (count, base.shape[1])).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), base[query_rows]


def _exact(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> list[list[str]]:
    ids = []
    for query in queries:
        scores = vectors @ query
        best = np.argpartition(-scores, DEPTH)[:DEPTH]
        ids.append([str(number) for number in best[np.argsort(-scores[best])]])
    return ids


def _measure(
    folder: Path, kind: Any, vectors: NDArray[np.float32], queries: NDArray[np.float32], truth: list[list[str]]
) -> dict[str, Any]:
    say(f"{kind}: filling and optimising")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Stack(folder, say) as stack:
        command = this_python("local", "vectors", "--directory", str(folder / "vectors"), "--port", str(port))
        part = Part("vectors", command, lambda: answers(port))
        stack.start(part)
        index = QdrantIndex(url, compression=Compression(kind))
        index.migrate(VectorCollection(NAME, {"text": vectors.shape[1]}))
        stack.processes["vectors"].terminate()
        stack.processes["vectors"].wait(20)
        started = time.monotonic()
        _fill(folder / "vectors", kind, vectors)
        build_s = time.monotonic() - started
        stack.restart_dead()
        wait_until(lambda: answers(port), 120, "the server is back")
        report = {
            "built_s": round(build_s, 1),
            "rescored": _recall(QdrantIndex(url, compression=Compression(kind)), queries, truth),
            "not_rescored": _recall(QdrantIndex(url, compression=Compression(kind, rescore=False)), queries, truth),
            "ef_512": _recall(QdrantIndex(url, compression=Compression(kind, ef=512)), queries, truth),
        }
        report["memory_mib"] = round(psutil.Process(stack.processes["vectors"].pid).memory_info().rss / 2**20, 1)
    return report


def _fill(directory: Path, kind: Any, vectors: NDArray[np.float32]) -> None:
    record = directory / f"{NAME}.json"
    state = json.loads(record.read_text())
    folder = directory / NAME / str(state["generation"])
    shard = edge.EdgeShard.load(str(folder), read_configuration(state["configuration"]))
    for start in range(0, len(vectors), BATCH):
        points = [
            edge.Point(str(uuid.UUID(int=number + 1)), {"text": vectors[number].tolist()}, {"id": str(number)})
            for number in range(start, min(len(vectors), start + BATCH))
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.close()
    Optimiser()(folder, state["configuration"])
    record.write_text(json.dumps({**state, "optimised": len(vectors)}))


def _recall(index: QdrantIndex, queries: NDArray[np.float32], truth: list[list[str]]) -> dict[str, float]:
    seconds, recall_10, recall_100 = [], [], []
    for query, true_ids in zip(queries, truth, strict=True):
        started = time.perf_counter()
        (hits,) = index.query(NAME, [NearestQuery("text", dense=query, limit=DEPTH)])
        seconds.append(time.perf_counter() - started)
        ids = [hit.payload["id"] for hit in hits]
        recall_10.append(len(set(ids[:10]) & set(true_ids[:10])) / 10)
        recall_100.append(len(set(ids) & set(true_ids)) / DEPTH)
    times = percentiles(seconds)
    return {
        "recall_at_10": round(float(np.mean(recall_10)), 4),
        "recall_at_100": round(float(np.mean(recall_100)), 4),
        "p50_ms": times["p50_ms"],
        "p95_ms": times["p95_ms"],
    }

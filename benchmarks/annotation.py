"""Relevance feedback: a whole round over the paper's 340,587 patches, and how soon a label is in a model."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from sklearn.svm import SVC

from benchmarks.fixtures import fresh_system, percentiles, say
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.training.examples import Examples
from stormpetrel.learning.training.support_vector_ranker import PENALTY, fit, width_of
from tests.integration.running import RunningSystem, wait_until, write_posts

PATCHES, DIMENSIONS, LABELS, CLUSTERS = 340_587, 272, 300, 40
ROUNDS, SAMPLES = 7, 15
COLLECTION, LABEL = "posts/bench", "flood"


def run() -> dict[str, Any]:
    """Both measurements."""
    return {"round": _round(), "label_to_live": _label_to_model()}


def _round() -> dict[str, Any]:
    """Fit, score and select, and scikit-learn's own scoring of as many rows in the same run."""
    rng = np.random.default_rng(3)
    centres = np.abs(rng.standard_normal((CLUSTERS, DIMENSIONS), dtype=np.float32))
    clusters = rng.integers(0, CLUSTERS, PATCHES)
    matrix = centres[clusters] + np.float32(0.5) * rng.standard_normal((PATCHES, DIMENSIONS), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = rng.choice(PATCHES, LABELS, replace=False)
    signs = np.where(clusters[rows] < CLUSTERS // 8, 1, -1).astype(np.int8)
    gamma = width_of(matrix)
    round_s = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ranker = fit(matrix[rows], signs, gamma)
        next_round(matrix, Examples(rows, matrix[rows], signs), ranker, 20)
        round_s.append(time.perf_counter() - started)
    svc = SVC(C=PENALTY, gamma=gamma, class_weight="balanced").fit(matrix[rows].astype(np.float64), signs)
    started = time.perf_counter()
    sklearn_scores = svc.decision_function(matrix)
    sklearn_s = time.perf_counter() - started
    started = time.perf_counter()
    scores = ranker.scores(matrix)
    scoring_s = time.perf_counter() - started
    median_s = statistics.median(round_s)
    return {
        "patches": PATCHES,
        "values": DIMENSIONS,
        "labels": LABELS,
        "supports": len(ranker.supports),
        "round_s": round(median_s, 3),
        "slowest_round_s": round(max(round_s), 3),
        "scoring_s": round(scoring_s, 3),
        "scikit_learn_decision_function_s": round(sklearn_s, 3),
        "times_faster": round(sklearn_s / scoring_s, 1),
        "whole_round_times_faster_than_their_scoring": round(sklearn_s / median_s, 1),
        "largest_difference": float(np.abs(scores - sklearn_scores).max()),
    }


def _label_to_model() -> dict[str, float]:
    """From sending an annotation to the model that is trained with it."""
    with fresh_system() as system:
        texts = {True: "water rises in the streets of the old town", False: "a quiet day at the office"}
        posts = [
            {"id": f"bench-{n}", "text": f"{texts[n % 2 == 0]} {n} {n * 7}", "created_at": "2026-01-01T00:00:00Z"}
            for n in range(2 * SAMPLES + 10)
        ]
        system.replay(write_posts(system.directory / "posts.jsonl", posts))
        system.wait_until_worked_through()
        _annotate(system, range(8))
        wait_until(lambda: _has_model(system, 8), 60, "the first model")
        seconds = []
        for number in range(SAMPLES):
            started = time.perf_counter()
            _annotate(system, [8 + number])
            while not _has_model(system, 9 + number):
                time.sleep(0.01)
            seconds.append(time.perf_counter() - started)
            say(f"label {number + 1} of {SAMPLES}")
    return percentiles(seconds)


def _annotate(system: RunningSystem, numbers: Any) -> None:
    annotations = [
        {"item_id": f"file:bench-{n}", "label": LABEL, "sign": "positive" if n % 2 == 0 else "negative"}
        for n in numbers
    ]
    reply = system.api(
        "POST", "/v1/annotations", json={"collection": COLLECTION, "annotator": "b", "annotations": annotations}
    )
    assert reply.status_code == 201 and not reply.json()["refused"], reply.text


def _has_model(system: RunningSystem, labels: int) -> bool:
    """Whether processes that follow the log have the model of so many labels."""
    models = system.api("GET", "/v1/models", params={"collection": COLLECTION}).json()["models"]
    return any(model["annotations"] >= labels for model in models)

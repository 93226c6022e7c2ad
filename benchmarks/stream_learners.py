"""The stream's learners at rates of labels: what a label costs each of them, and how well each predicts where labels
come faster than a model is refitted.

The labels are those of labelled events, one event after the other, so that what is learned changes now and then. Each
label is predicted by the model that would be there when it comes: a refit takes as long as it was measured to take, and
knows the labels that had come when it began. River's learner takes labels one by one, and never waits at these rates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fixtures import model_directory
from stormpetrel.cli.console import say
from stormpetrel.evaluation.folders import data_folders
from stormpetrel.evaluation.labelled_events import read_events
from stormpetrel.learning.training.examples import Float32
from stormpetrel.learning.training.label_model import balanced_threshold
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import REFIT_EACH, Learner, fit_linear_svm
from stormpetrel.learning.training.relevance_model import fit_logistic
from stormpetrel.posts.text.encoder import TextEncoder

RATES = (1, 10, 100, 1000)  # labels a second
SIZES = (50, 200, 1000, 1800)  # labels that a refit is measured at
POSTS_AN_EVENT = 150
REPEATS = 3
Signs = NDArray[np.int_]


class _RiverAlone(Learner):
    """The stream's learner without its refits."""

    def _refit_is_due(self) -> bool:
        return False


def run(data: Path | None) -> dict[str, Any]:
    """The milliseconds that a refit and a label take, by labels known, and the balanced accuracy of River's learner and
    of the logistic one by rate. Empty without labelled events."""
    encoder = TextEncoder(model_directory())
    folders = data_folders(data) if data else []
    events = next(filter(None, (read_events(folder, encoder) for folder in folders)), [])
    events = [event for event in events if 0 < event.truth.mean() < 1]
    if not events:
        say("the stream's learners are measured on labelled events: give --data with a folder like tweets_crisislex")
        return {}
    vectors = np.vstack([event.vectors[:POSTS_AN_EVENT] for event in events])[: SIZES[-1]]
    signs = np.where(np.concatenate([event.truth[:POSTS_AN_EVENT] for event in events]), 1, -1)[: SIZES[-1]]
    say(f"{len(signs)} labels of up to {len(events)} events")
    refits = {"logistic": _logistic, "support vector machine": fit_linear_svm}
    refit_ms = {
        name: {size: _refit_ms(refit, vectors, signs, size) for size in SIZES} for name, refit in refits.items()
    }
    river, whole = _RiverAlone(), Learner()
    label_ms = {"river": _label_ms(river, vectors, signs), "all three": _label_ms(whole, vectors, signs)}
    accuracy = {f"logistic at {rate}/s": _accuracy_at(rate, refit_ms["logistic"], vectors, signs) for rate in RATES}
    return {
        "labels": len(signs),
        "positive": int((signs > 0).sum()),
        "refit_ms": refit_ms,
        "label_ms": label_ms,
        "drifts": river.drifts,
        "balanced_accuracy": {"river": river.prequential["incremental"].summary()["balanced_accuracy"], **accuracy},
    }


def _logistic(vectors: Float32, signs: Signs) -> LinearModel:
    model = fit_logistic(vectors, signs, None)
    return model.above(balanced_threshold(model, vectors, signs))


def _refit_ms(refit: Callable[[Float32, Signs], LinearModel], vectors: Float32, signs: Signs, size: int) -> float:
    rows = np.random.default_rng(1).permutation(len(signs))[:size]
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        refit(vectors[rows], signs[rows])
        times.append(1000 * (time.process_time() - started))
    return round(min(times), 2)


def _label_ms(learner: Learner, vectors: Float32, signs: Signs) -> dict[str, float]:
    """The milliseconds of processor time that a label takes, by the labels that were learned by then."""
    costs, first = {}, 0
    for last in SIZES:
        started = time.process_time()
        for vector, sign in zip(vectors[first:last], signs[first:last].tolist(), strict=True):
            learner.learn(vector, sign)
        learned = len(learner) - first
        costs[f"{first} to {last}"] = round(1000 * (time.process_time() - started) / max(1, learned), 3)
        first = last
    return costs


def _accuracy_at(rate: int, refit_ms: dict[int, float], vectors: Float32, signs: Signs) -> float:
    """The balanced accuracy of the newest logistic model whose refit is over when a label comes, at this rate. Beyond
    200 labels a refit waits for 2 % more, as on the stream."""
    predicted, serving, row = np.ones(len(signs), dtype=int), None, 0
    while row < len(signs):
        seconds = float(np.interp(row, list(refit_ms), list(refit_ms.values()))) / 1000
        due = 1 if row < REFIT_EACH else row // 50
        over = min(len(signs), math.ceil(row + seconds * rate) if row else 1)
        end = min(len(signs), max(row + due, over))
        newer = _logistic(vectors[:row], signs[:row]) if len(set(signs[:row].tolist())) == 2 else None
        # What serves while this refit runs is the one before it.
        for model, rows in ((serving, slice(row, over)), (newer, slice(over, end))):
            if model is not None:
                predicted[rows] = np.where(model.scores(vectors[rows]) >= 0, 1, -1)
        serving, row = newer, end
    return round(float(np.mean([(predicted[signs == sign] == sign).mean() for sign in (1, -1)])), 4)

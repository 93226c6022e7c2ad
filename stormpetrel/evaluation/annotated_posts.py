"""`eval annotation`, posts: relevance to an event that no model has seen, after 200 labels of a simulated analyst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.evaluation.analyst import Bools, Rows, examples_of, halves, label_until
from stormpetrel.evaluation.folders import data_folders
from stormpetrel.evaluation.humanitarian import humanitarian_report
from stormpetrel.evaluation.labelled_events import Event, read_events
from stormpetrel.evaluation.measures import rounded_means
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report
from stormpetrel.learning.training.label_model import round_ranker
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import NAMES, Learner
from stormpetrel.learning.training.relevance_model import learn_prior
from stormpetrel.posts.text.encoder import TextEncoder

LABELS, LABELS_A_ROUND, SEEDS = 200, 20, 5
FEWEST_UNRELATED = 20
STREAMED = 300  # posts of an event that the online learners are compared on


def evaluate_posts(
    data: Path, encoder: TextEncoder, catalogue: Catalogue, say: Callable[[str], None]
) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name, where events are labelled."""
    reports: dict[str, Any] = {}
    for folder in data_folders(data):
        events = [event for event in read_events(folder, encoder) if event.truth.any() and not event.truth.all()]
        test_events = [event for event in events if int((~event.truth).sum()) >= FEWEST_UNRELATED]
        if test_events:
            say(f"{folder.resolve().name}: {len(test_events)} events")
            reports[folder.resolve().name] = _report(events, test_events, catalogue)
    return reports


def prior_from(events: Sequence[Event]) -> LinearModel | None:
    """The prior that is trained on all these events; None where there are none."""
    return learn_prior([(event.vectors, event.truth) for event in events]) if events else None


def _report(events: list[Event], test_events: list[Event], catalogue: Catalogue) -> dict[str, Any]:
    by_event: dict[str, dict[str, float]] = {}
    streams: list[dict[str, float]] = []
    for event in test_events:
        prior = prior_from([other for other in events if other is not event])
        by_event[event.name] = rounded_means([_run(event, prior, seed) for seed in range(SEEDS)])
        streams.append(_stream_scores(event, prior))
    return {
        **rounded_means(list(by_event.values())),
        "labels": LABELS,
        "events": len(test_events),
        "stream": rounded_means([scores for scores in streams if scores]),
        "humanitarian": humanitarian_report(events, catalogue),
        "by_event": by_event,
    }


def _stream_scores(event: Event, prior: LinearModel | None) -> dict[str, float]:
    """How well the online learners predict labels that come in the order of the posts, each before it is learned:
    balanced accuracy over the first `STREAMED` posts, of each learner and of the one that serves. Empty where all of
    the labels have one sign."""
    learner, hits, seen = Learner(prior), Counter[bool](), Counter[bool]()
    for vector, belongs in zip(event.vectors[:STREAMED], event.truth.tolist(), strict=False):
        served = learner.served
        if served is not None:
            seen[belongs] += 1
            hits[belongs] += (served.score(vector) >= 0) == belongs
        learner.learn(vector, 1 if belongs else -1)
    if not all(seen[side] for side in (True, False)):
        return {}
    scores: dict[str, float] = {name: float(learner.prequential[name].summary()["balanced_accuracy"]) for name in NAMES}
    return {**scores, "served": float(np.mean([hits[side] / seen[side] for side in (True, False)]))}


def _run(event: Event, prior: LinearModel | None, seed: int) -> dict[str, float]:
    """`macro_f1` on the held-out half of the posts; `whole_event` counts the labelled posts as right; `chance` is as
    many random labels, `unlabelled` the prior alone, `supervised` the labels of the whole pool."""
    held_out, shuffled = halves(np.random.default_rng(seed), len(event.truth))
    pool, random_rows = np.sort(shuffled), shuffled[:LABELS]
    labelled = _labelled_rows(event, prior, pool, seed)
    training_rows = {"macro_f1": labelled, "chance": random_rows, "unlabelled": pool[:0], "supervised": pool}
    predictions = {name: _predictions(event, prior, rows) for name, rows in training_rows.items()}
    whole = predictions["macro_f1"].copy()
    whole[labelled] = event.truth[labelled]

    def macro_f1(predicted: Bools, rows: Rows | slice) -> float:
        return float(binary_report(event.truth[rows], predicted[rows])["macro_f1"])

    scores = {name: macro_f1(predicted, held_out) for name, predicted in predictions.items()}
    return {**scores, "whole_event": macro_f1(whole, slice(None))}


def _predictions(event: Event, prior: LinearModel | None, rows: Rows) -> Bools:
    """Which posts the model of these labelled rows says belong; the labels' one sign where it cannot separate."""
    if not len(rows) and prior is None:
        return np.ones(len(event.truth), dtype=bool)
    ranker = round_ranker(examples_of(event.vectors, event.truth, rows), event.vectors, prior)
    if ranker.separates:
        return np.asarray(ranker.scores(event.vectors) > 0)
    return np.full(len(event.truth), bool(event.truth[rows].all()))


def _labelled_rows(event: Event, prior: LinearModel | None, pool: Rows, seed: int) -> Rows:
    """The rows of the pool that are labelled, chosen as the API chooses: the boundary, and the coverage as long as all
    labels have one sign. Without a prior it begins with a post that a person chose."""
    matrix, truth = event.vectors[pool], event.truth[pool]
    positives = np.flatnonzero(truth) if truth.any() else np.arange(len(pool))
    first = [] if prior is not None else [int(np.random.default_rng(seed).choice(positives))]

    def choose(labelled: Rows, _: int) -> list[int]:
        examples = examples_of(matrix, truth, labelled)
        batch = next_round(matrix, examples, round_ranker(examples, matrix, prior), LABELS_A_ROUND)
        mixed = np.r_[batch.coverage[: LABELS_A_ROUND // 2], batch.boundary, batch.top]
        rows: list[int] = (batch.boundary if len(set(examples.signs.tolist())) > 1 else mixed).tolist()
        return rows

    return pool[label_until(min(LABELS, len(pool)), LABELS_A_ROUND, first, choose)]

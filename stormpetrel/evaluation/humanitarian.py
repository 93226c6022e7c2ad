"""`eval annotation`, posts: their humanitarian classes within an event, after as many labels as relevance gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.analyst import Rows, halves, signs_of
from stormpetrel.evaluation.labelled_events import Event
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report
from stormpetrel.learning.training.examples import Examples, Float32, Ranker
from stormpetrel.learning.training.label_model import round_ranker

PREFIX = "humanitarian/"
LABELS, LABELS_A_ROUND, SEEDS = 200, 20, 3
FEWEST = 20  # posts of a class in an event
Classes = NDArray[np.object_]


def humanitarian_report(events: Sequence[Event], catalogue: Catalogue) -> dict[str, Any] | None:
    """Macro F1 over the classes of an event that have at least `FEWEST` posts, mean over events, on the held-out half:
    after 200 labels that active learning chose, and after as many at random. None where no event has two such
    classes."""
    means = []
    for event in events:
        classes = np.array([_class(name, catalogue) for name in event.types], dtype=object)
        names = [name for name in sorted(set(classes) - {""}) if int((classes == name).sum()) >= FEWEST]
        if len(names) > 1:
            means.append(np.mean([_run(event.vectors, classes, names, seed) for seed in range(SEEDS)], axis=0))
    if not means:
        return None
    active, random = np.mean(means, axis=0)
    return {
        "macro_f1": round(float(active), 4),
        "chance": round(float(random), 4),
        "labels": LABELS,
        "events": len(means),
    }


def _class(name: str, catalogue: Catalogue) -> str:
    ids = (label.id for label in catalogue.named(name, "posts") if label.id.startswith(PREFIX))
    return next(ids, "") if name else ""


def _run(vectors: Float32, classes: Classes, names: Sequence[str], seed: int) -> tuple[float, float]:
    held_out, pool = halves(np.random.default_rng(seed), len(classes))
    labelled = _labelled_rows(vectors, classes, names, pool)
    active = _macro_f1(vectors, classes, names, labelled, held_out)
    return active, _macro_f1(vectors, classes, names, pool[:LABELS], held_out)


def _model(vectors: Float32, classes: Classes, name: str, rows: Rows) -> tuple[Examples, Ranker]:
    examples = Examples(rows, vectors[rows], signs_of(classes[rows] == name))
    return examples, round_ranker(examples, vectors, None)


def _labelled_rows(vectors: Float32, classes: Classes, names: Sequence[str], pool: Rows) -> Rows:
    """A random round, then the boundary of every class in turn. The annotator names the post's class, which is a label
    for each of them."""
    matrix, pool_classes = vectors[pool], classes[pool]
    labelled = list(range(min(LABELS_A_ROUND, len(pool))))
    while len(labelled) < min(LABELS, len(pool)):
        rows: dict[int, None] = {}
        for name in names:
            examples, ranker = _model(matrix, pool_classes, name, np.array(labelled))
            batch = next_round(matrix, examples, ranker, -(-LABELS_A_ROUND // len(names)))
            rows |= dict.fromkeys((batch.boundary if ranker.separates else batch.coverage).tolist())
        labelled += list(rows)[: min(LABELS_A_ROUND, LABELS - len(labelled))]
    return pool[labelled]


def _macro_f1(vectors: Float32, classes: Classes, names: Sequence[str], rows: Rows, held_out: Rows) -> float:
    """Each post is assigned to the class whose model scores it highest, or to none."""
    scores = np.full((len(names), len(held_out)), -1.0, dtype=np.float32)
    for position, name in enumerate(names):
        ranker = _model(vectors, classes, name, rows)[1]
        if ranker.separates:
            scores[position] = ranker.scores(vectors[held_out])
    best = np.where(scores.max(axis=0) > 0, scores.argmax(axis=0), -1)
    f1 = [binary_report(classes[held_out] == name, best == number)["f1"] or 0.0 for number, name in enumerate(names)]
    return float(np.mean(f1))

"""`eval annotation`, posts: their humanitarian classes within an event, after as many labels as relevance gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.analyst import Rows, examples_of, halves, label_until
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
    active, random = (round(float(mean), 4) for mean in np.mean(means, axis=0))
    return {"macro_f1": active, "chance": random, "labels": LABELS, "events": len(means)}


def _class(name: str, catalogue: Catalogue) -> str:
    ids = (label.id for label in catalogue.named(name, "posts") if label.id.startswith(PREFIX))
    return next(ids, "") if name else ""


def _run(vectors: Float32, classes: Classes, names: Sequence[str], seed: int) -> list[float]:
    """Macro F1 after the labels that active learning chose, and after as many at random."""
    held_out, pool = halves(np.random.default_rng(seed), len(classes))
    trained_on = (_labelled_rows(vectors, classes, names, pool), pool[:LABELS])
    return [_macro_f1(vectors, classes, names, rows, held_out) for rows in trained_on]


def _model(vectors: Float32, classes: Classes, name: str, rows: Rows) -> tuple[Examples, Ranker]:
    examples = examples_of(vectors, classes == name, rows)
    return examples, round_ranker(examples, vectors, None)


def _labelled_rows(vectors: Float32, classes: Classes, names: Sequence[str], pool: Rows) -> Rows:
    """A random round, then the boundary of every class in turn. The annotator names the post's class, which is a label
    for each of them."""
    matrix, pool_classes = vectors[pool], classes[pool]

    def choose(labelled: Rows, _: int) -> Iterator[int]:
        for name in names:
            examples, ranker = _model(matrix, pool_classes, name, labelled)
            batch = next_round(matrix, examples, ranker, -(-LABELS_A_ROUND // len(names)))
            yield from (batch.boundary if ranker.separates else batch.coverage).tolist()

    first = list(range(min(LABELS_A_ROUND, len(pool))))
    return pool[label_until(min(LABELS, len(pool)), LABELS_A_ROUND, first, choose)]


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

"""`eval annotation`, posts: their humanitarian classes within an event, after as many labels as relevance gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.labelled_events import Event, Rows
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report
from stormpetrel.learning.training.examples import Examples, Ranker
from stormpetrel.learning.training.label_model import round_ranker

ABOVE = "humanitarian/"
LABELS, A_ROUND, SEEDS = 200, 20, 3
FEWEST = 20  # posts of a class in an event
Float32 = NDArray[np.float32]


def humanitarian_report(events: Sequence[Event], catalogue: Catalogue) -> dict[str, Any] | None:
    """Macro F1 over the classes of an event that have at least `FEWEST` posts, mean over events, on the half that could
    not be asked: after 200 labels that the models asked for, and after as many by chance. None where no event has two
    such classes."""
    told = []
    for event in events:
        classes = np.array([_class(name, catalogue) for name in event.types], dtype=object)
        able = [own for own in sorted(set(classes) - {""}) if int((classes == own).sum()) >= FEWEST]
        if len(able) > 1:
            told.append(np.mean([_run(event.vectors, classes, able, seed) for seed in range(SEEDS)], axis=0))
    if not told:
        return None
    asked, chance = np.mean(told, axis=0)
    return {
        "macro_f1": round(float(asked), 4),
        "chance": round(float(chance), 4),
        "labels": LABELS,
        "events": len(told),
    }


def _class(name: str, catalogue: Catalogue) -> str:
    found = (label.id for label in catalogue.named(name, "posts") if label.id.startswith(ABOVE))
    return next(found, "") if name else ""


def _run(vectors: Float32, classes: NDArray[np.object_], able: Sequence[str], seed: int) -> tuple[float, float]:
    order = np.random.default_rng(seed).permutation(len(classes))
    held, pool = order[: len(order) // 2], order[len(order) // 2 :]
    asked = _asked(vectors, classes, able, pool)
    return (_macro_f1(vectors, classes, able, asked, held), _macro_f1(vectors, classes, able, pool[:LABELS], held))


def _model(vectors: Float32, classes: NDArray[np.object_], own: str, rows: Rows) -> tuple[Examples, Ranker]:
    examples = Examples(rows, vectors[rows], np.where(classes[rows] == own, 1, -1).astype(np.int8))
    return examples, round_ranker(examples, vectors, None)


def _asked(vectors: Float32, classes: NDArray[np.object_], able: Sequence[str], pool: Rows) -> Rows:
    """A round by chance, then the boundary of every class in turn. A person who is asked names the post's class, which
    is a label for each of them."""
    matrix, own_classes = vectors[pool], classes[pool]
    taken = list(range(min(A_ROUND, len(pool))))
    while len(taken) < min(LABELS, len(pool)):
        new: dict[int, None] = {}
        for own in able:
            examples, ranker = _model(matrix, own_classes, own, np.array(taken))
            found = next_round(matrix, examples, ranker, -(-A_ROUND // len(able)))
            new |= dict.fromkeys((found.boundary if ranker.separates else found.coverage).tolist())
        taken += list(new)[: min(A_ROUND, LABELS - len(taken))]
    return pool[taken]


def _macro_f1(vectors: Float32, classes: NDArray[np.object_], able: Sequence[str], rows: Rows, held: Rows) -> float:
    """Each post is said to be of the class whose model is surest, or of none."""
    scores = np.full((len(able), len(held)), -1.0, dtype=np.float32)
    for place, own in enumerate(able):
        ranker = _model(vectors, classes, own, rows)[1]
        if ranker.separates:
            scores[place] = ranker.scores(vectors[held])
    surest = np.where(scores.max(axis=0) > 0, scores.argmax(axis=0), -1)
    told = [binary_report(classes[held] == own, surest == place)["f1"] or 0.0 for place, own in enumerate(able)]
    return float(np.mean(told))

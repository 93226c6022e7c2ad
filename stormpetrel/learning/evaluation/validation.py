"""How good a label's model is: against held labels, against a truth that is given, and how it got there by rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.rounds import ActiveLearning, Scope
from stormpetrel.learning.active.selection import Examples, Fits
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report, confusion

NONE = "none of these"
FEWEST = 2  # of each sign, in held labels: below that nothing can be held back


def held_report(examples: Examples, fits: Fits, folds: int) -> dict[str, Any]:
    """Cross-validation over the labels: each is judged by a model that did not see it. Raises BadQuery where there are
    too few."""
    signs = examples.signs
    fewest = min(int((signs > 0).sum()), int((signs < 0).sum()))
    if fewest < FEWEST:
        raise BadQuery("label", f"it has {fewest} labels of one sign", f"Give {FEWEST} of each sign, or a truth")
    parts = np.empty(len(signs), dtype=np.int64)
    for sign in (1, -1):  # every part has its share of both signs
        rows = np.flatnonzero(signs == sign)
        parts[rows] = np.arange(len(rows)) % min(folds, fewest)
    scores = np.empty(len(signs), dtype=np.float32)
    for part in np.unique(parts):
        seen, held = parts != part, parts == part
        scores[held] = fits(examples.vectors[seen], signs[seen]).scores(examples.vectors[held])
    return binary_report(signs > 0, scores > 0, scores)


def truth_of(names: Mapping[str, Sequence[str]], label: str, catalogue: Catalogue) -> dict[str, bool]:
    """Whether each item bears the label, from names of CORINE, BigEarthNet or the catalogue: a detail counts for
    what is above it."""
    kind = catalogue.get(label).kind

    def bears(told: Sequence[str]) -> bool:
        found = {one.id for name in told for one in catalogue.named(name, kind)}
        return any(own == label or own.startswith(f"{label}/") for own in found)

    return {item: bears(told) for item, told in names.items()}


class Validation:
    """Validates labels of one scope."""

    def __init__(self, rounds: ActiveLearning, scope: Scope, annotation_store: AnnotationStore, items: Items) -> None:
        self._rounds, self._scope, self._ledger, self._items = rounds, scope, annotation_store, items

    def held(self, label: str, folds: int) -> dict[str, Any]:
        """Against labels that the model did not see, and round by round against those that came after."""
        taught = self._rounds.taught(self._scope, self._ledger, label, self._items)
        curve = []
        last = self._ledger.last_round(label)
        for number in range(1, last):
            before = self._rounds.taught(self._scope, self._ledger, label, self._items, until_round=number)
            known = {one.item_id for one in before.judged}
            later = np.array([one.item_id not in known for one in taught.judged if one.sign], dtype=bool)
            later = later[: len(taught.examples.signs)]
            if before.ranker.separates and later.any():
                scores = before.ranker.scores(taught.examples.vectors[later])
                report = binary_report(taught.examples.signs[later] > 0, scores > 0)
                curve.append({"round": number, "labels": len(known), "on_later_labels": report})
        return {**held_report(taught.examples, taught.fits, folds), "curve": curve}

    def against(self, label: str, truth: Mapping[str, bool]) -> dict[str, Any]:
        """Against a truth of the scope's items, as it stands and after every round. Raises BadQuery where none of them
        is in the scope."""
        rows = self._known(truth)
        is_ = np.array([truth[self._items.ids[row]] for row in rows], dtype=bool)
        curve = []
        for number in range(1, self._ledger.last_round(label) + 1):
            taught = self._rounds.taught(self._scope, self._ledger, label, self._items, until_round=number)
            scores = taught.ranker.scores(self._items.vectors[rows])
            report = binary_report(is_, scores > 0 if taught.ranker.separates else np.zeros(len(rows), bool), scores)
            curve.append({"round": number, "labels": len(taught.examples.signs), **report})
        return {**{key: value for key, value in curve[-1].items() if key not in ("round", "labels")}, "curve": curve}

    def between(self, labels: Sequence[str], truths: Mapping[str, Mapping[str, bool]]) -> dict[str, Any]:
        """One class an item, the label whose model is surest: the confusion matrix of several labels."""
        rows = self._known(truths[labels[0]])
        said = classes_of(self._rounds, self._scope, self._ledger, labels, self._items)[0][rows]
        true = [
            next((label for label in labels if truths[label].get(self._items.ids[row])), NONE) for row in rows.tolist()
        ]
        told = [labels[own] if own >= 0 else NONE for own in said.tolist()]
        right = sum(a == b for a, b in zip(true, told, strict=True))
        return {"items": len(rows), "accuracy": round(right / len(rows), 6), "confusion": confusion(true, told)}

    def _known(self, truth: Mapping[str, bool]) -> NDArray[np.int64]:
        rows = [self._items.rows[own] for own in truth if own in self._items.rows]
        if not rows:
            kind = Collection.parse(self._scope.collection).kind
            raise BadQuery(
                "truth", f"none of its {len(truth)} {kind} is in the scope", "Give ids as the answers name them"
            )
        return np.array(sorted(rows), dtype=np.int64)


def classes_of(
    rounds: ActiveLearning, scope: Scope, annotation_store: AnnotationStore, labels: Sequence[str], items: Items
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each item the label (its index) whose model is surest, or -1 where none says so; and the score."""
    scores = np.stack(
        [rounds.taught(scope, annotation_store, label, items).ranker.scores(items.vectors) for label in labels]
    )
    best = scores.argmax(axis=0)
    top = scores.max(axis=0)
    return np.where(top > 0, best, -1).astype(np.int64), top

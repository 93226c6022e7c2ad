"""How good a label's model is: against held-out labels, against a given truth, and round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stormpetrel.core.errors import BadQuery
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.active.rounds import ActiveLearning, Scope, TrainedModel
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report, confusion
from stormpetrel.learning.inference.predictions import classify
from stormpetrel.learning.training.examples import Rows

NONE = "none of these"
MINIMUM_OF_A_SIGN = 2  # labels: with fewer none can be held out


def validate(
    models: LabelModels, scope: Scope, labels: Sequence[str], truth: Mapping[str, Sequence[str]] | None, folds: int
) -> dict[str, Any]:
    """A report for each label. `truth` gives the classes of items by id, in the words of CORINE, BigEarthNet or the
    catalogue; without it each label is cross-validated over its annotations."""
    catalogue = models.annotations.journal.catalogue
    for label in labels:
        catalogue.of_kind(label, scope.collection.kind)
    learning = models.active_learning(scope)
    items = learning.items()
    if truth is None:
        reports = {label: held_out_report(learning, label, items, folds) for label in labels}
        return {"against": "held-out labels", "labels": reports}
    truths = {label: truth_of(truth, label, catalogue) for label in labels}
    return {
        "against": "given truth",
        "labels": {label: truth_report(learning, label, items, truths[label]) for label in labels},
        "between": confusion_report(learning, labels, items, truths) if len(labels) > 1 else None,
    }


def cross_validate(trained: TrainedModel, folds: int) -> dict[str, Any]:
    """Each label is predicted by a model that did not learn it. Raises BadQuery where there are too few."""
    examples, signs = trained.examples, trained.examples.signs
    if (rarer := min(int((signs > 0).sum()), int((signs < 0).sum()))) < MINIMUM_OF_A_SIGN:
        remedy = f"Give {MINIMUM_OF_A_SIGN} of each sign, or a truth"
        raise BadQuery("label", f"it has {rarer} labels of one sign", remedy)
    fold_of = np.empty(len(signs), dtype=np.int64)
    for sign in (1, -1):  # every fold has its share of both signs
        rows = np.flatnonzero(signs == sign)
        fold_of[rows] = np.arange(len(rows)) % min(folds, rarer)
    scores = np.empty(len(signs), dtype=np.float32)
    for fold in np.unique(fold_of):
        training, test = fold_of != fold, fold_of == fold
        model = trained.fit(examples.vectors[training], signs[training])
        scores[test] = model.above(trained.threshold).scores(examples.vectors[test])
    return binary_report(signs > 0, scores > 0, scores)


def truth_of(classes: Mapping[str, Sequence[str]], label: str, catalogue: Catalogue) -> dict[str, bool]:
    """Whether each item has the label, from its classes' names; a label counts for all labels above it."""
    kind = catalogue.get(label).kind

    def has_label(names: Sequence[str]) -> bool:
        labels = {named.id for name in names for named in catalogue.named(name, kind)}
        return any(other == label or other.startswith(f"{label}/") for other in labels)

    return {item_id: has_label(names) for item_id, names in classes.items()}


def held_out_report(learning: ActiveLearning, label: str, items: Items, folds: int) -> dict[str, Any]:
    """Cross-validation, and each round's model against the labels that came after it."""
    trained = learning.train(label, items)
    curve = []
    for number in range(1, learning.store.last_round(label)):
        previous = learning.train(label, items, until_round=number)
        earlier = {item.item_id for item in previous.consensus}
        later = np.array([item.item_id not in earlier for item in trained.consensus if item.sign], dtype=bool)
        later = later[: len(trained.examples.signs)]
        if previous.ranker.separates and later.any():
            scores = previous.ranker.scores(trained.examples.vectors[later])
            report = binary_report(trained.examples.signs[later] > 0, scores > 0)
            curve.append({"round": number, "labels": len(earlier), "on_later_labels": report})
    return {**cross_validate(trained, folds), "curve": curve}


def truth_report(learning: ActiveLearning, label: str, items: Items, truth: Mapping[str, bool]) -> dict[str, Any]:
    """Against a truth of the scope's items, now and after every round. Raises BadQuery where none of them is in
    scope."""
    rows = _rows_in_scope(learning, items, truth)
    is_ = np.array([truth[items.ids[row]] for row in rows], dtype=bool)
    report: dict[str, Any] = {}
    curve = []
    for number in range(1, learning.store.last_round(label) + 1):
        trained = learning.train(label, items, until_round=number)
        scores = trained.ranker.scores(items.vectors[rows])
        report = binary_report(is_, (scores > 0) & trained.ranker.separates, scores)
        curve.append({"round": number, "labels": len(trained.examples.signs), **report})
    return {**report, "curve": curve}


def confusion_report(
    learning: ActiveLearning, labels: Sequence[str], items: Items, truths: Mapping[str, Mapping[str, bool]]
) -> dict[str, Any]:
    """One class an item, the label whose model is surest: the confusion matrix of several labels."""
    rows = _rows_in_scope(learning, items, truths[labels[0]])
    classes = classify(learning, labels, items)[0][rows]
    true = [next((label for label in labels if truths[label].get(items.ids[row])), NONE) for row in rows.tolist()]
    predicted = [labels[index] if index >= 0 else NONE for index in classes.tolist()]
    accuracy = float(np.mean(np.array(true) == np.array(predicted)))
    return {"items": len(rows), "accuracy": round(accuracy, 6), "confusion": confusion(true, predicted)}


def _rows_in_scope(learning: ActiveLearning, items: Items, truth: Mapping[str, bool]) -> Rows:
    rows = [items.rows[item_id] for item_id in truth if item_id in items.rows]
    if not rows:
        problem = f"none of its {len(truth)} {learning.scope.collection.kind} is in scope"
        raise BadQuery("truth", problem, "Give ids as the answers name them")
    return np.array(sorted(rows), dtype=np.int64)

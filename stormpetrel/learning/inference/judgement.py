"""Brings the labels of indexed items to what the newest models say of them.

What an item should bear is a function of its vector and of the newest models. So nothing is remembered between two
passes: a pass finds the items whose labels differ from that, and writes those alone. Judging twice changes as much as
judging once, an interrupted pass is taken up by the next one, and after a replay of the log the same labels come about.

A linear model is judged by the index itself: a search for its weights with the least cosine that lies on the label's
side finds the items to which the label is to be added, a search for the opposite direction those that lose it. No
vector travels. A kernel model scores the vectors page by page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from stormpetrel.core.ports import (
    Document,
    Filter,
    IndexQuery,
    NearestQuery,
    OrderQuery,
    PayloadWriter,
    ScannedPage,
    VectorReader,
    VectorScanner,
)
from stormpetrel.learning.training.examples import Ranker
from stormpetrel.learning.training.linear_model import LinearModel

PAGE = 10_000  # hits a search: some megabytes of JSON
# Of a cosine: items on the boundary itself keep what they bear. What a search adds, the opposite one must not remove.
TOLERANCE = 1e-6
FIELDS = ("id", "labels")
EVERYTHING = Filter()


class JudgedIndex(VectorReader, VectorScanner, PayloadWriter, Protocol):
    """An index whose points are searched, scanned, and given other labels."""


@dataclass(frozen=True)
class Judge:
    """Judges the items of one collection of the index by one of their vectors."""

    index: JudgedIndex
    collection: str
    vector: str

    def by_linear_model(
        self,
        label: str,
        model: LinearModel | None,
        within: Filter = EVERYTHING,
        is_newest: Callable[[], bool] = lambda: True,
    ) -> int:
        """How many items within the filter got or lost the label, named as `model_id` does it. Where there is no model
        (all its examples have one sign, or were undone) no item bears it. Ends early where the model `is_newest` no
        more: what is left is the newer one's. Raises StoreUnavailable."""
        changed = 0
        for query in self._differing(label, model, within):
            while is_newest():
                (hits,) = self.index.query(self.collection, [query])
                self._write({hit.payload["id"]: _toggled(hit.payload, label) for hit in hits})
                changed += len(hits)
                if len(hits) < PAGE:
                    break
        return changed

    def _differing(self, label: str, model: LinearModel | None, within: Filter) -> Iterator[IndexQuery]:
        """The searches for the items that bear the label wrongly, or wrongly do not. What is written is found no more,
        so that the same search gives the next page."""
        bearing = replace(within, any_of={**within.any_of, "labels": [label]})
        without = replace(within, none_of={**within.none_of, "labels": [label]})
        length = float(np.linalg.norm(model.weights)) if model else 0.0
        if model is None or not length:
            yield OrderQuery("indexed_at", "desc", filter=bearing, limit=PAGE, payload=FIELDS)
            return
        direction, least = (model.weights / length).astype(np.float32), -model.intercept / length
        yield NearestQuery(self.vector, direction, filter=without, limit=PAGE, payload=FIELDS, at_least=least)
        opposite = TOLERANCE - least
        yield NearestQuery(self.vector, -direction, filter=bearing, limit=PAGE, payload=FIELDS, at_least=opposite)

    def by_rankers(
        self, rankers: Mapping[str, Callable[[str], Ranker | None]], within: Filter = EVERYTHING
    ) -> dict[str, int]:
        """How many items within the filter got or lost each label, in one reading of all vectors. `rankers` gives a
        label's ranker for a scale level (px); None where nothing is known. Raises StoreUnavailable."""
        changed = dict.fromkeys(rankers, 0)
        for page in self.index.scan(self.collection, self.vector, (*FIELDS, "scale_level"), within):
            self._write(dict(_judged(page, rankers, changed)))
        return changed

    def _write(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Items with the same labels are written together."""
        ids: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for item_id, names in labels.items():
            ids[tuple(names)].append(item_id)
        for names, own_ids in ids.items():
            self.index.set_payload(self.collection, own_ids, {"labels": list(names)})


def _toggled(payload: Document, label: str) -> list[str]:
    return sorted(set(payload.get("labels") or ()) ^ {label})


def _judged(
    page: ScannedPage, rankers: Mapping[str, Callable[[str], Ranker | None]], changed: dict[str, int]
) -> Iterator[tuple[str, list[str]]]:
    """The items of a page whose labels change, with their labels; `changed` counts them by label."""
    levels = np.array([str(payload.get("scale_level") or "") for payload in page.payloads])
    before = [set(payload.get("labels") or ()) for payload in page.payloads]
    after = [set(labels) for labels in before]
    for label, ranker_of in rankers.items():
        for level in sorted(set(levels.tolist())):
            rows = np.flatnonzero(levels == level)
            ranker = ranker_of(level)
            separates = ranker is not None and ranker.separates
            positive = ranker.scores(page.vectors[rows]) > 0 if ranker and separates else np.zeros(len(rows), bool)
            for row, is_positive in zip(rows.tolist(), positive.tolist(), strict=True):
                if is_positive != (label in before[row]):
                    after[row] ^= {label}
                    changed[label] += 1
    for row, payload in enumerate(page.payloads):
        if after[row] != before[row]:
            yield payload["id"], sorted(after[row])

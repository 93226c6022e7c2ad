"""Relevance feedback over a collection: rounds, the descent through the grids, and what the model of a label says of
everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.cascade import Descent, Level, Told, descend
from stormpetrel.learning.active.embedding_cache import EmbeddingCache, Items, Mask
from stormpetrel.learning.active.patch_ids import parents_of
from stormpetrel.learning.active.selection import Advice, Examples, Fits, Ranker, Round, advice, examples_of, next_round
from stormpetrel.learning.active.structured_query import Predicate, met
from stormpetrel.learning.annotations.annotation_store import AnnotationStore, ConsensusLabel
from stormpetrel.learning.training.relevance_model import Prior, fitted, prior_of
from stormpetrel.learning.training.support_vector_ranker import fits_by

Float32 = NDArray[np.float32]
NO_EXAMPLES = "Annotate one item first, or give an example, a text or a vector to begin with"


@dataclass(frozen=True)
class Scope:
    """What is looked at: a collection's items by one of their vectors, of one grid, that meet a condition."""

    collection: str
    vector: str
    scale_level: int | None = None
    condition: Predicate = field(default_factory=Predicate)


@dataclass(frozen=True)
class TrainedModel:
    """A label's model over a scope: what it learned from, how, and the items that people judged."""

    ranker: Ranker
    examples: Examples
    fits: Fits
    judged: list[ConsensusLabel]
    labels: Mapping[str, int]  # how many positive, negative, disputed, skipped
    provisional: bool = False


@dataclass(frozen=True)
class Answer:
    """A round, the items that its rows are of, the model, and what to do next."""

    items: Items
    round: Round
    taught: TrainedModel
    advice: Advice


class ActiveLearning:
    """Asks the matrices of posts and patches; `indexes` names the vector index's collection of each kind, `prior` is
    what other events teach of a label of posts."""

    def __init__(self, embedding_cache: EmbeddingCache, indexes: Mapping[str, str], prior: Prior | None = None) -> None:
        self._embedding_cache, self._indexes, self._prior = embedding_cache, indexes, prior

    def everything(self, scope: Scope) -> Items:
        """All items of the scope's collection, grid and vector, whatever its condition."""
        kind = Collection.parse(scope.collection).kind
        equal = {"kind": "original"} if kind == "posts" else {"scale_level": str(scope.scale_level)}
        return self._embedding_cache.get(self._indexes[kind], scope.vector, equal)

    def within(self, scope: Scope, annotation_store: AnnotationStore) -> Items:
        """The items that meet the scope's condition. Raises BadQuery where it asks of an item that is not there."""
        items = self.everything(scope)
        if scope.condition == Predicate():
            return items
        return items.only(self.met(items, scope, annotation_store))

    def met(self, items: Items, scope: Scope, annotation_store: AnnotationStore) -> Mask:
        """Which of the items meet the scope's condition."""

        def said(label: str, by: Literal["people", "model"]) -> Mask:
            found = np.zeros(len(items), dtype=bool)
            if by == "people":
                positive = (one.item_id for one in annotation_store.judged(label) if one.sign > 0)
                found[[items.rows[own] for own in positive if own in items.rows]] = True
                return found
            return self.taught(scope, annotation_store, label, items).ranker.scores(items.vectors) > 0

        def alike(item_id: str) -> Float32:
            row = items.rows.get(item_id)
            if row is None:
                raise BadQuery(
                    "like",
                    f"{item_id!r} has no {scope.vector} vector in this collection and grid",
                    "Take one of the same collection and grid",
                )
            return cosines(items.vectors, items.vectors[row])

        return met(items, scope.condition, said, alike)

    def taught(
        self,
        scope: Scope,
        annotation_store: AnnotationStore,
        label: str,
        items: Items,
        begin_with: Sequence[tuple[str, int, Float32 | None]] = (),
        until_round: int | None = None,
    ) -> TrainedModel:
        """The label's model of all that stands; `begin_with` counts only where nothing does. Raises BadQuery."""
        judged = annotation_store.judged(label, until_round=until_round)
        of_grid = [
            one for one in judged if scope.scale_level is None or one.newest.scale_level == scope.scale_level
        ] or judged
        held = [(one.item_id, one.sign, _vector(one, scope.vector)) for one in of_grid if one.sign]
        labels = {
            "positive": sum(one.sign > 0 for one in judged),
            "negative": sum(one.sign < 0 for one in judged),
            "disputed": sum(one.disputed for one in judged),
            "skipped": sum(not one.sign and not one.disputed for one in judged),
        }
        examples = examples_of(dict(items.rows), items.vectors, held or begin_with)
        prior = prior_of(self._prior, Collection.parse(scope.collection).kind, label)
        if not len(examples.signs) and prior is None:
            raise BadQuery("label", f"nothing is known of {label!r} in {scope.collection!r} yet", NO_EXAMPLES)
        ranker: Ranker
        if Collection.parse(scope.collection).kind == "posts":
            ranker, fits = fitted(examples, items.vectors, prior)
        else:
            fits = fits_by(items.vectors)
            ranker = fits(examples.vectors, examples.signs)
        return TrainedModel(ranker, examples, fits, judged, labels, provisional=not held)

    def next(
        self,
        scope: Scope,
        annotation_store: AnnotationStore,
        label: str,
        ask: int,
        begin_with: Sequence[tuple[str, int, Float32 | None]] = (),
    ) -> Answer:
        """The next round of a label. Raises BadQuery where there is nothing to begin with, or nothing in the scope."""
        items = self.within(scope, annotation_store)
        if not len(items):
            raise BadQuery("within", "nothing in this collection and grid meets it", "Ask for less")
        taught = self.taught(scope, annotation_store, label, items, begin_with)
        found = next_round(items.vectors, taught.examples, taught.ranker, ask)
        return Answer(items, found, taught, self._advice(scope, annotation_store, label, items, found))

    def _advice(
        self, scope: Scope, annotation_store: AnnotationStore, label: str, items: Items, found: Round
    ) -> Advice:
        last = annotation_store.last_round(label)
        if last < 2:
            return Advice(False, "two rounds with labels of both signs are needed to tell")
        before = self.taught(scope, annotation_store, label, items, until_round=last - 1).ranker
        newest = [
            (one.item_id, one.sign, _vector(one, scope.vector))
            for one in annotation_store.judged(label)
            if one.newest.round == last and one.sign
        ]
        return advice(
            before, found.ranker, found.scores, items.vectors, examples_of(dict(items.rows), items.vectors, newest)
        )

    def descend(
        self, scope: Scope, annotation_store: AnnotationStore, label: str, scale_levels: Sequence[int]
    ) -> tuple[list[Items], Descent]:
        """The cascade of a label through grids, coarse to fine, with the items of each. Raises BadQuery."""
        levels: list[Level] = []
        held: list[Items] = []
        for scale_level in sorted(scale_levels, reverse=True):
            items = self.within(Scope(scope.collection, scope.vector, scale_level, scope.condition), annotation_store)
            if not len(items):
                raise BadQuery(
                    "scale_levels", f"no patch of {scale_level} px meets the condition", "Leave this grid out"
                )
            parents = parents_of(items.ids, held[-1].rows) if held else np.full(len(items), -1, np.int64)
            levels.append(Level(scale_level, items.vectors, parents))
            held.append(items)
        told = [Told() for _ in levels]
        for one in annotation_store.judged(label):
            for level, items in enumerate(held):
                if one.sign and one.item_id in items.rows:
                    told[level].rows.append(items.rows[one.item_id])
                    told[level].signs.append(one.sign)
        if not any(1 in some.signs for some in told):
            raise BadQuery("label", f"no patch of these grids is known to be {label!r}", NO_EXAMPLES)
        return held, descend(levels, told)


def _vector(one: ConsensusLabel, name: str) -> Float32 | None:
    held = one.newest.vectors.get(name)
    return None if held is None else held.values()


def cosines(matrix: Float32, vector: Float32) -> Float32:
    """The cosine of every row to a vector, float32, shape (rows,)."""
    lengths = np.linalg.norm(matrix, axis=1) * float(np.linalg.norm(vector))
    found: Float32 = (matrix @ vector) / np.maximum(lengths, np.float32(1e-12))
    return found

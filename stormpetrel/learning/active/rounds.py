"""Active learning over a collection: rounds, the descent through scale levels, and the model of a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.ids import Collection, ItemKind
from stormpetrel.core.ports import Filter
from stormpetrel.learning.active.cascade import SHARE, Descent, Level, LevelLabels, accepted, descend, parents_of
from stormpetrel.learning.active.embedding_cache import EmbeddingCache, Items, Mask
from stormpetrel.learning.active.selection import Advice, Round, advise, examples_from
from stormpetrel.learning.active.structured_query import LabelSource, Matcher, Predicate
from stormpetrel.learning.annotations.annotation_store import AnnotationStore, ConsensusLabel, newest_vector_model
from stormpetrel.learning.training.examples import Examples, Float32, Ranker, Rows, Signs
from stormpetrel.learning.training.kernel import kernel_of
from stormpetrel.learning.training.label_model import LabelModel, round_threshold, train
from stormpetrel.learning.training.relevance_model import Prior, prior_for

NO_EXAMPLES = "Annotate one item first, or give an example, a text or a vector to begin with"
Start = Sequence[tuple[str, int, Float32 | None]]  # (item id, sign, vector) of the examples that a label begins with


@dataclass(frozen=True)
class Scope:
    """What is ranked: a collection's items by one of their vectors, of one scale level, that match a predicate."""

    collection: Collection
    vector: str
    scale_level: int | None = None
    predicate: Predicate = field(default_factory=Predicate)


@dataclass(frozen=True)
class TrainedModel:
    """A label's model in a scope: what it learned from, how other examples are fitted, and the round's threshold."""

    model: LabelModel
    threshold: float
    examples: Examples
    fit: Callable[[Float32, Signs], LabelModel]
    consensus: list[ConsensusLabel]
    provisional: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many items are positive, negative, disputed, skipped."""
        signs = Counter(item.sign for item in self.consensus)
        disputed = sum(item.is_disputed for item in self.consensus)
        skipped = sum(not item.sign and not item.is_disputed for item in self.consensus)
        return {"positive": signs[1], "negative": signs[-1], "disputed": disputed, "skipped": skipped}

    @property
    def ranker(self) -> Ranker:
        """The model with the round's threshold."""
        return self.model.above(self.threshold)


@dataclass(frozen=True)
class ActiveLearning:
    """Active learning over one scope with the annotations of its collection. `index_of` names the vector index's
    collection of a kind of items; `prior` is what other events teach of a label of posts."""

    embedding_cache: EmbeddingCache
    index_of: Callable[[ItemKind], str]
    prior: Prior | None
    scope: Scope
    store: AnnotationStore

    def everything(self) -> Items:
        """All items of the scope's collection, scale level and vector, whatever its predicate."""
        kind = self.scope.collection.kind
        equal = {"kind": "original"} if kind == "posts" else {"scale_level": str(self.scope.scale_level)}
        return self.embedding_cache.get(self.index_of(kind), self.scope.vector, equal)

    def items(self) -> Items:
        """The items that match the scope's predicate. Raises BadQuery where it names an item that is not there."""
        items = self.everything()
        if self.scope.predicate == Predicate():
            return items
        return items.only(self._matcher(items).matches(self.scope.predicate))

    def some_items(self) -> Items:
        """The items in scope. Raises BadQuery where there are none."""
        items = self.items()
        if not len(items):
            raise BadQuery("within", "nothing in this collection and scale level matches it", "Ask for less")
        return items

    def _matcher(self, items: Items) -> Matcher:
        def with_label(label: str, source: LabelSource) -> Mask:
            if source == "model":
                self._check_known(label)
                return self.train(label, items).ranker.scores(items.vectors) > 0
            positive = (item.item_id for item in self.store.consensus(label) if item.sign > 0)
            return np.isin(np.arange(len(items)), [items.rows[own_id] for own_id in positive if own_id in items.rows])

        def similarity(item_id: str) -> Float32:
            row = items.rows.get(item_id)
            if row is None:
                problem = f"{item_id!r} has no {self.scope.vector} vector in this collection and scale level"
                raise BadQuery("like", problem, "Take an item of the same collection and scale level")
            return cosines(items.vectors, items.vectors[row])

        def inside(label: str, scale_level: int) -> Mask:
            own_level = self.scope.scale_level
            if own_level is None or scale_level <= own_level:
                problem = f"{scale_level} px is no coarser scale level than {own_level or 'a post, which has none'}"
                raise BadQuery("inside", problem, "Name one that people labelled and that is coarser: flood-water@480")
            coarser, accepted_rows = self.at(scale_level).accepted(label)
            parents = parents_of(items.ids, coarser.rows)
            return np.isin(parents, accepted_rows) | (parents < 0)  # what lies in no coarser patch, no model ruled out

        return Matcher(items, with_label, inside, similarity, lambda within: self._met(items, within))

    def _met(self, items: Items, within: Filter) -> Mask:
        """The items that a filter of the index lets through."""
        if self.scope.scale_level is None:
            problem = "it is about patches, and the collection is one of posts"
            raise BadQuery("within.filter", problem, "Take a collection of patches, or leave it out")
        level = Filter(any_of={"scale_level": [str(self.scope.scale_level)]}, every=[within])
        met = self.embedding_cache.ids(self.index_of(self.scope.collection.kind), level)
        mask = np.zeros(len(items), dtype=bool)
        mask[[items.rows[item_id] for item_id in met if item_id in items.rows]] = True
        return mask

    def _check_known(self, label: str) -> None:
        """Raises NotFound where nothing was annotated with the label here, and nothing else teaches it."""
        if label not in self.store.labels and prior_for(self.prior, self.scope.collection.kind, label, None) is None:
            known = ", ".join(self.store.labels) or "none yet"
            raise NotFound(f"there is no model of {label!r} in {str(self.scope.collection)!r}: there are {known}")

    def accepted(self, label: str) -> tuple[Items, Rows]:
        """All items of this scale level, and the rows that the next finer level is searched in (Algorithm 1 of the
        cascade). Raises BadQuery where nothing is known of the label."""
        items = self.everything()
        trained = self.train(label, items)
        examples = trained.examples
        known = examples.rows >= 0
        labels = LevelLabels(examples.rows[known].tolist(), examples.signs[known].tolist())
        return items, accepted(trained.model.ranker.scores(items.vectors), np.arange(len(items)), labels, SHARE)

    def at(self, scale_level: int) -> ActiveLearning:
        """The same over another scale level."""
        return replace(self, scope=replace(self.scope, scale_level=scale_level))

    def train(self, label: str, items: Items, start: Start = (), until_round: int | None = None) -> TrainedModel:
        """The label's model of all annotations that stand; `start` counts only where none does. Raises BadQuery where
        there is nothing to learn from."""
        consensus = self.store.consensus(label, until_round=until_round)
        level = self.scope.scale_level
        of_level = [item for item in consensus if level is None or item.newest.scale_level == level] or consensus
        labelled = self._labelled(of_level)
        examples = examples_from(items.rows, items.vectors, labelled or start)
        vector_model = newest_vector_model(consensus, self.scope.vector)
        prior = prior_for(self.prior, self.scope.collection.kind, label, vector_model)
        if not len(examples.signs) and prior is None:
            problem = f"nothing is known of {label!r} in {str(self.scope.collection)!r} yet"
            raise BadQuery("label", problem, NO_EXAMPLES)
        fit = partial(train, self.scope.collection.kind, kernel_of(items.vectors), prior)
        model = fit(examples.vectors, examples.signs)
        threshold = round_threshold(model, items.vectors[examples.unlabelled(len(items))])
        return TrainedModel(model, threshold, examples, fit, consensus, not labelled)

    def advice(self, label: str, items: Items, result: Round) -> Advice:
        """Whether to go on after this round."""
        last = self.store.last_round(label)
        previous = self.train(label, items, until_round=last - 1).ranker if last > 1 else None
        newest = self._labelled(item for item in self.store.consensus(label) if item.newest.round == last)
        examples = examples_from(items.rows, items.vectors, newest)
        return advise(previous, result.ranker, result.scores, items.vectors, examples)

    def descend(self, label: str, scale_levels: Sequence[int]) -> tuple[list[Items], Descent]:
        """The cascade of a label through scale levels, coarse to fine, with the items of each. Raises BadQuery."""
        levels: list[Level] = []
        items_of: list[Items] = []
        for scale_level in sorted(scale_levels, reverse=True):
            items = self.at(scale_level).items()
            if not len(items):
                problem = f"no patch of {scale_level} px matches the predicate"
                raise BadQuery("scale_levels", problem, "Leave this scale level out")
            parents = parents_of(items.ids, items_of[-1].rows) if items_of else np.full(len(items), -1, np.int64)
            levels.append(Level(scale_level, items.vectors, parents))
            items_of.append(items)
        labels = [LevelLabels() for _ in levels]
        for item in self.store.consensus(label):
            for level, items in zip(labels, items_of, strict=True):
                if item.sign and item.item_id in items.rows:
                    level.rows.append(items.rows[item.item_id])
                    level.signs.append(item.sign)
        if not any(1 in level.signs for level in labels):
            raise BadQuery("label", f"no patch of these scale levels is labelled {label!r}", NO_EXAMPLES)
        return items_of, descend(levels, labels)

    def _labelled(self, consensus: Iterable[ConsensusLabel]) -> Start:
        vectors = [(item, item.newest.vectors.get(self.scope.vector)) for item in consensus if item.sign]
        return [(item.item_id, item.sign, vector.values() if vector else None) for item, vector in vectors]


def cosines(matrix: Float32, vector: Float32) -> Float32:
    """The cosine of every row to a vector, float32, shape (rows,)."""
    lengths = np.linalg.norm(matrix, axis=1) * float(np.linalg.norm(vector))
    return (matrix @ vector) / np.maximum(lengths, np.float32(1e-12))

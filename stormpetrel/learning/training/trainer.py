"""From annotation events to published models: the annotations of all collections, and the model of each label.

A model is a function of the annotations that stand, in the order of the log: what merely came last is learned on top;
an undo, or a changed annotation, has the label learned again from its first example. So a replay of the topic makes the
same models. Of a patches' label only the version and what it was learned from are published: rounds fit that ranker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import (
    Annotation,
    AnnotationForgotten,
    AnnotationUndone,
    LabelDefined,
    ModelUpdated,
    Moment,
    Vector,
)
from stormpetrel.core.ids import Collection, model_id
from stormpetrel.learning.annotations.annotation_store import AnnotationStore, ConsensusLabel, newest_vector_model
from stormpetrel.learning.training.label_model import training_version
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import NAMES, Learner
from stormpetrel.learning.training.relevance_model import Prior, prior_for

log = structlog.get_logger()
TRAINING_VECTOR = {"posts": "text", "patches": "fused"}  # the vector that the models of such a collection learn from
Key = tuple[str, str]  # collection, label
ExampleKeys = list[tuple[int, str]]


@dataclass(frozen=True)
class TrainingSet:
    """What a label's model learns from: the consensus labels in the order in which their items were first annotated,
    with a vector of the model that the newest was made with; and what other events teach."""

    examples: list[ConsensusLabel]
    vectors: list[Vector]
    prior: LinearModel | None

    @classmethod
    def of(cls, store: AnnotationStore, label: str, prior: Prior | None) -> TrainingSet:
        name = TRAINING_VECTOR[store.collection.kind]
        examples = [item for item in store.consensus(label) if item.sign and name in item.newest.vectors]
        model = newest_vector_model(examples, name)
        examples = [item for item in examples if item.newest.vectors[name].model == model]
        vectors = [item.newest.vectors[name] for item in examples]
        return cls(examples, vectors, prior_for(prior, store.collection.kind, label, model))

    def keys(self) -> ExampleKeys:
        """What makes each example another one: its sign and its vector."""
        return [(item.sign, vector.data) for item, vector in zip(self.examples, self.vectors, strict=True)]

    def version(self, count: int | None = None) -> str:
        """The version of the model that learned from all of it, or from the first `count` examples."""
        vectors = (vector.values() for vector in self.vectors[:count])
        return training_version(vectors, (item.sign for item in self.examples[:count]), self.prior)


class Trainer:
    """All collections' annotations and learners; `prior` is what other events teach of a label of posts. One thread at
    a time."""

    def __init__(self, prior: Prior | None = None) -> None:
        self._prior = prior
        self._stores: dict[str, AnnotationStore] = {}
        self._trained: dict[Key, tuple[Learner, ExampleKeys]] = {}  # with the examples that it learned from, in order
        self._snapshots: dict[Key, ModelUpdated] = {}
        self._positions: dict[str, tuple[int, int]] = {}
        self._next: dict[int, int] = {}

    def remember(self, snapshots: Iterable[ModelUpdated]) -> None:
        """Models as they were published: where one fits the log, its label need not be learned again."""
        self._snapshots |= {(snapshot.collection, snapshot.label): snapshot for snapshot in snapshots}

    def take(
        self, event: Annotation | AnnotationUndone | AnnotationForgotten | LabelDefined, position: tuple[int, int]
    ) -> set[Key]:
        """The models that an event changes; `position` is (partition, offset)."""
        self.pass_over(*position)
        if isinstance(event, LabelDefined):
            return set()
        collection = event.collection
        store = self._stores.setdefault(collection, AnnotationStore(Collection.parse(collection)))
        self._positions[collection] = (position[0], position[1] + 1)
        known = event if isinstance(event, Annotation) else store.get(event.annotation_id)
        has_changed = store.take(event)
        annotation = known if isinstance(known, Annotation) else None
        if annotation is None and isinstance(event, AnnotationUndone):
            log.warning("an annotation that is not on the log is undone", annotation=event.annotation_id)
        return {(collection, annotation.label)} if has_changed and annotation else set()

    def misses(self, partition: int, offset: int) -> bool:
        """Whether the log has a record before this one that was never taken."""
        return offset > self._next.get(partition, 0)

    def pass_over(self, partition: int, offset: int) -> None:
        """A record that is read, or that cannot be read and teaches nothing."""
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    @property
    def keys(self) -> set[Key]:
        """Every label that was annotated."""
        return {(collection, label) for collection, store in self._stores.items() for label in store.labels}

    def is_published(self, key: Key, published: ModelUpdated | None) -> bool:
        """Whether a published model is of all annotations that stand now."""
        return published is not None and published.model_version == self._training_set(key).version()

    def model(self, key: Key, now: Moment) -> ModelUpdated:
        """The label's model as it is to be published."""
        training_set, (collection, label) = self._training_set(key), key
        kind = Collection.parse(collection).kind
        learner = self._learner(key, training_set) if kind == "posts" else None
        served = learner.served if learner else None
        return ModelUpdated(
            model_id=model_id(collection, label),
            model_version=learner.version if learner else training_set.version(),
            collection=collection,
            label=label,
            vector=TRAINING_VECTOR[kind],
            vector_model=training_set.vectors[-1].model if training_set.vectors else "",
            annotations=len(training_set.examples),
            last_annotation_id=training_set.examples[-1].newest.annotation_id if training_set.examples else "",
            serving=learner.serving if learner else "none",
            weights=served.fields() if served else {},
            prequential={name: learner.prequential[name].summary() for name in NAMES} if learner else {},
            drifts=learner.drifts if learner else 0,
            state=learner.state() if learner else {},
            position=self._positions[collection],
            updated_at=now,
        )

    def _training_set(self, key: Key) -> TrainingSet:
        return TrainingSet.of(self._stores[key[0]], key[1], self._prior)

    def _learner(self, key: Key, training_set: TrainingSet) -> Learner:
        """The label's learner, trained with all examples."""
        keys = training_set.keys()
        learner, learned = self._trained.get(key, (None, []))
        # A learner that began without a prior must not go on where the examples' vectors now fit one.
        if learner is None or not learned or keys[: len(learned)] != learned:
            learner = self._from_snapshot(key, training_set) or Learner(training_set.prior)
        start = len(learner)
        for item, vector in zip(training_set.examples[start:], training_set.vectors[start:], strict=True):
            learner.learn(vector.values(), item.sign)
        self._trained[key] = learner, keys
        return learner

    def _from_snapshot(self, key: Key, training_set: TrainingSet) -> Learner | None:
        """The learner as it was published, where it learned just the first of these examples."""
        snapshot = self._snapshots.get(key)
        if snapshot is None or snapshot.annotations > len(training_set.examples):
            return None
        count = snapshot.annotations
        if training_set.version(count) != snapshot.model_version:
            return None
        vectors = [vector.values() for vector in training_set.vectors[:count]]
        signs = [item.sign for item in training_set.examples[:count]]
        try:
            return Learner.restored(snapshot.state, vectors, signs, training_set.prior)
        except (KeyError, TypeError, ValueError, MalformedRecord) as error:
            log.warning("a published model cannot be continued; it is learned again", reason=repr(error))
            return None

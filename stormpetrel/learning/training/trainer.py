"""From annotation events to taught models: the ledgers of all collections, and a learner a label.

A learner is a function of the annotations that stand, in the order of the log. What merely came last is learned on
top; an undo, or a second thought of the same person, has the label learned again from its first annotation. So a replay
of the topic makes the same models, whatever was killed in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Annotation, AnnotationUndone, LabelDefined, ModelUpdated, Moment
from stormpetrel.core.ids import Collection, model_id
from stormpetrel.learning.annotations.annotation_store import SIGNS, AnnotationStore
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import NAMES, Learner
from stormpetrel.learning.training.relevance_model import Prior, mark_of, prior_of

log = structlog.get_logger()
TRAINING_VECTOR = {"posts": "text", "patches": "fused"}  # the vector that the learners of such a collection see
Key = tuple[str, str]  # collection, label


@dataclass
class _Trained:
    """A learner, and the annotations that it learned from, in order."""

    learner: Learner
    ids: list[str] = field(default_factory=list)


class Trainer:
    """All collections' ledgers and learners; `prior` is what other events teach of a label of posts. One thread at a
    time."""

    def __init__(self, prior: Prior | None = None) -> None:
        self._prior = prior
        self._annotation_stores: dict[str, AnnotationStore] = {}
        self._taught: dict[Key, _Trained] = {}
        self._snapshots: dict[Key, ModelUpdated] = {}
        self._positions: dict[str, tuple[int, int]] = {}
        self._next: dict[int, int] = {}

    def remember(self, snapshots: Iterable[ModelUpdated]) -> None:
        """Models as they were published: where one fits what the log says, its label need not be learned again."""
        self._snapshots |= {(made.collection, made.label): made for made in snapshots}

    def take(self, event: Annotation | AnnotationUndone | LabelDefined, position: tuple[int, int]) -> set[Key]:
        """The models that what stands has changed for; `position` is (partition, offset)."""
        self._next[position[0]] = max(self._next.get(position[0], 0), position[1] + 1)
        if isinstance(event, LabelDefined):
            return set()
        annotation_store = self._annotation_stores.setdefault(event.collection, AnnotationStore(event.collection))
        self._positions[event.collection] = (position[0], position[1] + 1)
        changed = annotation_store.take(event)
        told = event if isinstance(event, Annotation) else annotation_store.get(event.annotation_id)
        if told is None:
            log.warning("an annotation that was never made is taken back", annotation=event.annotation_id)
        return {(event.collection, told.label)} if changed and told else set()

    def misses(self, partition: int, offset: int) -> bool:
        """Whether something lies on the log before this record that was never taken."""
        return offset > self._next.get(partition, 0)

    def pass_over(self, partition: int, offset: int) -> None:
        """A record that cannot be read teaches nothing."""
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    @property
    def keys(self) -> set[Key]:
        """Every label that anything was said of."""
        return {
            (annotation_store.collection, label)
            for annotation_store in self._annotation_stores.values()
            for label in annotation_store.labels
        }

    def is_published(self, key: Key, published: ModelUpdated | None) -> bool:
        """Whether a published model is of all that stands now."""
        return published is not None and published.model_version == self._up_to_date(key).learner.version

    def model(self, key: Key, now: Moment) -> ModelUpdated:
        """The label's model as it is to be published."""
        taught = self._up_to_date(key)
        learner, (collection, label) = taught.learner, key
        served = learner.served
        examples = examples_of(self._annotation_stores[key[0]], key[1])
        return ModelUpdated(
            model_id=model_id(collection, label),
            model_version=learner.version,
            collection=collection,
            label=label,
            vector=TRAINING_VECTOR[Collection.parse(collection).kind],
            vector_model=examples[-1].vectors[TRAINING_VECTOR[Collection.parse(collection).kind]].model
            if examples
            else "",
            annotations=len(taught.ids),
            last_annotation_id=taught.ids[-1] if taught.ids else "",
            serving=learner.serving,
            weights=served.told() if served else {},
            prequential={name: learner.prequential[name].told() for name in NAMES},
            drifts=learner.drifts,
            state=learner.state(),
            position=self._positions[collection],
            updated_at=now,
        )

    def learner(self, key: Key) -> Learner:
        """The label's learner, taught with all that stands."""
        return self._up_to_date(key).learner

    def _up_to_date(self, key: Key) -> _Trained:
        taught = self._taught.setdefault(key, _Trained(Learner()))
        examples = examples_of(self._annotation_stores[key[0]], key[1])
        ids = [held.annotation_id for held in examples]
        if ids[: len(taught.ids)] != taught.ids or (not taught.ids and ids):
            taught = self._taught[key] = self._from_snapshot(key, examples) or _Trained(
                Learner(prior_known(self._prior, key, examples))
            )
        vector = TRAINING_VECTOR[Collection.parse(key[0]).kind]
        for held in examples[len(taught.ids) :]:
            taught.learner.learn(held.annotation_id, held.vectors[vector].values(), SIGNS[held.sign])
            taught.ids.append(held.annotation_id)
        return taught

    def _from_snapshot(self, key: Key, examples: list[Annotation]) -> _Trained | None:
        """The learner as it was published, where it learned just the first of these examples."""
        snapshot, prior = self._snapshots.get(key), prior_known(self._prior, key, examples)
        if snapshot is None or snapshot.annotations > len(examples):
            return None
        known = examples[: snapshot.annotations]
        if _version(known, prior) != snapshot.model_version:
            return None
        vector = TRAINING_VECTOR[Collection.parse(key[0]).kind]
        vectors, signs = [held.vectors[vector].values() for held in known], [SIGNS[held.sign] for held in known]
        try:
            learner = Learner.restored(snapshot.state, vectors, signs, prior)
        except (KeyError, TypeError, ValueError, MalformedRecord) as error:
            log.warning("a published model cannot be gone on with; it is learned again", reason=repr(error))
            return None
        return _Trained(learner, [held.annotation_id for held in known])


def examples_of(annotation_store: AnnotationStore, label: str) -> list[Annotation]:
    """What a label's learners learn from, in the order of the log: of each annotator the last word on each item that
    stands, with a vector of the model that the newest was made with."""
    vector = TRAINING_VECTOR[Collection.parse(annotation_store.collection).kind]
    last: dict[tuple[str, str], Annotation] = {}
    for held in annotation_store.all:
        if held.label == label:
            last.pop((held.item_id, held.annotator), None)
            last[held.item_id, held.annotator] = held
    standing = [held for held in last.values() if held.sign in SIGNS and vector in held.vectors]
    newest = standing[-1].vectors[vector].model if standing else None
    return [held for held in standing if held.vectors[vector].model == newest]


def prior_known(prior: Prior | None, key: Key, examples: Sequence[Annotation]) -> LinearModel | None:
    """What other events teach of the label, where the examples' vectors are of the prior's text model."""
    collection, label = key
    model = examples[-1].vectors[TRAINING_VECTOR[Collection.parse(collection).kind]].model if examples else ""
    fits = prior is not None and model.partition("@")[0] == prior.text_model
    return prior_of(prior, Collection.parse(collection).kind, label) if fits else None


def version_of(prior: Prior | None, key: Key, examples: Sequence[Annotation]) -> str:
    """The version of a learner that learned just these, in this order."""
    return _version(examples, prior_known(prior, key, examples))


def _version(examples: Iterable[Annotation], prior: LinearModel | None) -> str:
    version = mark_of(prior)
    for held in examples:
        version = hashlib.sha256(f"{version} {held.annotation_id} {SIGNS[held.sign]}".encode()).hexdigest()[:16]
    return version

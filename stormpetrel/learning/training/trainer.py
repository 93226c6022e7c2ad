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
from stormpetrel.learning.annotations.annotation_store import SIGNS, Ledger
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import NAMES, Learner
from stormpetrel.learning.training.relevance_model import Prior, mark_of, prior_of

log = structlog.get_logger()
TAUGHT_BY = {"posts": "text", "patches": "fused"}  # the vector that the learners of such a collection see
Key = tuple[str, str]  # collection, label


def kind_of(collection: str) -> str:
    """`posts` or `patches`.

    >>> kind_of("posts/genova-2025")
    'posts'
    """
    return collection.partition("/")[0]


def model_id(collection: str, label: str) -> str:
    """As it stands in events and answers.

    >>> model_id("posts/genova-2025", "related")
    'posts/genova-2025:related'
    """
    return f"{collection}:{label}"


@dataclass
class _Taught:
    """A learner, and the annotations that it learned from, in order."""

    learner: Learner
    ids: list[str] = field(default_factory=list)


class Teacher:
    """All collections' ledgers and learners; `prior` is what other events teach of a label of posts. One thread at a
    time."""

    def __init__(self, prior: Prior | None = None) -> None:
        self._prior = prior
        self._ledgers: dict[str, Ledger] = {}
        self._taught: dict[Key, _Taught] = {}
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
        ledger = self._ledgers.setdefault(event.collection, Ledger(event.collection))
        self._positions[event.collection] = (position[0], position[1] + 1)
        changed = ledger.take(event)
        told = event if isinstance(event, Annotation) else ledger.get(event.annotation_id)
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
        return {(ledger.collection, label) for ledger in self._ledgers.values() for label in ledger.labels}

    def is_published(self, key: Key, published: ModelUpdated | None) -> bool:
        """Whether a published model is of all that stands now."""
        return published is not None and published.model_version == self._up_to_date(key).learner.version

    def model(self, key: Key, now: Moment) -> ModelUpdated:
        """The label's model as it is to be published."""
        taught = self._up_to_date(key)
        learner, (collection, label) = taught.learner, key
        served = learner.served
        examples = examples_of(self._ledgers[key[0]], key[1])
        return ModelUpdated(
            model_id=model_id(collection, label),
            model_version=learner.version,
            collection=collection,
            label=label,
            vector=TAUGHT_BY[kind_of(collection)],
            vector_model=examples[-1].vectors[TAUGHT_BY[kind_of(collection)]].model if examples else "",
            annotations=len(taught.ids),
            last_annotation_id=taught.ids[-1] if taught.ids else "",
            serving=learner.serving,
            weights=served.told() if served else {},
            prequential={name: learner.foresight[name].told() for name in NAMES},
            drifts=learner.drifts,
            state=learner.state(),
            position=self._positions[collection],
            updated_at=now,
        )

    def learner(self, key: Key) -> Learner:
        """The label's learner, taught with all that stands."""
        return self._up_to_date(key).learner

    def _up_to_date(self, key: Key) -> _Taught:
        taught = self._taught.setdefault(key, _Taught(Learner()))
        examples = examples_of(self._ledgers[key[0]], key[1])
        ids = [held.annotation_id for held in examples]
        if ids[: len(taught.ids)] != taught.ids or (not taught.ids and ids):
            taught = self._taught[key] = self._from_snapshot(key, examples) or _Taught(
                Learner(prior_known(self._prior, key, examples))
            )
        vector = TAUGHT_BY[kind_of(key[0])]
        for held in examples[len(taught.ids) :]:
            taught.learner.learn(held.annotation_id, held.vectors[vector].values(), SIGNS[held.sign])
            taught.ids.append(held.annotation_id)
        return taught

    def _from_snapshot(self, key: Key, examples: list[Annotation]) -> _Taught | None:
        """The learner as it was published, where it learned just the first of these examples."""
        snapshot, prior = self._snapshots.get(key), prior_known(self._prior, key, examples)
        if snapshot is None or snapshot.annotations > len(examples):
            return None
        known = examples[: snapshot.annotations]
        if _version(known, prior) != snapshot.model_version:
            return None
        vector = TAUGHT_BY[kind_of(key[0])]
        vectors, signs = [held.vectors[vector].values() for held in known], [SIGNS[held.sign] for held in known]
        try:
            learner = Learner.restored(snapshot.state, vectors, signs, prior)
        except (KeyError, TypeError, ValueError, MalformedRecord) as error:
            log.warning("a published model cannot be gone on with; it is learned again", reason=repr(error))
            return None
        return _Taught(learner, [held.annotation_id for held in known])


def examples_of(ledger: Ledger, label: str) -> list[Annotation]:
    """What a label's learners learn from, in the order of the log: of each annotator the last word on each item that
    stands, with a vector of the model that the newest was made with."""
    vector = TAUGHT_BY[kind_of(ledger.collection)]
    last: dict[tuple[str, str], Annotation] = {}
    for held in ledger.all:
        if held.label == label:
            last.pop((held.item_id, held.annotator), None)
            last[held.item_id, held.annotator] = held
    standing = [held for held in last.values() if held.sign in SIGNS and vector in held.vectors]
    newest = standing[-1].vectors[vector].model if standing else None
    return [held for held in standing if held.vectors[vector].model == newest]


def prior_known(prior: Prior | None, key: Key, examples: Sequence[Annotation]) -> LinearModel | None:
    """What other events teach of the label, where the examples' vectors are of the prior's text model."""
    collection, label = key
    model = examples[-1].vectors[TAUGHT_BY[kind_of(collection)]].model if examples else ""
    fits = prior is not None and model.partition("@")[0] == prior.text_model
    return prior_of(prior, kind_of(collection), label) if fits else None


def version_of(prior: Prior | None, key: Key, examples: Sequence[Annotation]) -> str:
    """The version of a learner that learned just these, in this order."""
    return _version(examples, prior_known(prior, key, examples))


def _version(examples: Iterable[Annotation], prior: LinearModel | None) -> str:
    version = mark_of(prior)
    for held in examples:
        version = hashlib.sha256(f"{version} {held.annotation_id} {SIGNS[held.sign]}".encode()).hexdigest()[:16]
    return version

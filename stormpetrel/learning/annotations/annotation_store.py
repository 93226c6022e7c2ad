"""The annotations of one collection in the order of the log, and the consensus of its annotators.

Nothing is ever overwritten: a later annotation of the same person takes the place of the earlier one, an undo brings
the earlier one back. Two people may disagree: both annotations stand, the item teaches nothing while they are at a tie,
and their agreement is reported (Cohen 1960).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Annotation, AnnotationForgotten, AnnotationUndone
from stormpetrel.core.ids import Collection

SIGNS = {"positive": 1, "negative": -1}


@dataclass(frozen=True)
class ConsensusLabel:
    """What the annotators of an item say together. `sign` is 1, -1, or 0 where they are at a tie; `votes` is the sign
    that each annotator gave; `newest` is the annotation whose vectors count."""

    item_id: str
    sign: int
    votes: Mapping[str, str]
    newest: Annotation

    @property
    def is_disputed(self) -> bool:
        return len({sign for sign in self.votes.values() if sign in SIGNS}) > 1


@dataclass
class AnnotationStore:
    """The annotations of one collection. The same events in the same order make the same store."""

    collection: Collection
    _annotations: dict[str, Annotation] = field(default_factory=dict)
    _undone: dict[str, AnnotationUndone] = field(default_factory=dict)
    # label -> item -> annotator -> annotation ids in order
    _ids: dict[str, dict[str, dict[str, list[str]]]] = field(default_factory=dict)
    _dimensions: dict[tuple[str, str], int] = field(default_factory=dict)  # by the vector's name and model
    _forgotten: set[str] = field(default_factory=set)

    def take(self, event: Annotation | AnnotationUndone | AnnotationForgotten) -> bool:
        """Whether anything has changed. An event that comes again (at least once) changes nothing.

        Raises MalformedRecord where a vector has other dimensions than those of its model that came before: nothing
        could be learned from both.
        """
        annotation_id = event.annotation_id
        if isinstance(event, AnnotationForgotten):
            self._forgotten.add(annotation_id)
            return self._forget(annotation_id)
        if isinstance(event, AnnotationUndone):
            if annotation_id not in self._annotations or annotation_id in self._undone:
                return False
            self._undone[annotation_id] = event
            return True
        if annotation_id in self._annotations or annotation_id in self._forgotten:
            return False
        self.check_dimensions(event)
        self._dimensions |= {(name, vector.model): vector.dimensions for name, vector in event.vectors.items()}
        self._annotations[annotation_id] = event
        annotators = self._ids.setdefault(event.label, {}).setdefault(event.item_id, {})
        annotators.setdefault(event.annotator, []).append(annotation_id)
        return True

    def _forget(self, annotation_id: str) -> bool:
        annotation = self._annotations.pop(annotation_id, None)
        self._undone.pop(annotation_id, None)
        if annotation is None:
            return False
        items = self._ids[annotation.label]
        annotators = items[annotation.item_id]
        annotators[annotation.annotator].remove(annotation_id)
        if not any(annotators.values()):
            del items[annotation.item_id]
        return True

    def copy(self) -> AnnotationStore:
        """The same, for a reader that works while more events come in."""
        ids = {
            label: {item: {name: list(own) for name, own in names.items()} for item, names in items.items()}
            for label, items in self._ids.items()
        }
        undone, dimensions, forgotten = dict(self._undone), dict(self._dimensions), set(self._forgotten)
        return AnnotationStore(self.collection, dict(self._annotations), undone, ids, dimensions, forgotten)

    def check_dimensions(self, annotation: Annotation) -> None:
        """Raises MalformedRecord where a vector has other dimensions than those of its model that came before."""
        for name, vector in annotation.vectors.items():
            known = self._dimensions.get((name, vector.model), vector.dimensions)
            if known != vector.dimensions:
                others = f"those of {vector.model} in {self.collection} have {known}"
                raise MalformedRecord(f"the vector {name!r} has {vector.dimensions} values, {others}")

    def get(self, annotation_id: str) -> Annotation | None:
        return self._annotations.get(annotation_id)

    def is_undone(self, annotation_id: str) -> bool:
        return annotation_id in self._undone

    @property
    def labels(self) -> list[str]:
        return sorted(self._ids)

    @property
    def standing(self) -> Iterator[Annotation]:
        """Every annotation that is not undone, in the order of the log."""
        return (annotation for annotation, undone in self.history if undone is None)

    @property
    def history(self) -> list[tuple[Annotation, AnnotationUndone | None]]:
        """Every annotation in the order of the log, with its undoing where it was undone."""
        return [(annotation, self._undone.get(own_id)) for own_id, annotation in self._annotations.items()]

    def votes(self, label: str, item_id: str) -> dict[str, Annotation]:
        """The annotation of each annotator that stands for an item now."""
        votes = {}
        for annotator, ids in self._ids.get(label, {}).get(item_id, {}).items():
            if standing := [own_id for own_id in ids if own_id not in self._undone]:
                votes[annotator] = self._annotations[standing[-1]]
        return votes

    def consensus(self, label: str, *, until_round: int | None = None) -> list[ConsensusLabel]:
        """The items of a label in the order in which they were first annotated; of rounds up to `until_round`."""
        labels = []
        for item_id in self._ids.get(label, ()):
            votes = self.votes(label, item_id)
            if until_round is not None:
                votes = {name: annotation for name, annotation in votes.items() if annotation.round <= until_round}
            if votes:
                total = sum(SIGNS.get(annotation.sign, 0) for annotation in votes.values())
                newest = max(votes.values(), key=lambda annotation: (annotation.annotated_at, annotation.annotation_id))
                signs = {name: annotation.sign for name, annotation in votes.items()}
                labels.append(ConsensusLabel(item_id, (total > 0) - (total < 0), signs, newest))
        return labels

    def last_round(self, label: str) -> int:
        """The highest round of a label's annotations; 0 where there is none."""
        return max((annotation.round for annotation in self.standing if annotation.label == label), default=0)

    def agreement(self, label: str) -> list[dict[str, object]]:
        """Cohen's kappa for each pair of annotators over the items that both called positive or negative."""
        ratings: dict[str, dict[str, int]] = defaultdict(dict)
        for item in self.consensus(label):
            for name, sign in item.votes.items():
                if sign in SIGNS:
                    ratings[name][item.item_id] = SIGNS[sign]
        pairs: list[dict[str, object]] = []
        for first, second in combinations(sorted(ratings), 2):
            items = sorted(ratings[first].keys() & ratings[second].keys())
            if signs := [(ratings[first][item], ratings[second][item]) for item in items]:
                agreement = {"kappa": cohens_kappa(signs), "agree": sum(a == b for a, b in signs)}
                pairs.append({"annotators": [first, second], "items": len(signs), **agreement})
        return pairs


def newest_vector_model(items: Sequence[ConsensusLabel], vector: str) -> str | None:
    """The model that made this vector of the newest annotation; None where no item has a sign and the vector."""
    newest = [item.newest for item in items if item.sign and vector in item.newest.vectors]
    return max(newest, key=lambda annotation: annotation.annotated_at).vectors[vector].model if newest else None


def cohens_kappa(pairs: Sequence[tuple[int, int]]) -> float | None:
    """Agreement of two annotators beyond chance, -1 to 1 (Cohen 1960); None where chance alone gives full agreement,
    which scikit-learn leaves undefined.

    >>> cohens_kappa([(1, 1), (1, 1), (-1, -1), (1, -1)])
    0.5
    """
    if len({sign for pair in pairs for sign in pair}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score

    return round(float(cohen_kappa_score(*zip(*pairs, strict=True))), 6)

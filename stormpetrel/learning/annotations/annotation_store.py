"""Who said what: all annotations of one collection in the order of the log, and what holds of them.

Nothing is ever overwritten: a later judgement of the same person takes the place of the earlier one, an undo brings the
earlier one back, and two people may disagree: both stand, the item teaches nothing while they are at a tie, and their
agreement is reported (Cohen 1960).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from stormpetrel.core.events import Annotation, AnnotationUndone

SIGNS = {"positive": 1, "negative": -1}


@dataclass(frozen=True)
class ConsensusLabel:
    """What holds of an item for a label: `sign` is 1, -1, or 0 where its annotators are at a tie. `by` says who holds
    what; `newest` is the annotation whose vectors count."""

    item_id: str
    sign: int
    by: dict[str, str]
    newest: Annotation

    @property
    def disputed(self) -> bool:
        return len({said for said in self.by.values() if said in SIGNS}) > 1


@dataclass
class AnnotationStore:
    """The annotations of one collection. Taking the same events in the same order makes the same ledger."""

    collection: str
    _annotations: dict[str, Annotation] = field(default_factory=dict)
    _undone: dict[str, AnnotationUndone] = field(default_factory=dict)
    # (label, item, annotator) -> annotation ids in order
    _said: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    _items: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _votes: dict[tuple[str, str], dict[str, None]] = field(default_factory=lambda: defaultdict(dict))

    def take(self, event: Annotation | AnnotationUndone) -> bool:
        """Whether anything has changed. An event that came before (at least once) changes nothing."""
        if isinstance(event, AnnotationUndone):
            known = self._annotations.get(event.annotation_id)
            if known is None or event.annotation_id in self._undone:
                return False
            self._undone[event.annotation_id] = event
            return True
        if event.annotation_id in self._annotations:
            return False
        self._annotations[event.annotation_id] = event
        self._said[event.label, event.item_id, event.annotator].append(event.annotation_id)
        self._items[event.label].setdefault(event.item_id)
        self._votes[event.label, event.item_id].setdefault(event.annotator)
        return True

    def copy(self) -> AnnotationStore:
        """The same, for who works with it while more comes in."""
        said = defaultdict(list, {key: list(ids) for key, ids in self._said.items()})
        items = defaultdict(dict, {label: dict(held) for label, held in self._items.items()})
        votes = defaultdict(dict, {key: dict(held) for key, held in self._votes.items()})
        return AnnotationStore(self.collection, dict(self._annotations), dict(self._undone), said, items, votes)

    def get(self, annotation_id: str) -> Annotation | None:
        return self._annotations.get(annotation_id)

    def is_undone(self, annotation_id: str) -> bool:
        return annotation_id in self._undone

    def __len__(self) -> int:
        """Annotations that hold: not undone."""
        return len(self._annotations) - len(self._undone)

    @property
    def labels(self) -> list[str]:
        return sorted(self._items)

    @property
    def all(self) -> Iterator[Annotation]:
        """Every annotation that is not undone, in the order of the log."""
        return (held for own, held in self._annotations.items() if own not in self._undone)

    @property
    def history(self) -> list[tuple[Annotation, AnnotationUndone | None]]:
        """Every annotation in the order of the log, with its undoing where it was undone."""
        return [(held, self._undone.get(own)) for own, held in self._annotations.items()]

    def votes(self, label: str, item_id: str) -> dict[str, Annotation]:
        """What each annotator holds of an item now."""
        found = {}
        for annotator in self._votes.get((label, item_id), ()):
            standing = [own for own in self._said[label, item_id, annotator] if own not in self._undone]
            if standing:
                found[annotator] = self._annotations[standing[-1]]
        return found

    def judged(self, label: str, *, until_round: int | None = None) -> list[ConsensusLabel]:
        """The items of a label in the order in which they were first judged; of rounds up to `until_round`."""
        found = []
        for item_id in self._items.get(label, ()):
            held = self.votes(label, item_id)
            if until_round is not None:
                held = {name: said for name, said in held.items() if said.round <= until_round}
            if held:
                votes = sum(SIGNS.get(said.sign, 0) for said in held.values())
                newest = max(held.values(), key=lambda said: (said.annotated_at, said.annotation_id))
                sign = (votes > 0) - (votes < 0)
                found.append(ConsensusLabel(item_id, sign, {name: said.sign for name, said in held.items()}, newest))
        return found

    def last_round(self, label: str) -> int:
        """The highest round of a label's annotations; 0 where there is none."""
        return max((held.round for held in self.all if held.label == label), default=0)

    def agreement(self, label: str) -> list[dict[str, object]]:
        """Cohen's kappa for each pair of annotators over the items that both judged positive or negative."""
        ratings: dict[str, dict[str, int]] = defaultdict(dict)
        for item in self.judged(label):
            for name, sign in item.by.items():
                if sign in SIGNS:
                    ratings[name][item.item_id] = SIGNS[sign]
        found: list[dict[str, object]] = []
        for one, other in combinations(sorted(ratings), 2):
            both = sorted(ratings[one].keys() & ratings[other].keys())
            if both:
                pairs = [(ratings[one][item], ratings[other][item]) for item in both]
                found.append(
                    {
                        "annotators": [one, other],
                        "items": len(both),
                        "kappa": cohens_kappa(pairs),
                        "agree": sum(a == b for a, b in pairs),
                    }
                )
        return found

    def version(self, label: str) -> str:
        """A mark of all that holds for a label: the same annotations in the same order give the same mark."""
        mark = hashlib.sha256()
        for held in self.all:
            if held.label == label:
                mark.update(f"{held.annotation_id} {held.item_id} {held.sign}\n".encode())
        return mark.hexdigest()[:16]


def cohens_kappa(pairs: Iterable[tuple[int, int]]) -> float | None:
    """Agreement of two annotators beyond chance, -1 to 1 (Cohen 1960); None where chance alone gives full agreement.

    >>> cohens_kappa([(1, 1), (1, 1), (-1, -1), (1, -1)])
    0.5
    """
    held = list(pairs)
    n = len(held)
    if not n:
        return None
    observed = sum(a == b for a, b in held) / n
    expected = sum(
        (sum(a == sign for a, _ in held) / n) * (sum(b == sign for _, b in held) / n)
        for sign in {s for pair in held for s in pair}
    )
    return None if expected == 1 else round((observed - expected) / (1 - expected), 6)

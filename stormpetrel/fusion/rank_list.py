"""What fusion reads, a rank list of each modality, and what it answers with, fused items."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

Nearness = tuple[float, ...]
UNKNOWN: Nearness = (math.inf,)


@dataclass(frozen=True)
class RankList:
    """Items of one modality, the best first, each once.

    Scores that fall into the same step of `resolution` are equal (0: only the same score is); a clock or a map tells
    less than its digits. `nearness` orders equal items, the smallest first, where time or distance says more than the
    score; ids come last.
    """

    modality: str
    items: tuple[str, ...]
    scores: tuple[float, ...]
    nearness: Mapping[str, Nearness] = field(default_factory=dict)
    resolution: float = 0.0

    @classmethod
    def of(
        cls,
        modality: str,
        scored: Iterable[tuple[str, float]],
        nearness: Mapping[str, Nearness] | None = None,
        resolution: float = 0.0,
    ) -> RankList:
        """Sorts by score, the highest first, ties by `nearness` and id; an item that occurs twice keeps its best score.

        >>> RankList.of("text", [("b", 0.5), ("a", 0.5), ("b", 0.9)]).items
        ('b', 'a')
        >>> RankList.of("space", [("a", -1.9), ("b", -1.2)], {"a": (10.0,), "b": (60.0,)}, resolution=1.0).items
        ('a', 'b')
        """
        best: dict[str, float] = {}
        for item, score in scored:
            best[item] = max(score, best.get(item, score))
        near = nearness or {}
        ordered = sorted(best, key=lambda item: (-_step(best[item], resolution), near.get(item, UNKNOWN), item))
        return cls(modality, tuple(ordered), tuple(best[item] for item in ordered), near, resolution)

    def head(self, depth: int) -> RankList:
        """The first `depth` items."""
        return replace(self, items=self.items[:depth], scores=self.scores[:depth])

    def merged(self, newer: RankList) -> RankList:
        """Both lists in one; an item in both has its newer score."""
        scores = {**self.score_of, **newer.score_of}
        return RankList.of(self.modality, scores.items(), {**self.nearness, **newer.nearness}, newer.resolution)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Item -> rank: how many items of the list are at least as good. So equal items share the rank of the last of
        them, and an item that is one of fifty equal ones pulls no more than the fiftieth item of a list does.

        >>> dict(RankList("text", ("a", "b", "c", "d"), (0.9, 0.5, 0.5, 0.1)).ranks)
        {'a': 1, 'b': 3, 'c': 3, 'd': 4}
        """
        steps = [_step(score, self.resolution) for score in self.scores]
        last = {step: rank for rank, step in enumerate(steps, start=1)}
        return {item: last[step] for item, step in zip(self.items, steps, strict=True)}

    @cached_property
    def score_of(self) -> Mapping[str, float]:
        """Item -> score."""
        return dict(zip(self.items, self.scores, strict=True))

    @cached_property
    def tells_apart(self) -> bool:
        """Whether it ranks any item above another."""
        return len(set(self.ranks.values())) > 1

    def __len__(self) -> int:
        return len(self.items)


def _step(score: float, resolution: float) -> float:
    return math.ceil(score / resolution) if resolution else score  # minus 0.9 km and minus 0.2 km: the same kilometre


def nearness_of(lists: Iterable[RankList]) -> dict[str, Nearness]:
    """What orders equal items of a fused list, from all lists."""
    return {item: near for ranked in lists for item, near in ranked.nearness.items()}


class FusedItem(NamedTuple):
    """An item with its rank in each modality, and what explains its place in the fused list.

    Tensor fusion names the `best_pair`, the two modalities whose ranks give the item its smallest `position`; both
    are None where the item is in one list only. The fusions that score items give a `score`, higher is better. The
    learned tensor says what the score was `decided_by`: the list, or the pair of lists, that added most to it.
    """

    id: str
    ranks: dict[str, int]
    best_pair: tuple[str, str] | None = None
    position: float | None = None
    score: float | None = None
    decided_by: tuple[str, ...] = ()


def by_score(lists: Sequence[RankList], scores: Mapping[str, float]) -> list[FusedItem]:
    """The items with these scores, the highest first, ties by nearness and id, each with its ranks in `lists`."""
    ranks: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ranked in lists:
        for item, rank in ranked.ranks.items():
            ranks[item][ranked.modality] = rank
    # Rounded: the last bits of a sum depend on the order of the lists.
    near = nearness_of(lists)
    ordered = sorted(scores, key=lambda item: (-round(scores[item], 12), near.get(item, UNKNOWN), item))
    return [FusedItem(item, ranks[item], score=scores[item]) for item in ordered]

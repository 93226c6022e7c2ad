"""What fusion reads, a rank list of each modality, and what it answers with, fused items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


@dataclass(frozen=True)
class RankList:
    """Items of one modality, the best first, each once. Ranks are 1-based."""

    modality: str
    items: tuple[str, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, modality: str, scored: Iterable[tuple[str, float]]) -> RankList:
        """Sorts by score, the highest first, ties by id; an item that occurs twice keeps its best score.

        >>> RankList.of("text", [("b", 0.5), ("a", 0.5), ("b", 0.9)]).items
        ('b', 'a')
        """
        best: dict[str, float] = {}
        for item, score in scored:
            best[item] = max(score, best.get(item, score))
        ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
        return cls(modality, tuple(item for item, _ in ordered), tuple(score for _, score in ordered))

    def head(self, depth: int) -> RankList:
        """The first `depth` items."""
        return RankList(self.modality, self.items[:depth], self.scores[:depth])

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Item -> rank, from 1."""
        return {item: rank for rank, item in enumerate(self.items, start=1)}

    def __len__(self) -> int:
        return len(self.items)


class FusedItem(NamedTuple):
    """An item with its rank in each modality, and what explains its place in the fused list.

    Tensor fusion names the `best_pair`, the two modalities whose ranks give the item its smallest `position`; both
    are None where the item is in one list only. The fusions that score items give a `score`, higher is better.
    """

    id: str
    ranks: dict[str, int]
    best_pair: tuple[str, str] | None = None
    position: float | None = None
    score: float | None = None


def by_score(lists: Sequence[RankList], scores: Mapping[str, float]) -> list[FusedItem]:
    """The items with these scores, the highest first, ties by id, each with its ranks in `lists`."""
    ranks: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ranked in lists:
        for item, rank in ranked.ranks.items():
            ranks[item][ranked.modality] = rank
    # Rounded: the last bits of a sum depend on the order of the lists.
    ordered = sorted(scores, key=lambda item: (-round(scores[item], 12), item))
    return [FusedItem(item, ranks[item], score=scores[item]) for item in ordered]

"""A rank list: what one modality returns for a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


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
            if item not in best or score > best[item]:
                best[item] = score
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

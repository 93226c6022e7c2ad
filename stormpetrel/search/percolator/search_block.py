"""Saved searches compiled together: a batch of posts is judged for all of them by a few operations on arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import MatchDecision
from stormpetrel.core.ports import Point
from stormpetrel.search.percolator.compiled_search import TEXT_THRESHOLD, CompiledSearch
from stormpetrel.search.percolator.evidence import Evidence, Scores
from stormpetrel.search.percolator.hard_filters import HardFilters

# The probability that each post answers a query, shape (posts,), from its scores in each modality and the number of
# words of the query's text; NaN where it is not known.
RelevanceOf = Callable[[Mapping[str, NDArray[np.float64]], int], NDArray[np.float64]]
CLOCKS_APART_MS = 5_000  # between the process that saves a search and the one that enriches a post


@dataclass(frozen=True)
class Judgement:
    """A post, by its row in the batch, that a saved search finds relevant. `relevance` is None where it is not known,
    and a score decided."""

    row: int
    search: CompiledSearch
    relevance: float | None
    scores: dict[str, float]
    decided_by: MatchDecision


class SearchBlock:
    """`searches` in one group for each number of words and set of modalities: relevance is asked once a group."""

    def __init__(self, searches: Sequence[CompiledSearch]) -> None:
        self.searches = sorted(searches, key=_group_of)
        self._filters = HardFilters([search.query.filter for search in self.searches])
        self._evidence = Evidence(self.searches)
        self._min_relevance = np.array([search.min_relevance for search in self.searches])
        created = [search.created_at for search in self.searches]
        self._created_ms = np.array([-np.inf if at is None else milliseconds(at) - CLOCKS_APART_MS for at in created])
        stated = [search.query.score_threshold.get("text", TEXT_THRESHOLD) for search in self.searches]
        self._text_threshold = np.array(stated)

    def judge(self, points: Sequence[Point], relevance_of: RelevanceOf | None) -> Iterator[Judgement]:
        """What matches, in no order. Points are as the index has them, but `indexed_at` is when they were enriched."""
        may_match = np.stack([self._filters.met_by(point.payload) for point in points])
        came_at = np.array([point.payload["indexed_at"] for point in points], dtype=np.float64)
        may_match &= came_at[:, None] >= self._created_ms[None, :]
        scores = self._evidence.scores(points)
        start = 0
        for (words, modalities), group in itertools.groupby(self.searches, key=_group_of):
            stop = start + len(list(group))
            part = {name: scores[name][:, start:stop] for name in modalities}
            yield from self._judge_group(start, may_match[:, start:stop], part, words, relevance_of)
            start = stop

    def _judge_group(
        self,
        start: int,
        may_match: NDArray[np.bool_],
        part: dict[str, Scores],
        words: int,
        relevance_of: RelevanceOf | None,
    ) -> Iterator[Judgement]:
        if not part:
            return
        is_found = np.any([np.isfinite(array) for array in part.values()], axis=0)
        rows, columns = np.nonzero(may_match & is_found)
        if not len(rows):
            return
        flat = {name: array[rows, columns] for name, array in part.items()}
        relevance = np.full(len(rows), np.nan) if relevance_of is None else relevance_of(_for_model(flat), words)
        is_known = np.isfinite(relevance)
        with np.errstate(invalid="ignore"):
            by_relevance = relevance >= self._min_relevance[start + columns]
            by_score = flat["text"] >= self._text_threshold[start + columns] if "text" in flat else ~is_known
        for n in np.flatnonzero(np.where(is_known, by_relevance, by_score)):
            search = self.searches[start + int(columns[n])]
            found = {name: round(float(array[n]), 6) for name, array in flat.items() if np.isfinite(array[n])}
            known = bool(is_known[n])
            value = round(float(relevance[n]), 4) if known else None
            yield Judgement(int(rows[n]), search, value, found, "relevance" if known else "score")


def _for_model(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The scores as relevance takes them: a post that shares no word has 0 in the list of words."""
    return {name: np.nan_to_num(array, nan=0.0) if name == "lexical" else array for name, array in scores.items()}


def _group_of(search: CompiledSearch) -> tuple[int, tuple[str, ...]]:
    return search.words, tuple(sorted(search.modalities))

"""All saved searches over posts, and what of each new post matches them.

A match depends on the post and the search alone, and, by the frequency of its words, on what came through before: never
on how many older posts there are, or how well they fit.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stormpetrel.core.events import MatchDecision
from stormpetrel.core.ports import Point
from stormpetrel.search.percolator.compiled_search import TEXT_THRESHOLD, CompiledSearch
from stormpetrel.search.percolator.recent_ranks import RecentRank, RecentRanks
from stormpetrel.search.percolator.search_block import Judgement, RelevanceOf, SearchBlock
from stormpetrel.search.percolator.term_counts import TermCounts

OF_PHOTOS = frozenset({"visual", "concepts"})  # modalities
NEW_SEARCHES = 256  # are compiled apart from the others; then all are compiled together


@dataclass(frozen=True)
class Match:
    """A post that matches a saved search. `match_id` is the same for the same post and search, whenever they meet."""

    match_id: str
    saved_search_id: str
    post_id: str
    relevance: float | None
    scores: dict[str, float]
    decided_by: MatchDecision
    reason: str
    recent: RecentRank
    posted_ms: int


class Percolator:
    """`add` and `remove` may be called by another thread than `match`, which takes their changes up.

    `relevance_of` is None where no relevance is known for the text model: a score decides then, and each match says so.
    """

    def __init__(self, relevance_of: RelevanceOf | None) -> None:
        self._relevance_of, self._counts, self._ranks = relevance_of, TermCounts(), RecentRanks()
        self._changes: dict[str, CompiledSearch | None] = {}
        self._searches: dict[str, CompiledSearch] = {}
        self._new: dict[str, CompiledSearch] = {}
        self._blocks: list[SearchBlock] = []
        self._lock = threading.Lock()

    def add(self, search: CompiledSearch) -> None:
        """Saves a search, or replaces the one of its id. Raises ValueError where it cannot be compiled: one search must
        not keep all others from matching."""
        SearchBlock([search])
        with self._lock:
            self._changes[search.saved_search_id] = search

    def remove(self, saved_search_id: str) -> None:
        """An unknown id is no error."""
        with self._lock:
            self._changes[saved_search_id] = None

    def remember(self, points: Sequence[Point]) -> None:
        """Counts the words of posts that came before, and matches none."""
        for point in points:
            self._counted(point)

    def match(self, points: Sequence[Point]) -> list[Match]:
        """The matches of a batch, in the order of the posts. Near-duplicates match nothing: they count with their
        original. Points are as the index has them, but `indexed_at` is when they were enriched."""
        originals = [self._counted(point) for point in points if point.payload.get("kind") != "near_duplicate"]
        return [self._match(originals[judgement.row], judgement) for judgement in self._judgements(originals)]

    def match_photos(self, points: Sequence[Point]) -> list[Match]:
        """The matches of posts that came through before without their photos, by searches that these photos meet. A
        match that the post had already comes again under its id."""
        posts = [self._weighted(point) for point in points]
        return [
            self._match(posts[judgement.row], judgement)
            for judgement in self._judgements(posts)
            if not OF_PHOTOS.isdisjoint(judgement.scores)
        ]

    def _judgements(self, originals: Sequence[Point]) -> list[Judgement]:
        """What all searches find relevant, in the order of the posts."""
        self._take_changes()
        if not originals:
            return []
        judgements = [
            judgement
            for block in self._blocks
            for judgement in block.judge(originals, self._relevance_of)
            if self._searches.get(judgement.search.saved_search_id) is judgement.search
        ]
        judgements.sort(key=lambda judgement: (judgement.row, judgement.search.saved_search_id))
        return [each for each in judgements if originals[each.row].id != each.search.query.exclude]

    def _take_changes(self) -> None:
        with self._lock:
            changes, self._changes = self._changes, {}
        if not changes:
            return
        for saved_search_id, search in changes.items():
            self._new.pop(saved_search_id, None)
            if search is None:
                self._searches.pop(saved_search_id, None)
                self._ranks.forget(saved_search_id)
            else:
                self._searches[saved_search_id] = self._new[saved_search_id] = search
        if len(self._new) > NEW_SEARCHES or not self._blocks:
            self._new = {}
            self._blocks = [SearchBlock(list(self._searches.values()))] if self._searches else []
        else:
            settled = self._blocks[:1]
            self._blocks = [*settled, SearchBlock(list(self._new.values()))] if self._new else settled

    def _counted(self, point: Point) -> Point:
        """As `_weighted`, itself counted."""
        if indices := point.sparse.get("lexical", ((), ()))[0]:
            self._counts.add(indices)
        return self._weighted(point)

    def _weighted(self, point: Point) -> Point:
        """The post with its words times their inverse document frequency."""
        indices, values = point.sparse.get("lexical", ((), ()))
        if not indices:
            return point
        weighted = (self._counts.idf(indices) * np.asarray(values, dtype=np.float64)).tolist()
        return replace(point, sparse={**point.sparse, "lexical": (indices, weighted)})

    def _match(self, point: Point, judgement: Judgement) -> Match:
        search, posted_ms = judgement.search, int(point.payload["event_time"])
        scores = judgement.scores
        worth = scores.get("text", 0.0) if judgement.relevance is None else judgement.relevance
        return Match(
            match_id=match_id(search, point),
            saved_search_id=search.saved_search_id,
            post_id=point.id,
            relevance=judgement.relevance,
            scores=scores,
            decided_by=judgement.decided_by,
            reason=_reason(judgement),
            recent=self._ranks.add(search.saved_search_id, search.window_ms, point.id, posted_ms, worth),
            posted_ms=posted_ms,
        )


def match_id(search: CompiledSearch, point: Point) -> str:
    """Of a saved search as it was saved and a post as it was written (`version` tells an edited one from the one
    before): 32 hexadecimal digits."""
    post = (point.id, str(point.payload["event_time"]), str(point.payload.get("version", "")))
    parts = (search.saved_search_id, search.version, *post)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _reason(judgement: Judgement) -> str:
    search = judgement.search
    if judgement.relevance is not None:
        return f"its relevance of {judgement.relevance:.2f} reaches {search.min_relevance:.2f}"
    if "text" in judgement.scores:
        threshold = search.query.score_threshold.get("text", TEXT_THRESHOLD)
        cosine = judgement.scores["text"]
        return f"relevance is not known for these models; its text's cosine of {cosine:.2f} reaches {threshold:.2f}"
    names = " and ".join(sorted(judgement.scores))
    return f"relevance is not known for this search; it meets the filters, and {names} finds it"

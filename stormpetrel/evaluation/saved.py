"""How well saved searches hear: judged questions as saved searches, and labelled posts played in event time.

Each question is saved, and the posts of the data come one by one, the oldest first, after others that stand there
already. A match is right where the post answers the question. Beside it stands what a search of all posts reaches that
judges its hits by the same threshold.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stormpetrel.core.errors import SetupError
from stormpetrel.core.ports import Point
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.questions import ReadQuestion
from stormpetrel.evaluation.test_collections import LabelledPost
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.text.clean import clean
from stormpetrel.search.percolator import CompiledSearch, Percolator
from stormpetrel.search.percolator.search_block import RelevanceOf, SearchBlock
from stormpetrel.search.percolator.term_counts import TermCounts
from stormpetrel.search.search import PostSearch

OLDER = 1_000  # matches that stand in the index before the first post comes
BATCH = 16  # posts
# The relevance as it was learned without some events; None where none is known for the text model.
RelevanceWithout = Callable[[frozenset[str]], RelevanceOf | None]


@dataclass
class Tally:
    """Right and wrong matches, and the posts that should have matched."""

    right: int = 0
    matches: int = 0
    relevant: int = 0

    def add(self, found: set[str], relevant: frozenset[str]) -> None:
        self.right += len(found & relevant)
        self.matches += len(found)
        self.relevant += len(relevant)

    @property
    def precision(self) -> float:
        return self.right / self.matches if self.matches else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.relevant if self.relevant else 0.0

    @property
    def f1(self) -> float:
        total = self.matches + self.relevant
        return 2 * self.right / total if total else 0.0


@dataclass(frozen=True)
class JudgedSearch:
    """A question as a saved search, the posts that answer it and meet its filters, and the events that it asks of."""

    search: CompiledSearch
    relevant: frozenset[str]
    events: frozenset[str]


def judged_searches(
    questions: Sequence[ReadQuestion],
    posts: Sequence[LabelledPost],
    collection: Collection,
    encoder: Encoder,
    min_relevance: float,
) -> list[JudgedSearch]:
    """The questions that some post answers. Raises SetupError where there is none."""
    vectors = encoder.encode([clean(question.text) or question.text for question, _ in questions])
    judged = []
    for (question, plain), vector in zip(questions, vectors, strict=True):
        inside = collection.within(plain.filter)
        right = [row for row, post in enumerate(posts) if inside[row] and question.relevant.fits(post)]
        query = replace(plain, text=vector)
        search = CompiledSearch.of_query(question.id, query, question.text, min_relevance)
        if right:
            events = frozenset(question.relevant.event or {posts[row].event for row in right})
            judged.append(JudgedSearch(search, frozenset(map(collection.name, right)), events))
    if not judged:
        raise SetupError("no post of the data answers any of the questions: check their events, times and places")
    return judged


def evaluate_saved(
    questions: Sequence[ReadQuestion],
    posts: Sequence[LabelledPost],
    collection: Collection,
    encoder: Encoder,
    relevance_without: RelevanceWithout,
    min_relevance: float,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The report: precision, recall and F1 of the matches over all questions together, how many matches there were, how
    long a batch of posts took (p95 in milliseconds, matching alone), and the F1 of a search by the same threshold.

    Each question is judged by a relevance that was learned without its events; a score decides where there is none.
    """
    judged = judged_searches(questions, posts, collection, encoder, min_relevance)
    say(f"{len(judged)} saved searches, {len(posts)} posts in event time")
    points = collection.points()
    older = list(itertools.islice(itertools.cycle(sorted(set().union(*(each.relevant for each in judged)))), OLDER))
    percolators = _percolators(judged, relevance_without)
    for percolator in percolators:
        percolator.match([replace(points[int(item)], id=f"older-{n}") for n, item in enumerate(older)])
    found, seconds = _played(percolators, points, posts)
    saved, searched = Tally(), Tally()
    counts = TermCounts()
    for point in points:
        counts.add(point.sparse.get("lexical", ((), ()))[0])
    for each in judged:
        saved.add(found[each.search.saved_search_id], each.relevant)
        hits = PostSearch(collection, "").run(each.search.query).items
        candidates = [_as_in_the_index(points[int(hit.id)], counts) for hit in hits]
        relevance_of = relevance_without(each.events)
        judgements = SearchBlock([each.search]).judge(candidates, relevance_of) if candidates else ()
        searched.add({candidates[judgement.row].id for judgement in judgements}, each.relevant)
    return {
        "questions": len(judged),
        "precision": round(saved.precision, 4),
        "recall": round(saved.recall, 4),
        "f1": round(saved.f1, 4),
        "matches": saved.matches,
        "p95_ms": round(1000 * float(np.percentile(seconds, 95)), 2),
        "search_f1": round(searched.f1, 4),
        "min_relevance": min_relevance,
        "decided_by": "score" if relevance_without(frozenset()) is None else "relevance",
    }


def _percolators(judged: Sequence[JudgedSearch], relevance_without: RelevanceWithout) -> list[Percolator]:
    """One for each set of events that relevance was learned without."""
    by_events: dict[frozenset[str], Percolator] = {}
    for each in judged:
        events = each.events if relevance_without(each.events) else frozenset[str]()
        percolator = by_events.setdefault(events, Percolator(relevance_without(events)))
        percolator.add(each.search)
    return list(by_events.values())


def _played(
    percolators: Sequence[Percolator], points: Sequence[Point], posts: Sequence[LabelledPost]
) -> tuple[dict[str, set[str]], list[float]]:
    """The posts that matched each search, and the seconds that each batch took in all percolators together."""
    found, seconds = defaultdict[str, set[str]](set), list[float]()
    in_time = sorted(range(len(posts)), key=lambda row: posts[row].at)
    for start in range(0, len(in_time), BATCH):
        batch = [points[row] for row in in_time[start : start + BATCH]]
        started = time.perf_counter()
        for match in itertools.chain.from_iterable(percolator.match(batch) for percolator in percolators):
            found[match.saved_search_id].add(match.post_id)
        seconds.append(time.perf_counter() - started)
    return found, seconds


def _as_in_the_index(point: Point, counts: TermCounts) -> Point:
    """The post with its words times their inverse document frequency over the whole collection."""
    indices, values = point.sparse.get("lexical", ((), ()))
    weights = (counts.idf(indices) * np.asarray(values, dtype=np.float64)).tolist()
    return replace(point, sparse={**point.sparse, "lexical": (indices, weights)} if indices else point.sparse)

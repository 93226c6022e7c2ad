"""Queries whose right answers are known, with the lists that search has for them: what ranking learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stormpetrel.evaluation.event_folds import event_key, event_keys
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.questions import ReadQuestion
from stormpetrel.evaluation.test_collections import TestCollection
from stormpetrel.fusion import LearnedTensor, RankList
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.text.clean import clean
from stormpetrel.search.query import Query
from stormpetrel.search.search import Learned, PostSearch, with_a_say

EXAMPLE, WORDS, QUESTION = "example", "words", "question"  # a post, its words alone, and what people type


class EvaluatedSet(NamedTuple):
    """A test collection with its index, and the questions that are asked of it."""

    tests: TestCollection
    collection: Collection
    questions: Sequence[ReadQuestion] = ()


@dataclass(frozen=True)
class JudgedQuery:
    """A query: what it is, its lists (those with a say, and the list of feedback), the ids of the right answers, the
    events that it asks for, how many words it has, and the event of each item of its lists."""

    set_name: str
    kind: str
    lists: tuple[RankList, ...]
    relevant: frozenset[str]
    events: frozenset[str]
    words: int
    event_of: dict[str, str]

    def without(self, events: frozenset[str]) -> JudgedQuery:
        """The same without the posts of these events."""
        return replace(self, lists=tuple(filter(len, (self._kept(ranked, events) for ranked in self.lists))))

    def _kept(self, ranked: RankList, events: frozenset[str]) -> RankList:
        rows = [row for row, item in enumerate(ranked.items) if self.event_of[item] not in events]
        items, scores = (tuple(each[row] for row in rows) for each in (ranked.items, ranked.scores))
        return replace(ranked, items=items, scores=scores)  # type: ignore[arg-type]


def judged_queries(
    judged: EvaluatedSet, encoder: Encoder, depth: int, say: Callable[[str], None] = lambda _: None
) -> list[JudgedQuery]:
    """The posts of the set as queries, every second one by its words alone, and the questions."""
    tests, collection, questions = judged
    say(f"{tests.name}: {len(tests.posts)} posts, {len(tests.queries)} examples, {len(questions)} questions")
    queries = []
    for number, row in enumerate(tests.queries):
        query = collection.example(row, depth)
        relevant = frozenset(map(collection.name, tests.relevant(row)))
        kind, query = (WORDS, replace(query, area=None, at=None)) if number % 2 else (EXAMPLE, query)
        queries.append(_judged(judged, kind, query, relevant, frozenset([tests.posts[row].event])))
    texts = [clean(question.text) or question.text for question, _ in questions]
    vectors = encoder.encode(texts) if texts else np.empty((0, 0))
    for (question, plain), vector in zip(questions, vectors, strict=True):
        inside = collection.within(plain.filter)
        right = [row for row, post in enumerate(tests.posts) if inside[row] and question.relevant.fits(post)]
        relevant, query = frozenset(map(collection.name, right)), replace(plain, text=vector, fusion=Query().fusion)
        events = question.relevant.event
        if relevant and events:  # what asks for no event cannot be held out with one
            queries.append(_judged(judged, QUESTION, query, relevant, frozenset(events)))
    return queries


def _judged(
    judged: EvaluatedSet, kind: str, query: Query, relevant: frozenset[str], events: frozenset[str]
) -> JudgedQuery:
    search = PostSearch(judged.collection, "", Learned(LearnedTensor.equal()))
    lists = with_a_say([ranked for ranked in search.lists(query) if len(ranked)], query.depth)
    feedback = search.feedback(query, lists)
    lists = [*lists, feedback] if feedback else lists
    items = {item for ranked in lists for item in ranked.items}
    event_of = {item: event_key(judged.tests.posts[int(item)].event) for item in items}
    return JudgedQuery(judged.tests.name, kind, tuple(lists), relevant, event_keys(events), query.words, event_of)

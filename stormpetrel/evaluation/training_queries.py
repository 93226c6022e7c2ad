"""Queries of a test collection with their rank lists, and adaptive fusion trained on such queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.test_collections import TestCollection
from stormpetrel.fusion import RankList
from stormpetrel.fusion.adaptive import FEEDBACK, FEEDBACK_FROM, LearnedFusion, fit_fusion
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser

DEPTH = 200  # of each list; measures look at the first 100 of the fused one
FOLDS = 4


@dataclass(frozen=True)
class LabelledQuery:
    """A query: its row, its lists, the milliseconds that they took, the ids of the relevant posts, and its fold."""

    collection: Collection
    row: int
    lists: tuple[RankList, ...]
    ms: float
    relevant: frozenset[str]
    fold: int

    def only(self, names: Sequence[str]) -> list[RankList]:
        """The lists of these modalities."""
        return [ranked for ranked in self.lists if ranked.modality in names]

    def feedback(self, best: Sequence[str]) -> RankList:
        """The feedback list after these first answers."""
        return self.collection.feedback([(self.row, best)])[0]


def run_queries(tests: TestCollection, collection: Collection, rows: Sequence[int]) -> list[LabelledQuery]:
    """The posts in these rows as queries. Folds go by label where there are enough of them, so that no label is both
    trained and tested on."""
    labels = sorted({str(tests.posts[row].label) for row in (*tests.queries, *tests.training_queries)})
    queries = []
    for number, row in enumerate(rows):
        started = time.perf_counter()
        lists = tuple(collection.lists(row))
        ms = 1000 * (time.perf_counter() - started)
        relevant = frozenset(collection.name(n) for n in tests.relevant(row))
        fold = labels.index(str(tests.posts[row].label)) if len(labels) >= FOLDS else number
        queries.append(LabelledQuery(collection, row, lists, ms, relevant, fold % FOLDS))
    return queries


def fit_both_fusions(queries: Sequence[LabelledQuery], names: Sequence[str]) -> LearnedFusion:
    """The fusion of the modalities, and the one of the modalities and the feedback list."""
    first = fit_fusion([(query.only(names), query.relevant) for query in queries], names)
    second_pass = []
    for collection in dict.fromkeys(query.collection for query in queries):
        members = [query for query in queries if query.collection is collection]
        best = [[item.id for item in first(query.only(names))[:FEEDBACK_FROM]] for query in members]
        feedback = collection.feedback([(query.row, ids) for query, ids in zip(members, best, strict=True)])
        second_pass += [
            ([*query.only(names), ranked], query.relevant) for query, ranked in zip(members, feedback, strict=True)
        ]
    return LearnedFusion(first, fit_fusion(second_pass, (*names, FEEDBACK)))


def train_fusion(
    collections: Sequence[TestCollection],
    encoder: Encoder,
    places: Geoparser,
    names: Sequence[str],
    say: Callable[[str], None] = lambda _: None,
) -> LearnedFusion:
    """The weights that are trained on all the collections together: those that a system works with."""
    queries = []
    for tests in collections:
        rows = (*tests.queries, *tests.training_queries)
        say(f"{tests.name}: {len(tests.posts)} posts, {len(rows)} queries")
        queries += run_queries(tests, Collection(tests.posts, encoder, places, DEPTH), rows)
    fusion = fit_both_fusions(queries, names)
    return LearnedFusion(fusion.first, fusion.with_feedback, tuple(tests.name for tests in collections))

"""Judged queries with their lists, and what adaptive fusion learns from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.test_collections import JudgedSet
from stormpetrel.fusion import RankList
from stormpetrel.fusion.adaptive import FEEDBACK, FEEDBACK_FROM, LearnedFusion, fit_fusion
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser

DEPTH = 200  # of each list; measures look at the first 100 of the fused one
FOLDS = 4


@dataclass(frozen=True)
class Asked:
    """A query: its row, its lists, how long they took, and the ids that answer it."""

    collection: Collection
    row: int
    lists: tuple[RankList, ...]
    ms: float
    relevant: frozenset[str]
    fold: int

    def only(self, names: Sequence[str]) -> list[RankList]:
        return [ranked for ranked in self.lists if ranked.modality in names]

    def feedback(self, best: Sequence[str]) -> RankList:
        return self.collection.feedback([(self.row, best)])[0]


def ask(judged: JudgedSet, collection: Collection, rows: Sequence[int]) -> list[Asked]:
    """The posts in these rows as queries. Folds go by label where there are enough of them, so that nothing is learned
    from the label that it is tested on."""
    labels = sorted({str(judged.posts[row].label) for row in (*judged.queries, *judged.lessons)})
    asked = []
    for number, row in enumerate(rows):
        started = time.perf_counter()
        lists = tuple(collection.lists(row))
        ms = 1000 * (time.perf_counter() - started)
        relevant = frozenset(collection.name(n) for n in judged.relevant(row))
        fold = labels.index(str(judged.posts[row].label)) if len(labels) >= FOLDS else number
        asked.append(Asked(collection, row, lists, ms, relevant, fold % FOLDS))
    return asked


def learned_from(lessons: Sequence[Asked], names: Sequence[str]) -> LearnedFusion:
    """The fusion of the modalities, and the one of the modalities and the feedback list."""
    first = fit_fusion([(query.only(names), query.relevant) for query in lessons], names)
    again = []
    for collection in dict.fromkeys(query.collection for query in lessons):
        own = [query for query in lessons if query.collection is collection]
        best = [[item.id for item in first(query.only(names))[:FEEDBACK_FROM]] for query in own]
        more = collection.feedback([(query.row, ids) for query, ids in zip(own, best, strict=True)])
        again += [([*query.only(names), ranked], query.relevant) for query, ranked in zip(own, more, strict=True)]
    return LearnedFusion(first, fit_fusion(again, (*names, FEEDBACK)))


def train_fusion(
    sets: Sequence[JudgedSet],
    encoder: Encoder,
    places: Geoparser,
    names: Sequence[str],
    say: Callable[[str], None] = lambda _: None,
) -> LearnedFusion:
    """What all judged sets teach together: the weights that a system works with."""
    lessons = []
    for judged in sets:
        say(f"{judged.name}: {len(judged.posts)} posts, {len(judged.queries) + len(judged.lessons)} queries")
        collection = Collection(judged.posts, encoder, places, DEPTH)
        lessons += ask(judged, collection, (*judged.queries, *judged.lessons))
    learned = learned_from(lessons, names)
    return LearnedFusion(learned.first, learned.with_feedback, tuple(judged.name for judged in sets))

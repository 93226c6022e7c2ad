"""Retrieval on test collections, in the form of the paper's Table 4: every modality, every fusion, the same queries.

Each query is a post, and the search is the product's, with the collection as its index. The learned tensor is that of
the shipped weights, learned without the query's event where it was one of those that they were learned from.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.event_folds import event_keys
from stormpetrel.evaluation.event_weights import Weights, event_weights
from stormpetrel.evaluation.labelled_query import LabelledQuery
from stormpetrel.evaluation.measures import average_precision, ndcg_at, paired_p, precision_at
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.test_collections import TestCollection
from stormpetrel.fusion import LEARNED_TENSOR, METHODS, LearnedTensor, RankingWeights, RankList
from stormpetrel.fusion.baselines import weighted_scores
from stormpetrel.fusion.baselines.projected_graph import project, projected_graph
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.search.query import Query
from stormpetrel.search.search import Learned, PostSearch

MAP_DEPTH = 100
MODALITIES = ("text", "lexical", "space", "time", "spatiotemporal")
WORDS = "_words"  # a method of text and words alone, where neither time nor place can give a label away
FUSED = LEARNED_TENSOR
EVENT_WEIGHTS = ("event_weights", "event_weights_held_out")  # as published: sees the event's own labels; and without
LOST_FROM = 0.05  # average precision below the best single modality


@dataclass
class MethodTally:
    """One method's measures, a figure a query, and the milliseconds that its answer took."""

    p10: list[float] = field(default_factory=list)
    ap: list[float] = field(default_factory=list)
    ndcg10: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def add(self, ids: Sequence[str], relevant: frozenset[str], ms: float = 0.0) -> None:
        """Counts the ranked ids of a query."""
        hits = [item in relevant for item in ids]
        self.p10.append(precision_at(10, hits))
        self.ap.append(average_precision(hits, len(relevant), MAP_DEPTH))
        self.ndcg10.append(ndcg_at(10, hits, len(relevant)))
        self.ms.append(ms)

    def report(self) -> dict[str, float]:
        means = {"p10": self.p10, "map": self.ap, "ndcg10": self.ndcg10}
        rounded = {name: round(float(np.mean(values)), 4) for name, values in means.items()}
        return {**rounded, "p95_ms": round(float(np.percentile(self.ms, 95)), 3)}


def evaluate(
    tests: TestCollection,
    encoder: Encoder,
    places: Geoparser,
    depth: int,
    weights: RankingWeights | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """A collection's report: queries, methods, the fused method against the best single modality and against RRF.

    Lists have `depth` items. Without weights for the encoder's version the learned tensor is the plain one by
    reciprocal ranks.
    """
    say(f"{tests.name}: {len(tests.posts)} posts, {len(tests.queries)} queries")
    collection = Collection(tests.posts, encoder, places)
    tallies = defaultdict[str, MethodTally](MethodTally)
    fused: dict[str, list[LabelledQuery]] = {"": [], WORDS: []}
    for row in tests.queries:
        query = collection.example(row, depth)
        relevant = frozenset(map(collection.name, tests.relevant(row)))
        events = event_keys([tests.posts[row].event])
        fusion = weights.without(events) if weights else LearnedTensor.equal()
        search = PostSearch(collection, "", Learned(fusion))
        _tally_modalities(search, query, relevant, tallies)
        for suffix, each in (("", query), (WORDS, replace(query, area=None, at=None))):
            lists, ms = _tally_fusions(search, each, relevant, suffix, tallies)
            fused[suffix].append(LabelledQuery(tuple(lists), relevant, tests.posts[row].event, ms))
    latent = _latent(collection)
    for suffix, queries in fused.items():
        tallies[f"projected_graph{suffix}"] = _by_projected_graph(queries, latent)
        for method, by_event in zip(EVENT_WEIGHTS, event_weights(queries), strict=True):
            tallies[method + suffix] = _by_event_weights(queries, by_event)
    return build_report(len(tests.queries), tallies, MODALITIES, FUSED)


def _latent(collection: Collection) -> dict[str, NDArray[np.float64]]:
    """Text and words of the collection in one latent space."""
    features = collection.features()
    return dict(zip(("text", "lexical"), project(features["text"], features["lexical"]), strict=True))


def _by_projected_graph(queries: Sequence[LabelledQuery], latent: Mapping[str, NDArray[np.float64]]) -> MethodTally:
    tally = MethodTally()
    for query in queries:
        started = time.perf_counter()
        ids = [item.id for item in projected_graph(query.lists, latent, int)]
        tally.add(ids, query.relevant, query.ms + _ms_since(started))
    return tally


def _by_event_weights(queries: Sequence[LabelledQuery], weights: Mapping[str, Weights]) -> MethodTally:
    """Linear fusion with the weights of each query's event."""
    tally = MethodTally()
    for query in queries:
        started = time.perf_counter()
        ids = [item.id for item in weighted_scores(query.lists, weights.get(query.event))]
        tally.add(ids, query.relevant, query.ms + _ms_since(started))
    return tally


def _tally_modalities(
    search: PostSearch, query: Query, relevant: frozenset[str], tallies: defaultdict[str, MethodTally]
) -> None:
    started = time.perf_counter()
    found = {ranked.modality: ranked.items for ranked in search.lists(replace(query, only=frozenset(MODALITIES)))}
    for name in MODALITIES:
        tallies[name].add(found.get(name, ()), relevant, _ms_since(started))


def _tally_fusions(
    search: PostSearch, query: Query, relevant: frozenset[str], suffix: str, tallies: defaultdict[str, MethodTally]
) -> tuple[list[RankList], float]:
    """All fusions of the same lists; the learned one has its list of feedback too. Returns the lists, and the
    milliseconds that they took."""
    started = time.perf_counter()
    lists = [ranked for ranked in search.lists(query) if len(ranked)]
    list_ms = _ms_since(started)
    for name in (*METHODS, LEARNED_TENSOR):
        started, named = time.perf_counter(), replace(query, fusion=name)
        ids = [item.id for item in search.fuse(named, lists, search.feedback(named, lists))]
        tallies[name + suffix].add(ids, relevant, list_ms + _ms_since(started))
    return lists, list_ms


def _ms_since(started: float) -> float:
    return 1000 * (time.perf_counter() - started)


def build_report(
    queries: int, tallies: Mapping[str, MethodTally], singles: Sequence[str], fused: str
) -> dict[str, Any]:
    """A set's report: all methods, and the fused one against the best single modality and against RRF."""
    best = max(singles, key=lambda name: np.mean(tallies[name].ap))
    lost = np.asarray(tallies[fused].ap) < np.asarray(tallies[best].ap) - LOST_FROM
    return {
        "queries": queries,
        "methods": {name: tally.report() for name, tally in tallies.items()},
        "fused": fused,
        "best_single": best,
        "p_vs_best_single": round(paired_p(tallies[fused].ap, tallies[best].ap), 5),
        "p_vs_rrf": round(paired_p(tallies[fused].ap, tallies["rrf"].ap), 5),
        "lost_share": round(float(np.mean(lost)), 4),
    }

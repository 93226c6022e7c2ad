"""Retrieval on test collections, in the form of the paper's Table 4: every modality, every fusion, the same queries.

Adaptive fusion is trained on other labels than it is tested on: four folds, no label in two of them; each collection
has twice as many further queries to train on. The second pass searches again with the words of the first pass's best
answers (Rocchio's pseudo-relevance feedback).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.event_weights import Weights, event_weights
from stormpetrel.evaluation.measures import average_precision, ndcg_at, paired_p, precision_at
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.test_collections import TestCollection
from stormpetrel.evaluation.training_queries import DEPTH, FOLDS, LabelledQuery, fit_both_fusions, run_queries
from stormpetrel.fusion import METHODS
from stormpetrel.fusion.adaptive import FEEDBACK_FROM
from stormpetrel.fusion.baselines import weighted_scores
from stormpetrel.fusion.baselines.projected_graph import project, projected_graph
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser

MAP_DEPTH = 100
MODALITIES = ("text", "lexical", "space", "time")
# Which lists a method with this suffix fuses. In words alone, neither time nor place can give a label away.
LISTS = {"": MODALITIES, "_words": ("text", "lexical")}
FUSED = "adaptive_feedback"
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
    tests: TestCollection, encoder: Encoder, places: Geoparser, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """A collection's report: queries, methods, the fused method against the best single modality and against RRF."""
    say(f"{tests.name}: {len(tests.posts)} posts, {len(tests.queries)} queries")
    collection = Collection(tests.posts, encoder, places, DEPTH)
    queries = run_queries(tests, collection, tests.queries)
    training = [*queries, *run_queries(tests, collection, tests.training_queries)]
    tallies = defaultdict[str, MethodTally](MethodTally)
    for query in queries:
        for ranked in query.lists:
            tallies[ranked.modality].add(ranked.items, query.relevant, query.ms)
        for name, fusion in METHODS.items():
            for suffix, names in LISTS.items():
                started = time.perf_counter()
                ids = [item.id for item in fusion(query.only(names), None)]
                tallies[name + suffix].add(ids, query.relevant, query.ms + _ms_since(started))
    events = [tests.posts[query.row].event for query in training]
    latent = _latent(collection)
    for suffix, names in LISTS.items():
        tallies[f"adaptive{suffix}"], tallies[FUSED + suffix] = _adaptive(queries, training, names)
        tallies[f"projected_graph{suffix}"] = _by_projected_graph(queries, latent, names)
        for method, weights in zip(EVENT_WEIGHTS, event_weights(training, events, names), strict=True):
            tallies[method + suffix] = _by_event_weights(queries, events, weights, names)
    return build_report(len(queries), tallies, MODALITIES, FUSED)


def _latent(collection: Collection) -> dict[str, NDArray[np.float64]]:
    """Text and words of the collection in one latent space."""
    features = collection.features()
    return dict(zip(("text", "lexical"), project(features["text"], features["lexical"]), strict=True))


def _by_projected_graph(
    queries: Sequence[LabelledQuery], latent: Mapping[str, NDArray[np.float64]], names: Sequence[str]
) -> MethodTally:
    tally = MethodTally()
    for query in queries:
        started = time.perf_counter()
        ids = [item.id for item in projected_graph(query.only(names), latent, int)]
        tally.add(ids, query.relevant, query.ms + _ms_since(started))
    return tally


def _by_event_weights(
    queries: Sequence[LabelledQuery], events: Sequence[str], weights: Mapping[str, Weights], names: Sequence[str]
) -> MethodTally:
    """Linear fusion with the weights of each query's event; `queries` are the first of those that `events` are of."""
    tally = MethodTally()
    for query, event in zip(queries, events, strict=False):
        started = time.perf_counter()
        ids = [item.id for item in weighted_scores(query.only(names), weights.get(event))]
        tally.add(ids, query.relevant, query.ms + _ms_since(started))
    return tally


def _adaptive(
    queries: Sequence[LabelledQuery], training: Sequence[LabelledQuery], names: Sequence[str]
) -> tuple[MethodTally, MethodTally]:
    """Adaptive fusion of these modalities, and once more with the feedback list; trained and tested by folds."""
    plain, second = MethodTally(), MethodTally()
    models = [fit_both_fusions([query for query in training if query.fold != fold], names) for fold in range(FOLDS)]
    # In the order of the queries: the significance test pairs methods by it.
    for query in queries:
        model, lists = models[query.fold], query.only(names)
        started = time.perf_counter()
        ids = [item.id for item in model.first(lists)]
        plain.add(ids, query.relevant, query.ms + _ms_since(started))
        second_ids = [item.id for item in model.with_feedback([*lists, query.feedback(ids[:FEEDBACK_FROM])])]
        second.add(second_ids, query.relevant, query.ms + _ms_since(started))
    return plain, second


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

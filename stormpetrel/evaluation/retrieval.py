"""Retrieval on judged posts, in the form of the paper's Table 4: every modality, every fusion, the same queries.

What is learned is learned from other labels than it is tested on: four folds, no label in two of them; each set has
twice as many further queries that are learned from alone. The second
pass asks once more with the words of the first pass's best answers (Rocchio's pseudo-relevance feedback).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stormpetrel.evaluation.measures import average_precision, ndcg_at, paired_p, precision_at
from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.test_collections import JudgedSet
from stormpetrel.evaluation.training_queries import DEPTH, FOLDS, Asked, ask, learned_from
from stormpetrel.fusion import METHODS
from stormpetrel.fusion.adaptive import FEEDBACK_FROM
from stormpetrel.posts.enrichment import Encoder
from stormpetrel.posts.places.geoparser.geoparser import Geoparser

JUDGED_DEPTH = 100
MODALITIES = ("text", "lexical", "space", "time")
WORDS = ("text", "lexical")  # neither time nor place can give a label away
FUSED = "adaptive_feedback"
LOST_FROM = 0.05  # average precision below the best single modality


@dataclass
class Tally:
    """One method's measures, a figure a query, and the milliseconds that its answer took."""

    p10: list[float] = field(default_factory=list)
    ap: list[float] = field(default_factory=list)
    ndcg10: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def note(self, ids: Sequence[str], relevant: frozenset[str], ms: float) -> None:
        hits = [item in relevant for item in ids]
        self.p10.append(precision_at(10, hits))
        self.ap.append(average_precision(hits, len(relevant), JUDGED_DEPTH))
        self.ndcg10.append(ndcg_at(10, hits, len(relevant)))
        self.ms.append(ms)

    def report(self) -> dict[str, float]:
        return {
            "p10": round(float(np.mean(self.p10)), 4),
            "map": round(float(np.mean(self.ap)), 4),
            "ndcg10": round(float(np.mean(self.ndcg10)), 4),
            "p95_ms": round(float(np.percentile(self.ms, 95)), 3),
        }


def evaluate(
    judged: JudgedSet, encoder: Encoder, places: Geoparser, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """One set's report: queries, methods, the fused method against the best single modality and against RRF."""
    say(f"{judged.name}: {len(judged.posts)} posts, {len(judged.queries)} queries")
    collection = Collection(judged.posts, encoder, places, DEPTH)
    asked = ask(judged, collection, judged.queries)
    lessons = [*asked, *ask(judged, collection, judged.lessons)]
    tallies: dict[str, Tally] = {}
    for query in asked:
        for ranked in query.lists:
            tallies.setdefault(ranked.modality, Tally()).note(ranked.items, query.relevant, query.ms)
        for name, fusion in METHODS.items():
            for suffix, names in (("", MODALITIES), ("_words", WORDS)):
                started = time.perf_counter()
                ids = [item.id for item in fusion(query.only(names), None)]
                ms = query.ms + 1000 * (time.perf_counter() - started)
                tallies.setdefault(name + suffix, Tally()).note(ids, query.relevant, ms)
    for suffix, names in (("", MODALITIES), ("_words", WORDS)):
        _adaptive(asked, lessons, names, suffix, tallies)
    return report_of(len(asked), tallies, MODALITIES, FUSED)


def _adaptive(
    asked: Sequence[Asked], lessons: Sequence[Asked], names: Sequence[str], suffix: str, tallies: dict[str, Tally]
) -> None:
    """Adaptive fusion of these modalities, and once more with the feedback list; learned and tested by folds."""
    plain, second = Tally(), Tally()
    models = [learned_from([query for query in lessons if query.fold != fold], names) for fold in range(FOLDS)]
    # In the order of the queries: the significance test pairs methods by it.
    for query in asked:
        model = models[query.fold]
        started = time.perf_counter()
        ids = [item.id for item in model.first(query.only(names))]
        ms = query.ms + 1000 * (time.perf_counter() - started)
        plain.note(ids, query.relevant, ms)
        started = time.perf_counter()
        again = [item.id for item in model.with_feedback([*query.only(names), query.feedback(ids[:FEEDBACK_FROM])])]
        second.note(again, query.relevant, ms + 1000 * (time.perf_counter() - started))
    tallies[f"adaptive{suffix}"], tallies[f"{FUSED}{suffix}"] = plain, second


def report_of(queries: int, tallies: dict[str, Tally], singles: Sequence[str], fused: str) -> dict[str, Any]:
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

"""Learns the weights of the learned tensor and relevance from judged queries, once with all events and once for each
fold of events without it. What is judged is always what was learned without the query's events and their posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.judged_queries import EXAMPLE, QUESTION, WORDS, JudgedQuery
from stormpetrel.fusion import LearnedTensor, RankingWeights
from stormpetrel.fusion.learned_tensor import FEEDBACK
from stormpetrel.fusion.tensor_fitting import TrainingQuery, fit_tensor
from stormpetrel.search.relevance import FEATURES, Relevance, relevance_features, scores_of_lists

NAMES = ("text", "lexical", "spatiotemporal", "space", "time", FEEDBACK)
FOLDS = 5
CONSTANTS = (10.0,)  # of the reciprocal ranks; of several, the fit takes the best one
SHARE = {QUESTION: 1.0, EXAMPLE: 0.5, WORDS: 0.5}  # short queries count as much as long ones
MOST_QUERIES = 60  # of a set and kind that one fit learns from; all questions are used
NEVER_NEGATIVE = ("place", "moment")  # weights of relevance
RIDGE = 1e-5
FIRST, BEHIND = 100, 0.1  # how much an item behind the first hits counts beside one of them
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """What was learned, with the folds of events that it was learned without in turn."""

    weights: RankingWeights
    relevance: Relevance
    folds: tuple[frozenset[str], ...]


def train_ranking(
    queries: Sequence[JudgedQuery], text_model: str, sets: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> Ranking:
    """Learns from the queries, whose lists are of the text model of this version; `sets` names where they come from.

    The events are left out in at most five folds.
    """
    folds = event_folds([query.events for query in queries], FOLDS)
    fitted = []
    for number, events in enumerate((frozenset[str](), *folds)):
        say("learning from all events" if not number else f"learning without fold {number} of {len(folds)}")
        chosen = training_queries(queries, events)
        fusion = _fit_fusion(chosen)
        fitted.append((events, fusion, _fit_relevance(chosen, fusion)))
    (_, fusion, relevance), *without = fitted
    weights = RankingWeights(text_model, fusion, tuple((events, each) for events, each, _ in without), tuple(sets))
    left_out = tuple((events, each) for events, _, each in without)
    return Ranking(weights, Relevance(text_model, relevance, left_out, tuple(sets)), tuple(folds))


def training_queries(queries: Sequence[JudgedQuery], without: frozenset[str]) -> list[JudgedQuery]:
    """The queries that ask for none of these events, without the posts of these events; of each set and kind the first
    ones of an order by chance."""
    counted = Counter[tuple[str, str]]()
    chosen = []
    for row in np.random.default_rng(7).permutation(len(queries)):
        query = queries[row]
        group = (query.set_name, query.kind)
        if not query.events & without and (query.kind == QUESTION or counted[group] < MOST_QUERIES):
            counted[group] += 1
            chosen.append(query.without(without) if without else query)
    return chosen


def query_weights(queries: Sequence[JudgedQuery]) -> list[float]:
    """How much each query counts: each kind has its share."""
    counts = Counter(query.kind for query in queries)
    return [SHARE[query.kind] / counts[query.kind] for query in queries]


def _fit_fusion(queries: Sequence[JudgedQuery]) -> LearnedTensor:
    weighted = zip(queries, query_weights(queries), strict=True)
    examples = [TrainingQuery.of(query.lists, query.relevant, NAMES, weight) for query, weight in weighted]
    return fit_tensor([example for example in examples if example], NAMES, CONSTANTS)


def _fit_relevance(queries: Sequence[JudgedQuery], fusion: LearnedTensor) -> Array:
    """The weights of the features, from all items of the lists. The first ones of the fused list, which people see,
    count most."""
    blocks, truths, shares = [], [], []
    for query, weight in zip(queries, query_weights(queries), strict=True):
        items, scores = scores_of_lists([ranked for ranked in query.lists if ranked.modality != FEEDBACK])
        if items:
            blocks.append(relevance_features(scores, query.words))
            truths.append([item in query.relevant for item in items])
            first = {item.id for item in fusion(query.lists)[:FIRST]}
            share = np.array([1.0 if item in first else BEHIND for item in items])
            shares.append(weight * share / share.sum())
    return fit_relevance(np.vstack(blocks), np.concatenate(truths), np.concatenate(shares))


def fit_relevance(features: Array, truth: NDArray[np.bool_], shares: Array) -> Array:
    """Logistic regression of rows that count by their shares, with a ridge. To be near never makes a post less
    relevant: in sets whose queries name one place all over, the data alone would say so."""
    from scipy.optimize import minimize

    share = shares / shares.sum()

    def loss(weights: Array) -> tuple[float, Array]:
        log_odds = features @ weights
        value = share @ (np.logaddexp(0, log_odds) - truth * log_odds) + RIDGE * weights @ weights
        slope = features.T @ (share * (1 / (1 + np.exp(-log_odds)) - truth)) + 2 * RIDGE * weights
        return float(value), slope

    bounds = [(0.0, None) if name in NEVER_NEGATIVE else (None, None) for name in FEATURES]
    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300})
    return np.asarray(found.x, dtype=np.float64)

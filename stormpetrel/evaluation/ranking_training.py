"""Learns the weights of the learned tensor and relevance from judged queries, once with all events and once for each
fold of events without it. What is judged is always what was learned without the query's events and their posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.judged_queries import EXAMPLE, QUESTION, WORDS, JudgedQuery
from stormpetrel.evaluation.loss_guard import HeldOut, choose_lean
from stormpetrel.evaluation.relevance_training import learn_relevance
from stormpetrel.fusion import LearnedTensor, RankingWeights
from stormpetrel.fusion.learned_tensor import FEEDBACK
from stormpetrel.fusion.tensor_fitting import SINGLE, TrainingQuery, fit_tensor
from stormpetrel.search.relevance import Relevance

NAMES = ("text", "lexical", "spatiotemporal", "space", "time", FEEDBACK)
FOLDS = 5
CONSTANTS = (10.0,)  # of the reciprocal ranks; of several, the fit takes the best one
SHARE = {QUESTION: 1.0, EXAMPLE: 0.5, WORDS: 0.5}  # short queries count as much as long ones
MOST_QUERIES = 60  # of a set and kind that one fit learns from; all questions are used


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

    The events are left out in at most five folds. How far the best single list is leaned on is chosen on events that
    the fit has not seen, and those left out take no part in it.
    """
    folds = event_folds([query.events for query in queries], FOLDS)
    fits = _Fits(queries, folds)
    fitted = []
    for numbers in (frozenset[int](), *(frozenset([number]) for number in range(len(folds)))):
        say(f"learning without fold {min(numbers) + 1} of {len(folds)}" if numbers else "learning from all events")
        lean = choose_lean(fits.held_out(numbers))
        say(f"the text list is leaned on by {lean}")
        fusion = fits.without(numbers).leaning(SINGLE, lean)
        chosen = training_queries(queries, fits.events(numbers))
        relevance = learn_relevance(chosen, query_weights(chosen), fusion)
        fitted.append((fits.events(numbers), fusion, relevance))
    (_, fusion, relevance), *without = fitted
    weights = RankingWeights(text_model, fusion, tuple((events, each) for events, each, _ in without), tuple(sets))
    left_out = tuple((events, each) for events, _, each in without)
    return Ranking(weights, Relevance(text_model, relevance, left_out, tuple(sets)), tuple(folds))


class _Fits:
    """Fusions that have not seen some of the folds, each fitted once: without two of them for what is judged in the
    inner rounds, where one fold is left out of everything and the others in turn."""

    def __init__(self, queries: Sequence[JudgedQuery], folds: Sequence[frozenset[str]]) -> None:
        self._queries, self._folds = queries, folds
        self._fitted: dict[frozenset[int], LearnedTensor] = {}

    def events(self, numbers: frozenset[int]) -> frozenset[str]:
        return frozenset[str]().union(*(self._folds[number] for number in numbers))

    def without(self, numbers: frozenset[int]) -> LearnedTensor:
        """The fusion that has not seen these folds, nothing leaned on."""
        if numbers not in self._fitted:
            self._fitted[numbers] = _fit_fusion(training_queries(self._queries, self.events(numbers)))
        return self._fitted[numbers]

    def held_out(self, numbers: frozenset[int]) -> list[HeldOut]:
        """The queries of all other folds, without the posts of these, each with a fusion that has not seen its fold
        either."""
        events = self.events(numbers)
        return [
            HeldOut(query.without(events), self.without(numbers | {number}))
            for number, fold in enumerate(self._folds)
            if number not in numbers
            for query in self._queries
            if query.events & fold
        ]


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

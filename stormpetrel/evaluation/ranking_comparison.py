"""The learned tensor beside the other fusions, on events that none of those that learn has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stormpetrel.evaluation.calibration import calibration, reliability
from stormpetrel.evaluation.judged_queries import JudgedQuery
from stormpetrel.evaluation.measures import average_precision, paired_p
from stormpetrel.evaluation.ranking_training import NAMES, Ranking, training_queries
from stormpetrel.evaluation.retrieval import LOST_FROM, MAP_DEPTH
from stormpetrel.evaluation.score_fusion import fit_score_fusion
from stormpetrel.fusion import LEARNED_TENSOR, METHODS, RankList
from stormpetrel.fusion.learned_tensor import FEEDBACK

SCORES, LAMBDA_MART = "score_fusion", "lambda_mart"
PLAIN = ("tensor_min", "tensor_rrf", "rrf")
Tallies = dict[str, list[float]]
Ranked = Callable[[Sequence[RankList]], Sequence[str]]


def compare(
    queries: Sequence[JudgedQuery], ranking: Ranking, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """By set and kind of query: the mean average precision of each list and each fusion, how the learned tensor stands
    against the best list and RRF, and how well relevance is calibrated over its first 100."""
    tallies: dict[str, Tallies] = defaultdict(lambda: defaultdict(list))
    judged: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for number, events in enumerate(ranking.folds, start=1):
        say(f"comparing on fold {number} of {len(ranking.folds)}")
        learned = _learned(training_queries(queries, events))
        fusion, relevance = ranking.weights.without(events), ranking.relevance.without(events)
        for query in queries:
            if not query.events & events:
                continue
            tally = tallies[f"{query.set_name}, {query.kind}"]
            plain = [ranked for ranked in query.lists if ranked.modality != FEEDBACK]
            orders = {name: _list(query.lists, name) for name in NAMES}
            orders |= {name: [item.id for item in METHODS[name](plain, None)] for name in PLAIN}
            orders |= {name: method(query.lists) for name, method in learned.items()}
            orders[LEARNED_TENSOR] = [item.id for item in fusion(query.lists)]
            for name, ids in orders.items():
                hits = [item in query.relevant for item in ids]
                tally[name].append(average_precision(hits, len(query.relevant), MAP_DEPTH))
            known = relevance.of_lists(query.lists, query.words)
            first = [item for item in orders[LEARNED_TENSOR][:MAP_DEPTH] if item in known]
            judged[query.kind] += [(known[item], item in query.relevant) for item in first]
    return {
        "sets": {name: _report(tally) for name, tally in sorted(tallies.items())},
        "relevance": {kind: _calibration(pairs) for kind, pairs in sorted(judged.items())},
    }


def _learned(queries: Sequence[JudgedQuery]) -> dict[str, Ranked]:
    """The other fusions that learn; LambdaMART where LightGBM is installed."""
    examples = [(query.lists, query.relevant) for query in queries]
    methods: dict[str, Ranked] = {SCORES: fit_score_fusion(examples, NAMES)}
    try:
        from stormpetrel.evaluation.lambda_mart import LambdaMart

        methods[LAMBDA_MART] = LambdaMart(examples, NAMES)
    except ImportError:
        pass
    return methods


def _list(lists: Sequence[RankList], name: str) -> Sequence[str]:
    return next((ranked.items for ranked in lists if ranked.modality == name), ())


def _report(tally: Tallies) -> dict[str, Any]:
    best = max((name for name in NAMES if name != FEEDBACK), key=lambda name: np.mean(tally[name]))
    fused = tally[LEARNED_TENSOR]
    lost = np.asarray(fused) < np.asarray(tally[best]) - LOST_FROM
    return {
        "queries": len(fused),
        "map": {name: round(float(np.mean(figures)), 4) for name, figures in tally.items()},
        "best_single": best,
        "p": {name: round(paired_p(fused, tally[name]), 4) for name in (best, *PLAIN, SCORES)},
        "lost_share": round(float(np.mean(lost)), 4),
    }


def _calibration(pairs: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    probabilities, truth = np.array([p for p, _ in pairs]), np.array([right for _, right in pairs], dtype=bool)
    return {**calibration(probabilities, truth), "curve": reliability(probabilities, truth)}

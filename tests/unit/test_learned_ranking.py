"""What ranking learns: to trust the list that is sure, with whole events left out, and in files that are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.evaluation.calibration import calibration
from stormpetrel.evaluation.event_folds import event_folds
from stormpetrel.evaluation.judged_queries import EXAMPLE, JudgedQuery
from stormpetrel.evaluation.ranking_comparison import compare
from stormpetrel.evaluation.ranking_training import train_ranking, training_queries
from stormpetrel.evaluation.score_fusion import fit_score_fusion
from stormpetrel.fusion import LearnedTensor, RankingWeights, RankList
from stormpetrel.fusion.tensor_fitting import TrainingQuery, fit_tensor
from stormpetrel.search.relevance import FEATURES, Relevance

NAMES = ("text", "lexical")


def _lists(sure: str, good: str) -> tuple[list[RankList], frozenset[str]]:
    """Two lists of other items; the one that is peaked is right."""
    lists = []
    for name in NAMES:
        ids = tuple(f"{good if name == sure else 'bad'}{n}" for n in range(30))
        top = 10.0 if name == sure else 1.2
        lists.append(RankList(name, ids, (top, *(1.0 - 0.01 * n for n in range(29)))))
    return lists, frozenset([f"{good}0", f"{good}1"])


def _judged(number: int, event: str) -> JudgedQuery:
    lists, relevant = _lists(NAMES[number % 2], f"good{number}-")
    event_of = {item: event if item in relevant else "other" for ranked in lists for item in ranked.items}
    return JudgedQuery("set", EXAMPLE, tuple(lists), relevant, frozenset([event]), 4, event_of)


def test_the_learned_tensor_trusts_the_list_that_is_sure() -> None:
    examples = [TrainingQuery.of(*_lists(NAMES[n % 2], f"good{n}-"), NAMES) for n in range(20)]
    fusion = fit_tensor([example for example in examples if example], NAMES, (10.0,))
    for sure in NAMES:
        lists, _ = _lists(sure, "new")
        first, second = fusion(lists)[:2]
        assert {first.id, second.id} == {"new0", "new1"} and first.decided_by == (sure,)


def test_the_fusion_by_scores_trusts_it_too() -> None:
    fusion = fit_score_fusion([_lists(NAMES[n % 2], f"good{n}-") for n in range(20)], NAMES)
    for sure in NAMES:
        assert fusion(_lists(sure, "new")[0])[0] == "new0"


def test_a_fold_holds_out_its_events_and_their_posts() -> None:
    queries = [_judged(n, f"event{n % 4}") for n in range(12)]
    chosen = training_queries(queries, frozenset(["event1"]))
    assert len(chosen) == 9 and all("event1" not in query.events for query in chosen)
    assert all(query.event_of[item] != "event1" for query in chosen for ranked in query.lists for item in ranked.items)


def test_events_that_are_asked_for_together_are_in_one_fold() -> None:
    queries = [frozenset("a"), frozenset("b"), frozenset("ab"), frozenset("c"), frozenset("d"), frozenset("d")]
    folds = event_folds(queries, 3)
    assert sorted(sorted(fold) for fold in folds) == [["a", "b"], ["c"], ["d"]]


def test_training_leaves_every_event_out_once_and_compares_on_it() -> None:
    queries = [_judged(n, f"event{n % 5}") for n in range(20)]
    ranking = train_ranking(queries, "m@1", ["set"])
    assert frozenset().union(*ranking.folds) == {f"event{n}" for n in range(5)}
    report = compare(queries, ranking)
    (figures,) = report["sets"].values()
    assert figures["queries"] == 20
    assert figures["map"]["tensor_learned"] > figures["map"]["rrf"]
    assert 0 <= report["relevance"][EXAMPLE]["ece"] <= 1


def test_weights_are_kept_in_a_file_with_those_learned_without_an_event(tmp_path: Path) -> None:
    file, names = tmp_path / "weights.json", ("text",)
    values = np.array([0.5, -1.0, 0.25, 0.0, 1.0, 0.5, 0.125])
    fusion, other = LearnedTensor(names, values, 10.0), LearnedTensor(names, -values, 10.0)
    RankingWeights("m@1", fusion, ((frozenset(["flood"]), other),), ("set",)).save(file)
    loaded = RankingWeights.load(file)
    assert loaded.text_model == "m@1" and loaded.learned_from == ("set",)
    assert (loaded.fusion.coefficients == values).all() and loaded.fusion.k == 10
    assert (loaded.without(frozenset(["flood", "x"])).coefficients == -values).all()
    assert (loaded.without(frozenset(["unseen"])).coefficients == values).all()
    file.write_text(file.read_text().replace("0.125", "NaN"))
    with pytest.raises(ModelUnavailable, match="stormpetrel train ranking"):
        RankingWeights.load(file)
    file.write_text('{"text": [1]}')
    with pytest.raises(ModelUnavailable, match="no fusion weights"):
        RankingWeights.load(file)


RELEVANCE = Relevance("m@1", np.array([-4.0, 6.0, 1.0, 1.0, 0.5, 0.5, -0.5, 0.5, 0.5]))


def test_relevance_rises_with_every_piece_of_evidence_and_needs_no_list() -> None:
    scores = {
        "text": np.array([0.2, 0.8, 0.8, 0.8]),
        "lexical": np.array([np.nan, np.nan, 9.0, 9.0]),
        "space": np.array([np.nan, np.nan, np.nan, -2.0]),
    }
    together = RELEVANCE.of(scores, 3)
    assert (np.diff(together) > 0).all() and 0 < together[0] < together[-1] < 1
    alone = [RELEVANCE.of({name: part[n : n + 1] for name, part in scores.items()}, 3)[0] for n in range(4)]
    assert alone == pytest.approx(together.tolist())


def test_relevance_is_unknown_without_a_text() -> None:
    assert np.isnan(RELEVANCE.of({"time": np.array([-60.0])}, 0)).all()
    assert RELEVANCE.of_lists([RankList("time", ("a",), (-60.0,))], 0) == {}
    assert RELEVANCE.of_lists([], 2) == {}
    assert RELEVANCE.for_model("n@1") is None and RELEVANCE.for_model("m+gloss1@1") is None
    assert RELEVANCE.for_model("m@2") is RELEVANCE, "another export of the same model"


def test_relevance_of_lists_is_that_of_their_scores() -> None:
    lists = [RankList("text", ("a", "b"), (0.9, 0.6)), RankList("lexical", ("c", "a"), (8.0, 2.0))]
    known = RELEVANCE.of_lists(lists, 2)
    scores = {"text": np.array([0.9, 0.6, 0.6]), "lexical": np.array([2.0, np.nan, 8.0])}
    assert list(known) == ["a", "b", "c"]
    assert list(known.values()) == pytest.approx(RELEVANCE.of(scores, 2).tolist())


def test_relevance_is_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "relevance.json"
    Relevance("m@1", RELEVANCE.weights, ((frozenset(["flood"]), np.zeros(len(FEATURES))),), ("set",)).save(file)
    loaded = Relevance.load(file)
    assert loaded.weights.tolist() == RELEVANCE.weights.tolist() and loaded.for_model("m@1") is loaded
    assert not loaded.without(frozenset(["flood"])).weights.any()
    file.write_text(file.read_text().replace('"cosine"', '"sine"'))
    with pytest.raises(ModelUnavailable, match="other features"):
        Relevance.load(file)


def test_calibration_is_that_worked_by_hand() -> None:
    probabilities = np.array([0.95, 0.95, 0.15, 0.15])
    truth = np.array([True, False, False, False])
    figures = calibration(probabilities, truth)
    assert figures["ece"] == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)
    assert figures["brier"] == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.15**2) / 4, abs=1e-4)
    assert figures["brier_base_rate"] == pytest.approx(0.25 * 0.75, abs=1e-4)

"""The guard against losses: the best list is leaned on as little as suffices, and in the end it stands alone."""

from __future__ import annotations

import numpy as np

from stormpetrel.evaluation.judged_queries import EXAMPLE, QUESTION, JudgedQuery
from stormpetrel.evaluation.loss_guard import LEANS, HeldOut, choose_lean, lost_queries
from stormpetrel.fusion import LearnedTensor, RankList
from stormpetrel.fusion.learned_tensor import LIST_FEATURES, PAIR_FEATURES

NAMES = ("text", "lexical")
EQUAL = LearnedTensor(NAMES, np.zeros(len(NAMES) * LIST_FEATURES + PAIR_FEATURES), 10.0)


def _ranked(name: str, ids: list[str]) -> RankList:
    return RankList(name, tuple(ids), tuple(1.0 - 0.01 * n for n in range(len(ids))))


def _query(right: str, kind: str = QUESTION) -> JudgedQuery:
    """The first three of the list named `right` answer, and the other list holds none of them."""
    lists = tuple(_ranked(name, [f"{name}{n}" for n in range(30)]) for name in NAMES)
    relevant = frozenset(f"{right}{n}" for n in range(3))
    return JudgedQuery("set", kind, lists, relevant, frozenset(["event"]), 3, {})


def _held_out(right: str, count: int, kind: str = QUESTION) -> list[HeldOut]:
    return [HeldOut(_query(right, kind), EQUAL)] * count


def test_where_nothing_is_lost_nothing_is_leaned_on() -> None:
    assert choose_lean(_held_out("lexical", 60)) == 0


def test_the_best_list_is_leaned_on_as_little_as_suffices() -> None:
    held_out = _held_out("text", 60)
    lean = choose_lean(held_out)
    assert 0 < lean < LEANS[-1]
    less = LEANS[LEANS.index(lean) - 1]
    assert lost_queries(held_out, lean)[QUESTION] == 0 and lost_queries(held_out, less)[QUESTION] == 60


def test_each_kind_of_query_is_guarded_by_itself() -> None:
    fine, losing = _held_out("lexical", 600), _held_out("text", 60, EXAMPLE)
    assert choose_lean([*fine, *losing]) == choose_lean(losing)


def test_of_few_queries_none_may_lose() -> None:
    assert choose_lean([*_held_out("lexical", 19), *_held_out("text", 1)]) == choose_lean(_held_out("text", 60))
    assert choose_lean([*_held_out("lexical", 199), *_held_out("text", 1)]) == 0


def test_a_name_that_nothing_was_learned_for_cannot_be_leaned_on() -> None:
    assert EQUAL.leaning("unknown", 3.0) is EQUAL

"""How the gate learns, and that no event is judged by what learned from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stormpetrel.bootstrap import LEXICON
from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.gate import evaluate_gate, judge_left_out
from stormpetrel.evaluation.gate_posts import GatePosts, read_gate_posts
from stormpetrel.evaluation.gate_training import BOTH_PASS, GateLearner, train_gate
from stormpetrel.posts.gate.word_facts import WordReader

EVENTS = [
    f"{letter}_{kind}"
    for letter, kind in zip("abcdefgh", ("flood", "storm", "earthquake", "wildfire") * 2, strict=True)
]


def posts(seed: int = 0) -> GatePosts:
    """Sixty posts an event, half of them related; the words tell a little, the vector more."""
    random = np.random.default_rng(seed)
    related = np.tile([True, False], 30 * len(EVENTS))
    facts = random.normal(size=(len(related), 3)) + 0.7 * related[:, None]
    vectors = random.normal(size=(len(related), 6)) + 1.2 * related[:, None]
    events = np.repeat(np.array(EVENTS, dtype=object), 60)
    return GatePosts(
        tuple("a text" for _ in related),
        facts.astype(np.float32),
        vectors.astype(np.float32),
        np.zeros(len(related), dtype=bool),
        related,
        events,
        np.array([event.split("_")[1] for event in events], dtype=object),
        np.array(["en"] * len(related), dtype=object),
        np.array(["t26"] * len(related), dtype=object),
    )


def learner(of: GatePosts) -> GateLearner:
    return GateLearner(of, lambda _: None)


def test_the_gate_keeps_its_promise_on_events_left_out() -> None:
    report = evaluate_gate(learner(posts()), lambda text: bool(text))
    assert report["events"] == 8 and report["passed_related"] > BOTH_PASS - 0.04
    assert (
        report["dropped_unrelated"] > 0.5 and report["words_alone"]["dropped_unrelated"] < report["dropped_unrelated"]
    )
    dropped = [point["dropped_unrelated"] for point in report["curve"]]
    assert dropped == sorted(dropped, reverse=True), "the more pass, the fewer are dropped"
    assert set(report["by_event"]) == set(EVENTS) and set(report["by_kind_left_out"]) >= {"flood", "earthquake"}


def test_what_an_event_says_does_not_change_how_it_is_judged() -> None:
    plain, turned = posts(), posts()
    fold = next(fold for fold in learner(plain).folds if "a_flood" in fold)
    inside = np.isin(turned.events.astype(str), list(fold))
    turned.related[inside] = ~turned.related[inside]
    first, second = (judge_left_out(learner(each)) for each in (plain, turned))
    np.testing.assert_allclose(first.words[inside], second.words[inside], atol=1e-3)
    np.testing.assert_allclose(first.meaning[inside], second.meaning[inside], atol=1e-3)


def test_unread_posts_pass_both_gates() -> None:
    some = posts()
    some.unread[:7] = True
    judged = judge_left_out(learner(some))
    assert judged.passes(shift=99.0)[:7].all() and not judged.passes(shift=99.0)[7:].any()


def test_the_learned_gate_has_a_weight_for_each_feature() -> None:
    model = train_gate(learner(posts()), "tiny", ("a", "b", "c"))
    assert model.words.weights.shape == (3,) and model.meaning.weights.shape == (9,)
    assert model.learned_from == tuple(EVENTS)


class Encoder:
    version = "tiny"

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 2), dtype=np.float32)


def write(folder: Path, event: str, labels: list[str]) -> None:
    posts_of_event = [{"event": event, "text": f"post {n}", "informativeness": label} for n, label in enumerate(labels)]
    (folder / f"{event}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in posts_of_event))


def test_labelled_posts_are_read_and_a_set_without_unrelated_ones_is_refused(tmp_path: Path, glosser) -> None:
    (tmp_path / "t26").mkdir()
    reader = WordReader(glosser.lexicon, LEXICON)
    related, unrelated = "Related and informative", "Not related"
    write(tmp_path / "t26", "2012_a_floods", [related, unrelated, "Not applicable"])
    with pytest.raises(SetupError, match="at least three events"):
        read_gate_posts([tmp_path], reader, Encoder(), lambda _: None)  # type: ignore[arg-type]
    for event in ("2013_b_floods", "2013_c_floods"):
        write(tmp_path / "t26", event, [unrelated, related])
    read = read_gate_posts([tmp_path], reader, Encoder(), lambda _: None)  # type: ignore[arg-type]
    assert read.judged_events == {"a_floods", "b_floods", "c_floods"}
    assert len(read.related) == 6 and read.related.sum() == 3
    assert set(read.kinds) == {"flood"} and set(read.sets) == {"t26"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetupError, match="no labelled posts"):
        read_gate_posts([tmp_path / "empty"], reader, Encoder(), lambda _: None)  # type: ignore[arg-type]

"""The measures against figures worked by hand, and an evaluation of a small labelled folder from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import orjson
import pytest
import ranx
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.measures import average_precision, ndcg_at, paired_p, precision_at
from stormpetrel.evaluation.retrieval import EVENT_WEIGHTS, FUSED, MODALITIES, evaluate
from stormpetrel.evaluation.test_collections import TestCollection, read_collections
from stormpetrel.fusion import METHODS, RankList
from stormpetrel.posts.places.geoparser.geoparser import Geoparser


def test_measures_are_those_worked_by_hand() -> None:
    hits = [True, False, True, False, False]
    assert precision_at(5, hits) == 0.4
    assert precision_at(10, hits) == 0.2
    assert average_precision(hits, relevant=4, depth=100) == pytest.approx((1 + 2 / 3) / 4)
    assert average_precision(hits, relevant=0, depth=100) == 0
    ideal = 1 + 1 / np.log2(3) + 1 / 2 + 1 / np.log2(5)
    assert ndcg_at(10, hits, relevant=4) == pytest.approx((1 + 1 / 2) / ideal)


def test_the_paired_test_sees_a_difference_and_sees_none() -> None:
    chance = np.random.default_rng(3)
    base = chance.uniform(0, 1, 60)
    assert paired_p(base + 0.05 + chance.normal(0, 0.05, 60), base) < 0.001
    assert paired_p(base + chance.normal(0, 0.05, 60), base) > 0.01
    assert paired_p(base, base) == 1.0


class WordVectors:
    """A stand-in for the text model: a vector of its words' hashes."""

    version = "words@test"

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, sum(word.encode()) % 64] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _folder(directory: Path) -> Path:
    words = {
        "rescue": "boats rescue trapped families",
        "damage": "bridge road collapsed damage",
        "donate": "donate food blankets money",
    }
    lines = [
        {
            "id": f"{event}-{label}-{n}",
            "event": event,
            "information_type": label,
            "created_at": f"2024-01-{n + 1:02}T00:00:00Z",
            "text": f"{text} {event} number{n} x{n}",
        }
        for event in ("genoa_flood", "dresden_flood")
        for label, text in words.items()
        for n in range(15)
    ]
    lines.append({**lines[0], "id": "a repeat"})
    lines.append({"id": "no label", "event": "genoa_flood", "created_at": "2024-01-01T00:00:00Z", "text": "hello all"})
    directory.mkdir()
    broken = '{"id": "cut off\n[1]\n{"event": "no text", "created_at": "2024-01-01"}\n'
    (directory / "posts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + broken)
    return directory


def test_an_evaluation_reports_right_figures_for_every_modality_and_every_fusion(
    tmp_path: Path, geoparser: Geoparser
) -> None:
    (tests,) = read_collections(_folder(tmp_path / "small_set"), 60)
    assert tests.name == "small_set"
    assert len(tests.posts) == 91, "the repeat is collapsed"
    assert len(tests.training_queries) == 30 and not set(tests.training_queries) & set(tests.queries)
    report = evaluate(tests, WordVectors(), geoparser, 100)
    assert json.loads(orjson.dumps(report)) == report
    fusions = (*METHODS, FUSED, "projected_graph", *EVENT_WEIGHTS)
    methods = report["methods"]
    assert methods.keys() == {*MODALITIES, *fusions, *(f"{name}_words" for name in fusions)}
    for scores in methods.values():
        assert scores.keys() == {"p10", "map", "ndcg10", "p95_ms"}
        assert all(0 <= scores[name] <= 1 for name in ("p10", "map", "ndcg10")) and scores["p95_ms"] > 0
    assert report["queries"] == 60
    assert methods["time"]["p10"] == pytest.approx(_precision_by_time(tests), abs=1e-4)
    assert methods["space"]["map"] == 0, "no text names a place"
    assert methods["lexical"]["p10"] > 0.8 > 0.2 > methods["time"]["p10"]
    assert methods[FUSED]["map"] > methods["rrf"]["map"] and report["p_vs_rrf"] < 0.01
    for suffix in ("", "_words"):
        published, held_out = (methods[name + suffix]["map"] for name in EVENT_WEIGHTS)
        assert published >= held_out - 1e-4, "the event's own labels cannot harm"
        assert published >= methods[f"weighted_scores{suffix}"]["map"] - 0.02
    assert report["fused"] == FUSED
    assert report["best_single"] == max(MODALITIES, key=lambda name: methods[name]["map"])
    assert 0 < report["p_vs_best_single"] <= 1
    assert report["lost_share"] * 60 == pytest.approx(round(report["lost_share"] * 60), abs=0.01), "a share of 60"


def _precision_by_time(tests: TestCollection) -> float:
    """P@10 of the posts nearest in time, ties by row, worked out without the evaluation's own code."""
    shares = []
    for query in tests.queries:
        post = tests.posts[query]
        others = [row for row in range(len(tests.posts)) if row != query]
        nearest = sorted(others, key=lambda row: (abs(tests.posts[row].at - post.at), row))[:10]
        shares.append(sum(tests.posts[row].label == post.label for row in nearest) / 10)
    return float(np.mean(shares))


def test_a_folder_of_sets_is_read_set_by_set(tmp_path: Path) -> None:
    _folder(tmp_path / "one")
    _folder(tmp_path / "two")
    assert [tests.name for tests in read_collections(tmp_path, 10)] == ["one", "two"]


def test_a_folder_without_labelled_posts_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="event"):
        read_collections(tmp_path, 10)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.permutations(range(12)), st.sets(st.integers(0, 19), min_size=1, max_size=12)),
        min_size=1,
        max_size=4,
    )
)
def test_measures_are_those_of_ranx(rankings: list[tuple[list[int], set[int]]]) -> None:
    qrels = ranx.Qrels({f"q{n}": {f"d{item}": 1 for item in relevant} for n, (_, relevant) in enumerate(rankings)})
    run = ranx.Run(
        {
            f"q{n}": {f"d{item}": float(-rank) for rank, item in enumerate(ranked)}
            for n, (ranked, _) in enumerate(rankings)
        }
    )
    expected = ranx.evaluate(qrels, run, ["precision@10", "map@100", "ndcg@10"], return_mean=False)
    for n, (ranked, relevant) in enumerate(rankings):
        hits = [item in relevant for item in ranked]
        assert precision_at(10, hits) == pytest.approx(expected["precision@10"][n])
        assert average_precision(hits, len(relevant), 100) == pytest.approx(expected["map@100"][n])
        assert ndcg_at(10, hits, len(relevant)) == pytest.approx(expected["ndcg@10"][n])


def test_reciprocal_rank_fusion_is_that_of_ranx() -> None:
    lists = [
        RankList(name, tuple(ids), tuple(float(-n) for n in range(len(ids))))
        for name, ids in (("a", "abcde"), ("b", "bafgc"), ("c", "hbiaj"), ("d", "kblma"))
    ]
    runs = [ranx.Run({"q": dict(zip(ranked.items, ranked.scores, strict=True))}) for ranked in lists]
    expected = ranx.fuse(runs, method="rrf", params={"k": 60}).to_dict()["q"]
    scores = {item.id: item.score for item in METHODS["rrf"](lists, None)}
    assert scores == pytest.approx(expected)

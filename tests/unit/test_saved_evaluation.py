"""Judged questions as saved searches: precision and recall worked out by hand, and no history that silences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stormpetrel.evaluation.modalities import Collection
from stormpetrel.evaluation.questions import read_questions
from stormpetrel.evaluation.saved import evaluate_saved
from stormpetrel.evaluation.test_collections import read_posts
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.search.percolator.search_block import RelevanceOf
from stormpetrel.search.place_names import PlaceNames
from tests.unit import test_questions
from tests.unit.test_questions import DEPTH, FLOOD, HandVectors

data, names, places = test_questions.data, test_questions.names, test_questions.places  # fixtures
ALL = {"id": "all", "text": "question of water", "lang": "en", "relevant": FLOOD}
NEAR = {"id": "near", "text": "question of cellars", "lang": "en", "near": "Genoa", "radius_km": 15, "relevant": FLOOD}


def cosine(scores: Mapping[str, NDArray[np.float64]], words: int) -> NDArray[np.float64]:
    return np.asarray(scores["text"])


def evaluated(
    data: Path, names: PlaceNames, places: Geoparser, relevance_of: RelevanceOf | None, threshold: float
) -> dict[str, float]:
    posts = read_posts(data)
    questions = read_questions(test_questions._file(data, ALL, NEAR), posts, names, DEPTH)
    collection = Collection(posts, HandVectors(), places)
    return evaluate_saved(questions, posts, collection, HandVectors(), lambda _: relevance_of, threshold)


def test_the_figures_are_those_of_the_matches(data: Path, names: PlaceNames, places: Geoparser) -> None:
    report = evaluated(data, names, places, cosine, 0.65)
    # all: bridge, concert and water match, cellar is missed. near: bridge matches, cellar is missed.
    assert (report["matches"], report["precision"], report["recall"]) == (4, 0.75, 0.6)
    assert report["f1"] == pytest.approx(2 * 3 / (4 + 5), abs=1e-4) and report["search_f1"] == report["f1"]
    assert report["questions"] == 2 and report["decided_by"] == "relevance" and report["p95_ms"] > 0


def test_without_a_relevance_the_cosine_decides(data: Path, names: PlaceNames, places: Geoparser) -> None:
    report = evaluated(data, names, places, None, 0.65)
    assert report["decided_by"] == "score" and (report["matches"], report["recall"]) == (7, 1.0)

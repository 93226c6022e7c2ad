"""Photos as modalities of the running system, and answers where a modality cannot be searched."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stormpetrel.demo.night import flood_night
from stormpetrel.demo.pictures import picture
from tests.integration.running import COLLECTION, RunningSystem

pytestmark = pytest.mark.integration
FLOOD = picture("flood", 123_456)


def _base64(pixels: Any = FLOOD) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_photo_finds_posts_with_photos_of_the_flood(night: RunningSystem) -> None:
    truth = {generated.post_id: generated for generated in flood_night(600, 7)}
    answer = night.search(picture=_base64(), limit=10, modalities=["visual", "concepts"])
    assert set(answer["lists"]) == {"visual", "concepts"}
    assert "colour-and-edge-histograms@1" in answer["lists"]["visual"]["model"]
    assert answer["lists"]["concepts"]["model"] == "colour-rules@1"
    assert sum(truth[hit["post_id"]].flood for hit in answer["hits"]) >= 9
    first = answer["hits"][0]
    assert set(first["ranks"]) == {"visual", "concepts"} >= set(first["decided_by"]) > set()
    assert any(concept["name"] == "muddy flood water" for concept in first["post"]["concepts"])


def test_colours_alone_take_no_part_unless_they_are_named(night: RunningSystem) -> None:
    answer = night.search(text="alluvione a Genova", picture=_base64())
    assert set(answer["lists"]) == {"text", "lexical"}
    assert "no visual model is configured" in answer["unavailable"]["visual"]
    reply = night.api("POST", "/v1/search", json={"picture": _base64()})
    assert reply.status_code == 422 and "name visual or concepts" in reply.json()["detail"][0]["remedy"]


ALL_FOUR = ["text", "lexical", "visual", "concepts"]


def test_a_post_without_a_photo_keeps_its_order(night: RunningSystem) -> None:
    """Absence is not irrelevance: on the plain tensor, posts without a photo keep the order that the text gave them."""
    alone = night.search(text="alluvione a Genova", limit=50, fusion="tensor_min")
    request = {"text": "alluvione a Genova", "picture": _base64(), "modalities": ALL_FOUR}
    both = night.search(**request, limit=100, fusion="tensor_min")
    without = [hit["post_id"] for hit in both["hits"] if not {"visual", "concepts"} & hit["ranks"].keys()]
    order = [hit["post_id"] for hit in alone["hits"] if hit["post_id"] in without]
    assert order and [post for post in without if post in order] == order


def test_a_photo_does_not_sink_the_best_posts_that_have_none(night: RunningSystem) -> None:
    """The default weighs each list by the others, so that a photo may change an order; it must not bury an answer."""
    alone = night.search(text="alluvione a Genova", limit=10)["hits"]
    both = night.search(text="alluvione a Genova", picture=_base64(), modalities=ALL_FOUR, limit=30)["hits"]
    best = {hit["post_id"] for hit in alone if not hit["post"].get("concepts")}
    still_first = best & {hit["post_id"] for hit in both}
    assert best and len(still_first) >= len(best) / 2


@pytest.mark.parametrize(
    ("broken", "why"),
    [("AAAA", "cannot be read"), ("no base64!", "not base64"), (_base64(picture("night", 1))[:200], "cannot be read")],
)
def test_an_unreadable_picture_leaves_the_other_modalities(night: RunningSystem, broken: str, why: str) -> None:
    answer = night.search(text="alluvione a Genova", picture=broken)
    assert set(answer["lists"]) == {"text", "lexical"} and answer["hits"]
    assert why in answer["unavailable"]["visual"] and why in answer["unavailable"]["concepts"]
    reply = night.api("POST", "/v1/search", json={"picture": broken})
    assert reply.status_code == 422 and reply.json()["detail"][0]["field"] == "picture"


def test_an_enormous_picture_is_refused_with_the_limit(night: RunningSystem) -> None:
    buffer = io.BytesIO()
    Image.new("L", (9000, 9000)).save(buffer, "PNG")
    reply = night.api("POST", "/v1/search", json={"picture": base64.b64encode(buffer.getvalue()).decode()})
    assert reply.status_code == 422 and "megapixels" in reply.json()["detail"][0]["remedy"]


def test_a_clients_own_vectors_are_searched_if_they_fit(night: RunningSystem) -> None:
    vectors = night.index.vectors(COLLECTION, list(night.index.ids(COLLECTION)), ["text"])
    post_id, vector = next((post_id, named["text"]) for post_id, named in vectors.items() if "text" in named)
    answer = night.search(vectors={"text": (3 * vector).tolist()})
    assert answer["hits"][0]["post_id"] == post_id
    answer = night.search(vectors={"text": [1.0, 2.0]}, time="2025-11-04T20:00:00Z")
    assert set(answer["lists"]) == {"time"} and "2 values" in answer["unavailable"]["text"]
    reply = night.api("POST", "/v1/search", json={"vectors": {"visual": [0.0] * 128}})
    assert reply.status_code == 422 and reply.json()["detail"][0]["field"] == "vectors.visual"


def test_an_unknown_post_leaves_the_place_and_the_time(night: RunningSystem) -> None:
    answer = night.search(post_id="x:unknown", time="2025-11-04T20:00:00Z")
    assert set(answer["lists"]) == {"time"} and "x:unknown" in answer["unavailable"]["text"]


def test_place_and_time_are_one_modality_where_both_are_evidence(night: RunningSystem) -> None:
    request = {"place": {"longitude": 8.93, "latitude": 44.41}, "time": "2025-11-04T20:00:00Z"}
    answer = night.search(**request, limit=50)
    assert set(answer["lists"]) == {"spatiotemporal"}
    ranks = [hit["ranks"]["spatiotemporal"] for hit in answer["hits"]]
    assert [rank["rank"] for rank in ranks] == sorted(rank["rank"] for rank in ranks) and ranks[0]["score"] > -0.5
    assert set(night.search(**request, modalities=["space", "time"])["lists"]) == {"space", "time"}


def test_a_score_threshold_removes_weak_hits(night: RunningSystem) -> None:
    answer = night.search(text="alluvione a Genova", score_threshold={"text": 0.5}, modalities=["text"], limit=100)
    assert answer["hits"] and all(hit["ranks"]["text"]["score"] >= 0.5 for hit in answer["hits"])


def test_the_learned_tensor_answers_with_falling_scores_and_relevance(night: RunningSystem) -> None:
    answer = night.search(text="strade allagate a Genova", limit=10)
    assert answer["fusion"] == "tensor_learned" and len(answer["hits"]) == 10
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(hit["decided_by"] and 0 <= hit["relevance"] <= 1 for hit in answer["hits"])
    least = answer["hits"][4]["relevance"]
    narrowed = night.search(text="strade allagate a Genova", limit=100, min_relevance=least)
    assert narrowed["hits"] and all(hit["relevance"] >= least - 1e-4 for hit in narrowed["hits"])


def test_without_the_text_model_words_place_and_time_are_searched(
    night: RunningSystem, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    no_model = tmp_path_factory.mktemp("cache")
    for name in ("gazetteer", "lexicon"):
        (no_model / name).symlink_to((cache / name).resolve())
    night.stop("serve")
    night.start("serve", "serve", STORMPETREL_CACHE=str(no_model), STORMPETREL_VISUAL_MODEL__NAME="descriptor")
    try:
        answer = night.search(text="alluvione a Genova", time="2025-11-04T20:00:00Z")
        assert set(answer["lists"]) == {"lexical", "time"} and answer["hits"]
        assert "model export" in answer["unavailable"]["text"]
    finally:
        night.stop("serve")

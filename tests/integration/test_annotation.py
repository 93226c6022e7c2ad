"""People annotate posts and patches: the log keeps it, models learn at once, kills and replays change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.events import Annotation
from stormpetrel.core.ids import PatchId
from stormpetrel.core.topics import ANNOTATIONS
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.trainer import Trainer
from stormpetrel.log import OutgoingRecord, read_dead_letters
from tests.integration.annotating import COLLECTION, FLOOD, OTHER, annotate, lessons, listed, models, newest_model
from tests.integration.labelled_scene import assert_maps, water_truth
from tests.integration.running import RunningSystem, wait_until, write_posts
from tests.integration.scenes import Products, announce, make

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, cache: Path, model_directory: Path) -> Iterator[RunningSystem]:
    """A stack of its own: posts that are written here must not be found by other tests."""
    with RunningSystem(tmp_path_factory.mktemp("annotated-stack"), cache) as running:
        yield running


@pytest.fixture(scope="module")
def posts(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> RunningSystem:
    system.start_pipeline()
    told = [
        {"id": f"lesson-{kind}-{n}", "text": f"{text} {n} {extra}", "created_at": f"2026-03-01T10:{n:02d}:00Z"}
        for kind, texts in (("flood", FLOOD), ("other", OTHER))
        for n, (text, extra) in enumerate((t, e) for t in texts for e in ("today", "right now, really"))
    ]
    system.replay(write_posts(tmp_path_factory.mktemp("lessons") / "posts.jsonl", told))
    system.wait_until_worked_through()
    return system


@pytest.fixture(scope="module")
def taught(posts: RunningSystem) -> RunningSystem:
    kept = annotate(posts, lessons(), "flood")
    assert len(kept["kept"]) == 12 and not kept["refused"]
    wait_until(lambda: models(posts, "flood").get("annotations") == 12, 20, "the model of 12 labels")
    return posts


def test_an_incoming_post_is_judged_by_what_was_annotated_a_moment_ago(taught: RunningSystem, tmp_path: Path) -> None:
    annotate(taught, [("file:lesson-flood-7", "positive")], "flood")
    wait_until(lambda: models(taught, "flood")["annotations"] == 13, 10, "one label more")
    version = models(taught, "flood")["model_version"]
    new = [
        {"id": f"news-{n}", "text": text, "created_at": "2026-03-01T11:00:00Z"}
        for n, text in (
            (1, "the whole village is under water, roofs full of people"),
            (2, "the band played a great concert, I love it"),
        )
    ]
    taught.replay(write_posts(tmp_path / "news.jsonl", new))
    taught.wait_until_worked_through()
    said = {
        post: next(
            one for one in taught.api("GET", f"/v1/posts/{post}").json()["relevance"] if one["collection"] == COLLECTION
        )
        for post in ("file:news-1", "file:news-2")
    }
    assert said["file:news-1"]["probability"] > 0.5 > said["file:news-2"]["probability"]
    assert said["file:news-1"]["model_version"] == version
    hits = taught.search(text="people under water", filters={"labels": [f"{COLLECTION}:flood"]})["hits"]
    assert "file:news-1" in {hit["post_id"] for hit in hits}
    assert "file:news-2" not in {hit["post_id"] for hit in hits}


def test_a_kill_and_a_replay_make_the_same_model_bit_for_bit(taught: RunningSystem) -> None:
    taught.kill("worker")
    annotate(taught, [("file:lesson-other-7", "negative")], "flood")
    taught.start("worker", "worker")
    ids = [held["annotation_id"] for held in listed(taught)]
    wait_until(lambda: models(taught, "flood")["annotations"] == len(ids), 30, "it learned what came while it was dead")
    published = newest_model(taught)
    # Once more from the beginning, in this process: the same version, weights and predictions.
    trainer = Trainer()
    for record in taught.reader.read(ANNOTATIONS):
        schema = record.header("schema")
        if schema == Annotation.name():
            trainer.take(record.decode(Annotation), record.position)
    again = trainer.model((COLLECTION, "flood"), published.updated_at)
    assert again.model_version == published.model_version
    assert again.weights == published.weights and again.state == published.state
    behind = taught.api("GET", f"/v1/models/{COLLECTION}:flood").json()
    assert behind["annotation_ids"] == ids and behind["is_up_to_date"]
    vector = np.linspace(-1, 1, 384).astype(np.float32)
    one, other = (LinearModel.from_fields(model.weights).probability(vector) for model in (again, published))
    assert one.hex() == other.hex()


def test_two_people_disagree_and_both_are_kept_and_an_undo_is_an_event(taught: RunningSystem) -> None:
    collection = "posts/disagreement"
    annotate(taught, lessons(4), "related", collection)
    other = annotate(
        taught,
        [(item, sign) for item, sign in lessons(3)] + [("file:lesson-flood-3", "negative")],
        "related",
        collection,
        annotator="ben",
    )
    assert other["kept"][-1]["disagrees_with"] == ["ada"]
    found = taught.api("GET", "/v1/annotations/agreement", params={"collection": collection, "label": "related"}).json()
    (pair,) = found["pairs"]
    assert pair["items"] == 7 and pair["agree"] == 6 and 0 < pair["kappa"] < 1
    assert found["disputed"] == [{"item_id": "file:lesson-flood-3", "votes": {"ada": "positive", "ben": "negative"}}]
    last = other["kept"][-1]["annotation_id"]
    refused = taught.api("DELETE", f"/v1/annotations/{last}", params={"annotator": "ada"})
    assert refused.status_code == 422 and "ben" in refused.text
    assert taught.api("DELETE", f"/v1/annotations/{last}", params={"annotator": "ben"}).json()["outcome"] == "undone"
    found = taught.api("GET", "/v1/annotations/agreement", params={"collection": collection, "label": "related"}).json()
    assert not found["disputed"]
    wait_until(
        lambda: models(taught, "related", collection).get("annotations") == 8, 20, "all eight items have a consensus"
    )


def test_a_new_event_begins_with_what_other_events_teach(posts: RunningSystem) -> None:
    asked = {"collection": "posts/begun-now", "label": "related", "batch_size": 10}
    first = posts.api("POST", "/v1/feedback", json=asked).json()
    assert first["model"]["provisional"] and first["model"]["separates"] and not first["model"]["annotations"]
    assert sum("flood" in one["item_id"] for one in first["top"]) >= 7
    # What people say then counts on top of it, in rounds and on the stream.
    annotate(posts, lessons(2), "related", "posts/begun-now")
    wait_until(lambda: models(posts, "related", "posts/begun-now").get("annotations") == 4, 20, "the model of 4 labels")
    told = posts.api("GET", "/v1/models/posts/begun-now:related").json()
    assert told["serving"] == "logistic" and told["is_up_to_date"]
    second = posts.api("POST", "/v1/feedback", json=asked).json()
    assert not second["model"]["provisional"] and len(second["model"]["annotations"]) == 4
    assert second["model"]["version"] == told["model_version"], "a label has one model"


def test_bad_annotations_are_told_one_by_one_and_the_good_ones_kept(taught: RunningSystem) -> None:
    body = {
        "collection": "posts/bad",
        "annotator": "ada",
        "annotations": [
            {"item_id": "file:lesson-flood-1", "label": "flood", "sign": "positive"},
            {"item_id": "file:never-was", "label": "flood", "sign": "positive"},
            {"item_id": "file:lesson-flood-2", "label": "no-such-label", "sign": "positive"},
            {"item_id": "file:lesson-flood-3", "label": "forest", "sign": "positive"},
            {"item_id": "file:lesson-flood-4", "label": "flood", "sign": "positive"},
            {"item_id": "file:lesson-flood-4", "label": "flood", "sign": "negative"},
        ],
    }
    reply = taught.api("POST", "/v1/annotations", json=body)
    assert reply.status_code == 201
    assert [one["item_id"] for one in reply.json()["kept"]] == ["file:lesson-flood-1"]
    problems = [one["problem"] for one in reply.json()["refused"]]
    assert "deleted, or never was" in problems[0] and "not in the catalogue" in problems[1]
    assert "a label of patches" in problems[2] and "two signs" in problems[3] and "two signs" in problems[4]
    only_bad = {**body, "annotations": body["annotations"][1:2]}
    assert taught.api("POST", "/v1/annotations", json=only_bad).status_code == 422
    # All labels of one sign: a ranking, and the answer says that nothing separates yet.
    found = taught.api(
        "POST", "/v1/feedback", json={"collection": "posts/bad", "label": "flood", "batch_size": 5}
    ).json()
    assert not found["model"]["separates"] and found["top"] and not found["boundary"]
    nothing = taught.api("POST", "/v1/feedback", json={"collection": "posts/empty", "label": "flood"})
    assert nothing.status_code == 422 and "Annotate one item first" in nothing.text
    producer = taught.producer()
    producer.send(OutgoingRecord(ANNOTATIONS.name, b"posts/bad", b"{}", {"schema": b"Annotation"}))
    producer.flush()
    wait_until(lambda: any(read_dead_letters(taught.reader, ANNOTATIONS)), 20, "a broken event is a dead letter")


def test_a_round_of_posts_begins_with_a_text_and_finds_what_people_want(taught: RunningSystem) -> None:
    begin = {"collection": "posts/cold", "label": "flood", "text": "flood water in the streets", "batch_size": 5}
    found = taught.api("POST", "/v1/feedback", json=begin).json()
    assert found["model"]["provisional"] and found["round"] == 1 and len(found["top"]) == 5
    annotate(taught, lessons(3), "flood", "posts/cold", round=1)
    second = taught.api("POST", "/v1/feedback", json={**begin, "text": None}).json()
    assert second["model"]["labels"] == {"positive": 3, "negative": 3, "disputed": 0, "skipped": 0}
    assert len(second["model"]["annotations"]) == 6 and second["round"] == 2
    shown = {one["item_id"] for part in ("top", "boundary", "coverage") for one in second[part]}
    assert not shown & {item for item, _ in lessons(3)}, "what was labelled is not asked again"
    held = taught.api(
        "POST", "/v1/validation", json={"collection": "posts/cold", "labels": ["flood"], "folds": 3}
    ).json()
    assert held["labels"]["flood"]["items"] == 6 and held["labels"]["flood"]["accuracy"] >= 0.5


def test_what_is_exported_comes_in_again_without_loss(taught: RunningSystem) -> None:
    before = taught.api("GET", "/v1/annotations", params={"collection": "posts/disagreement", "limit": 1000}).json()
    for form in ("csv", "coco", "stac"):
        out = taught.api("GET", f"/v1/exchange/{form}", params={"collection": "posts/disagreement"})
        assert out.status_code == 200, out.text
        back = taught.api("POST", f"/v1/exchange/{form}", content=out.content, headers={"content-type": "text/plain"})
        assert back.status_code == 201 and back.json() == {"imported": 0, "known": 15, "undone": 1, "forgotten": 0}
        renamed = out.content.replace(b"posts/disagreement", f"posts/from-{form}".encode()).replace(
            b"ann-", f"{form}-".encode()
        )
        taken = taught.api("POST", f"/v1/exchange/{form}", content=renamed, headers={"content-type": "text/plain"})
        assert taken.json() == {"imported": 15, "known": 0, "undone": 1, "forgotten": 0}
        after = taught.api("GET", "/v1/annotations", params={"collection": f"posts/from-{form}", "limit": 1000}).json()
        strip = [{**one, "annotation_id": "", "collection": ""} for one in after["annotations"]]
        assert strip == [{**one, "annotation_id": "", "collection": ""} for one in before["annotations"]]
    broken = taught.api("POST", "/v1/exchange/coco", content=b"[]", headers={"content-type": "text/plain"})
    assert broken.status_code == 422 and "no coco" in broken.text


@pytest.fixture(scope="module")
def scene(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> tuple[Products, str]:
    """A pair over 1,440 px, described."""
    products = make(tmp_path_factory.mktemp("annotated"), 1440)
    system.start_pipeline()
    if "scenes" not in system.ours:
        system.start("scenes", "consume", "scenes")
    assert announce(system, products.radar, products.optical)["published"] == 2
    system.wait_until_seen()
    return products, f"{products.optical.stem}|{products.radar.stem}"


def test_an_analyst_labels_a_scene_descends_the_grids_and_gets_a_map(
    system: RunningSystem, scene: tuple[Products, str]
) -> None:
    products, pair = scene
    truth = {f"{pair}{end}": wet for end, wet in water_truth(products).items()}
    scope = {"collection": "patches/flood", "within": {"scene_id": pair}}
    wet, dry = (next(own for own, is_ in truth.items() if is_ is kind) for kind in (True, False))
    annotate(system, [(wet, "positive"), (dry, "negative")], "water-bodies", "patches/flood", round=1)
    for number in (2, 3):
        found = system.api("POST", "/v1/feedback", json={**scope, "label": "water-bodies", "batch_size": 10}).json()
        assert found["round"] == number and found["scored"] == 144
        asked = [one["item_id"] for one in found["boundary"]]
        signs = [(own, "positive" if truth[own] else "negative") for own in asked]
        annotate(system, signs, "water-bodies", "patches/flood", round=number)
    told = {own: ["water-bodies"] if is_ else [] for own, is_ in truth.items()}
    asked_of = {**scope, "labels": ["water-bodies"], "truth": told}
    answer = system.api("POST", "/v1/validation", json=asked_of).json()["labels"]["water-bodies"]
    assert answer["accuracy"] > 0.9 and [point["round"] for point in answer["curve"]] == [1, 2, 3]
    coarse = system.api("POST", "/v1/feedback/descend", json={**scope, "label": "water-bodies"}).json()
    assert coarse["patches"] == {"480": 9, "240": 36, "120": 144} and coarse["scored"]["120"] <= 144
    assert [truth[one["item_id"]] for one in coarse["top"][:5]] == [True] * 5
    stored = system.api("POST", "/v1/feedback/store", json={**scope, "label": "water-bodies"})
    assert stored.status_code == 202 and stored.json()["items"] == 144
    kept = {"collection": "patches/flood", "label": "water-bodies", "limit": 1000}
    wait_until(
        lambda: len(system.api("GET", "/v1/predictions", params=kept).json()["predictions"]) == 144, 20, "all are kept"
    )
    first = system.api("GET", "/v1/predictions", params=kept).json()["predictions"][0]
    assert first["positive"] and first["model_version"] == stored.json()["model"]["version"]
    assert_maps(system, pair)
    dry_and_like = {"none": [{"label": "water-bodies"}], "all": [{"scene_id": pair}, {"sensor": "sentinel-1"}]}
    known = system.api(
        "POST", "/v1/structured-query", json={"collection": "patches/flood", "within": dry_and_like, "like": dry}
    ).json()
    assert known["items"][0]["item_id"] == dry and known["ranked_by"] == "similarity"
    assert 0 < known["found"] < 144
    assert_limited_to_accepted_cells(system, scope, truth)


def assert_limited_to_accepted_cells(system: RunningSystem, scope: dict[str, Any], truth: dict[str, bool]) -> None:
    coarse: dict[str, bool] = {}
    for own, is_wet in truth.items():
        patch = PatchId.parse(own)
        assert patch is not None
        coarse[str(patch.parent(480))] = coarse.get(str(patch.parent(480)), False) or is_wet
    signs = [(own, "positive" if is_wet else "negative") for own, is_wet in coarse.items()]
    annotate(system, signs, "water-bodies", "patches/flood", round=4)
    asked = {**scope, "label": "water-bodies", "within": {**scope["within"], "inside": "water-bodies@480"}}
    limited = system.api("POST", "/v1/feedback", json=asked).json()
    assert limited["scored"] == round(144 * (1 - limited["saved"])) > 0
    reply = system.api("POST", "/v1/feedback", json={**asked, "within": {"inside": "water-bodies@120"}})
    assert reply.status_code == 422 and "coarser" in reply.json()["detail"][0]["remedy"]


def test_users_define_labels_below_those_there_are(system: RunningSystem, scene: tuple[Products, str]) -> None:
    own = {"label": "water-bodies/flooded-fields", "title": "Flooded fields", "annotator": "ada"}
    assert system.api("POST", "/v1/labels", json=own).status_code == 201
    found = system.api("GET", "/v1/labels", params={"below": "water-bodies"}).json()
    assert own["label"] in {one["label"] for one in found["labels"]}
    lost = system.api("POST", "/v1/labels", json={**own, "label": "nowhere/at-all"})
    assert lost.status_code == 422 and json.loads(lost.text)["detail"][0]["field"] == "label"

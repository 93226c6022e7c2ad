"""Labels reach back: what is indexed is judged by the newest models, whenever it was indexed."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from consumers.labels import JudgingThread, PatchAnnotations
from stormpetrel.core.clock import now_ms
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.ids import Collection
from stormpetrel.core.topics import ANNOTATIONS
from stormpetrel.learning.inference import judgement
from stormpetrel.log import record_of_event
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from tests.unit.judged_index import FLOOD, WATER, World, annotations_of, model, patch, patch_model, post, unit_rows
from tests.unit.judged_index import untaught as without_examples

ROWS = unit_rows(1, 40)
POSTS = [post(number, vector) for number, vector in enumerate(ROWS)]
WET = {f"x:{number}" for number, vector in enumerate(ROWS) if vector[0] > 0.2}


def test_posts_that_were_indexed_before_the_model_get_its_label() -> None:
    world = World(POSTS)
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    assert world.judging.catch_up() == len(WET)
    assert world.bearing(FLOOD) == WET
    assert world.documents.get("judged", [FLOOD])[FLOOD]["version"] == "v1"
    assert world.documents.get("judged", [FLOOD])[FLOOD]["posts"] == 40


def test_a_label_leaves_the_posts_that_a_newer_model_does_not_give_it_and_no_other_label_is_touched() -> None:
    world = World([post(number, vector, labels=["posts:other"]) for number, vector in enumerate(ROWS)])
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    world.judging.catch_up()
    world.scorer.take(model([3, 0, 0, 0], -1.8, "v2"))
    world.judging.catch_up()
    assert world.bearing(FLOOD) == {f"x:{number}" for number, vector in enumerate(ROWS) if vector[0] > 0.6}
    assert len(world.bearing("posts:other")) == 40


def test_only_what_changes_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "PAGE", 4)
    world = World(POSTS)
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    world.judging.catch_up()
    assert world.index.payload_writes == len(WET)
    world.judging.forget()
    assert world.judging.catch_up() == 0 and world.index.payload_writes == len(WET)


def test_a_post_that_an_older_model_judged_and_that_was_indexed_after_the_pass_gets_the_new_label() -> None:
    world = World(POSTS)
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    world.judging.catch_up()
    # Two posts were on their way with what an older model said of them: one of them is the flood.
    dry, wet = np.eye(4, dtype=np.float32)[[1, 0]]
    late = [post(100, dry, now_ms(), [FLOOD]), post(101, wet, now_ms()), post(102, dry, now_ms())]
    world.index.upsert("posts", late)
    assert world.judging.catch_up() == 2
    assert world.bearing(FLOOD) == WET | {"x:101"}


def test_a_post_that_is_written_while_a_pass_goes_by_is_judged_by_the_next_one() -> None:
    dry, wet = np.eye(4, dtype=np.float32)[[1, 0]]
    world = World([post(0, dry, labels=[FLOOD])])
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    searched = world.index.query

    def query(*request: Any) -> Any:
        """Between a search and what it has the pass write, the post comes anew, and now it is about the flood."""
        hits = searched(*request)
        if hits[0]:
            world.index.upsert("posts", [post(0, wet, now_ms(), [FLOOD])])
        return hits

    world.index.query = query  # type: ignore[method-assign]
    world.judging._judge_everything()
    world.index.query = searched  # type: ignore[method-assign]
    assert not world.bearing(FLOOD), "the pass has judged a text that is no more"
    world.judging.catch_up()
    assert world.bearing(FLOOD) == {"x:0"}


def test_of_many_models_of_a_label_only_the_newest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "PAGE", 2)
    world = World(POSTS)
    for number in range(30):
        world.scorer.take(model([1, 0, 0, 0], -number / 100, f"v{number}"))
    newer, searched = model([0, 1, 0, 0], -0.3, "newer"), world.index.query

    def query(*request: Any) -> Any:
        """A model comes while the first page is judged."""
        world.scorer.take(newer)
        return searched(*request)

    world.index.query = query  # type: ignore[method-assign]
    world.judging._judge_everything()
    assert world.index.payload_writes <= 2, "what is left of a pass belongs to the newer model"
    assert "judged" not in world.documents.collections or not world.documents.get("judged", [FLOOD])
    world.judging.catch_up()
    assert world.bearing(FLOOD) == {f"x:{number}" for number, vector in enumerate(ROWS) if vector[1] > 0.3}
    assert world.documents.get("judged", [FLOOD])[FLOOD]["version"] == "newer"


def test_what_no_model_gives_any_more_leaves_every_post() -> None:
    world = World(POSTS)
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    world.judging.catch_up()
    world.scorer.take(without_examples("v2"))
    assert world.judging.catch_up() == len(WET)
    assert not world.bearing(FLOOD)


def test_a_model_of_another_text_model_judges_nothing() -> None:
    world = World(POSTS)
    world.scorer.take(model([1, 0, 0, 0, 0], -0.2))
    assert world.judging.catch_up() == 0


def test_older_posts_than_the_window_keep_their_labels() -> None:
    old, new = post(1, ROWS[0], event_time=0), post(2, ROWS[0], event_time=now_ms())
    world = World([old, new], window=timedelta(days=1))
    world.scorer.take(model([0, 0, 0, 1e-3], 1.0))
    world.judging.catch_up()
    assert world.bearing(FLOOD) == {"x:2"}
    assert world.documents.get("judged", [FLOOD])[FLOOD]["posts"] == 1


EXAMPLES = [[1, 0, 0, 0], [0.9, 0.1, 0, 0], [0, 1, 0, 0], [0, 0.9, 0.1, 0]]


def test_patches_are_judged_as_their_annotators_would_and_those_described_later_too() -> None:
    patches = [patch(number, vector) for number, vector in enumerate(np.eye(4, dtype=np.float32)[[0, 1, 0, 2]])]
    world = World(patches=patches, annotations=annotations_of(EXAMPLES, [1, 1, -1, -1]))
    world.scorer.take(patch_model("v1"))
    world.judging.catch_up()
    assert world.bearing(WATER, "patches") == {"scene/120/0", "scene/120/2"}
    world.index.upsert("patches", [patch(9, np.eye(4, dtype=np.float32)[0], indexed_at=now_ms())])
    assert world.judging.catch_up() == 1
    assert "scene/120/9" in world.bearing(WATER, "patches")
    assert world.documents.get("judged", [WATER])[WATER]["patches"] == 4


def test_patches_of_a_scale_level_that_nobody_labelled_are_judged_by_the_labels_there_are() -> None:
    coarse = patch(1, np.eye(4, dtype=np.float32)[0], "480")
    world = World(patches=[coarse], annotations=annotations_of(EXAMPLES, [1, 1, -1, -1]))
    world.scorer.take(patch_model("v1"))
    world.judging.catch_up()
    assert world.bearing(WATER, "patches") == {"scene/480/1"}


def test_labels_of_one_sign_are_no_boundary_for_patches() -> None:
    world = World(patches=[patch(1, ROWS[0])], annotations=annotations_of(EXAMPLES[:2], [1, 1]))
    world.scorer.take(patch_model("v1"))
    assert world.judging.catch_up() == 0


def test_one_process_of_the_group_judges_and_a_store_that_is_down_is_waited_for() -> None:
    world, turns = World(POSTS), [False, True, True]
    thread = JudgingThread(world.judging, lambda: turns.pop(0), threading.Event())
    world.scorer.take(model([1, 0, 0, 0], -0.2))
    thread.take_turn()
    assert not world.bearing(FLOOD), "another process has the first partition"
    world.index.available = False
    with pytest.raises(StoreUnavailable):
        world.judging.catch_up()
    thread.take_turn()
    world.index.available = True
    thread.take_turn()
    assert world.bearing(FLOOD) == WET


def test_the_annotations_of_patches_are_read_when_they_are_needed() -> None:
    log = MemoryLog()
    annotations = PatchAnnotations(MemoryTopicReader(log))
    store = annotations_of(EXAMPLES, [1, 1, -1, -1])(Collection("patches"))
    for annotation in store.standing:
        log.append(record_of_event(ANNOTATIONS, annotation.annotation_id, annotation))
        elsewhere = annotation.model_copy(update={"collection": "posts"})
        log.append(record_of_event(ANNOTATIONS, elsewhere.annotation_id, elsewhere))
    assert len(annotations.store(Collection("patches")).consensus("water-bodies")) == 4
    assert not annotations.store(Collection("posts")).labels, "the posts' are of no use here"

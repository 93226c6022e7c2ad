"""Labels reach back: what was indexed before a model is found by its label, and what is described later is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stormpetrel.bootstrap import PATCH_DESCRIPTORS
from stormpetrel.core.events import PatchDescribed, Vector
from stormpetrel.core.topics import PATCHES_DESCRIBED
from tests.integration.annotating import FLOOD, OTHER, annotate, models
from tests.integration.running import RunningSystem, wait_until, write_posts
from tests.memory_api import patch

pytestmark = pytest.mark.integration
WORK, WATER = "posts/reaching", "patches/reaching"
ENDINGS = ("today", "right now", "since the morning", "again", "as we speak", "for hours")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, cache: Path, model_directory: Path) -> Iterator[RunningSystem]:
    """Thirty posts about a flood and thirty about other things, indexed before anybody has annotated."""
    with RunningSystem(tmp_path_factory.mktemp("reaching-stack"), cache) as running:
        running.start_pipeline()
        posts = [
            {"id": f"{kind}-{n}-{m}", "text": f"{text} {ending} {n * 7 + m}", "created_at": "2026-03-01T10:00:00Z"}
            for kind, texts in (("flood", FLOOD), ("other", OTHER))
            for n, text in enumerate(texts)
            for m, ending in enumerate(ENDINGS)
        ]
        running.replay(write_posts(tmp_path_factory.mktemp("before") / "posts.jsonl", posts))
        running.wait_until_worked_through()
        yield running


def bearing(system: RunningSystem, label: str) -> set[str]:
    reply = system.api("GET", "/v1/posts", params={"label": label, "limit": 100})
    return {post["post_id"] for post in reply.json().get("posts", ())}


def is_judged(system: RunningSystem, label: str, collection: str) -> bool:
    judged = models(system, label, collection).get("judged", {})
    return bool(judged) and not judged["running"] and judged["version"] is not None


def test_posts_indexed_before_the_labels_are_found_by_the_label(system: RunningSystem) -> None:
    label = f"{WORK}:flood"
    unknown = system.api("GET", "/v1/posts", params={"label": label})
    assert unknown.status_code == 404 and "there is no model" in unknown.text
    lessons = [
        (f"file:{kind}-{n}-{m}", "positive" if kind == "flood" else "negative")
        for kind in ("flood", "other")
        for n in range(5)
        for m in range(3)
    ]
    assert len(annotate(system, lessons, "flood", WORK)["kept"]) == 30
    expected = {f"file:flood-{n}-{m}" for n in range(5) for m in range(6)}
    wait_until(lambda: len(bearing(system, label) & expected) >= 27, 60, lambda: bearing(system, label))
    assert len(bearing(system, label) - expected) <= 3
    wait_until(lambda: is_judged(system, "flood", WORK), 60, lambda: models(system, "flood", WORK))
    assert models(system, "flood", WORK)["judged"]["posts"] == 60
    unlabelled = {post for post in expected if int(post[-1]) >= 3}
    hits = system.search(text="water in the streets", filters={"labels": [label]}, limit=50)["hits"]
    assert {hit["post_id"] for hit in hits} & unlabelled
    told = system.api("POST", "/v1/search", json={"text": "water", "filters": {"labels": ["posts/none:flood"]}})
    assert told.status_code == 404 and label in told.text


def described(numbers: Sequence[int], *, is_wet: bool) -> list[PatchDescribed]:
    """Patches whose fused vectors lie around one of two directions."""
    spec, patches = PATCH_DESCRIPTORS["fused"], []
    for number in numbers:
        values: Any = np.random.default_rng(number).normal(0, 0.02, spec.dimensions).astype(np.float32)
        values[0 if is_wet else 1] += 1
        vector = Vector.of(values / np.linalg.norm(values), spec.model)
        patches.append(patch(number).model_copy(update={"fused_vector": vector}))
    return patches


def describe(system: RunningSystem, patches: Sequence[PatchDescribed]) -> None:
    producer = system.producer()
    for event in patches:
        producer.publish(PATCHES_DESCRIBED, event.scene_id, event)
    producer.flush()
    wait_until(lambda: len(system.documents.get("patches", [p.patch_id for p in patches])) == len(patches), 60, "there")


def wet_patches(system: RunningSystem) -> set[str]:
    request = {"sources": ["patches"], "filters": {"labels": [f"{WATER}:water-bodies"]}, "limit": 50}
    reply = system.api("POST", "/v1/search", json=request)
    return {hit["patch_id"] for hit in reply.json().get("hits", ())}


def test_patches_are_judged_and_those_described_afterwards_too(system: RunningSystem) -> None:
    wet, dry = described(range(8), is_wet=True), described(range(8, 16), is_wet=False)
    describe(system, [*wet, *dry])
    lessons = [(event.patch_id, "positive") for event in wet[:4]] + [(event.patch_id, "negative") for event in dry[:4]]
    annotate(system, lessons, "water-bodies", WATER)
    wait_until(lambda: wet_patches(system) == {p.patch_id for p in wet}, 90, lambda: wet_patches(system))
    (later,), (dry_later,) = described([30], is_wet=True), described([31], is_wet=False)
    describe(system, [later, dry_later])
    wait_until(lambda: later.patch_id in wet_patches(system), 60, "the patch that was described later bears the label")
    assert dry_later.patch_id not in wet_patches(system)

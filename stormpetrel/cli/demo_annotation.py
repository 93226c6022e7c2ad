"""The demo's third part: an analyst, simulated from the generated truth, labels posts and patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from stormpetrel.cli.console import say
from stormpetrel.cli.demo_scenes import GROUND
from stormpetrel.core.ids import PatchId
from stormpetrel.demo.scenes import MUD, WATER
from stormpetrel.evaluation.labelled_scene import LabelledClass, patch_labels

ROUNDS, LABELS_A_ROUND = 3, 10
SCALE_LEVEL, COARSE_LEVEL = 120, 480  # px
ANALYST = "demo"


def annotate_demo(client: httpx.Client, posts: Mapping[str, bool], scene_id: str) -> None:
    """Three rounds of ten labels on posts (`posts` says of each whether it is about the flood) and on the scene's
    patches. Prints how many of all the others each model then classifies correctly."""
    start = {"text": "streets under water, people trapped"}
    curve = _run_rounds(client, {"collection": "posts/demo"}, "flood", posts, start)
    _report("posts about the flood", curve, len(posts))
    patches = _water_patches(client, scene_id)
    scope = {"collection": "patches/demo", "within": {"scene_id": scene_id}}
    start = {"item_id": next(patch_id for patch_id, is_water in patches.items() if is_water)}
    _report("patches of water", _run_rounds(client, scope, "water-bodies", patches, start), len(patches))
    _limit_to_accepted_cells(client, scope, patches)
    query = f"scene_id={scene_id}&labels=water-bodies&collection=patches/demo"
    say(f"its map: {client.base_url}/v1/maps/png?{query}; the models of posts: {client.base_url}/v1/models")


def _run_rounds(
    client: httpx.Client, scope: dict[str, Any], label: str, truth: Mapping[str, bool], start: dict[str, str]
) -> list[dict[str, Any]]:
    """Answers active-learning rounds as a person would; the scores after each round on the items never labelled."""
    labelled: set[str] = set()
    for number in range(1, ROUNDS + 1):
        request = {**scope, "label": label, "batch_size": LABELS_A_ROUND, **(start if number == 1 else {})}
        batch = _post(client, "/v1/feedback", request)
        items = [*batch["boundary"], *batch["coverage"][: LABELS_A_ROUND // 2], *batch["top"]]
        item_ids = [item_id for item_id in dict.fromkeys(item["item_id"] for item in items) if item_id in truth]
        annotations = [
            {"item_id": item_id, "label": label, "sign": "positive" if truth[item_id] else "negative"}
            for item_id in item_ids[:LABELS_A_ROUND]
        ]
        body = {"collection": scope["collection"], "annotator": ANALYST, "round": number, "annotations": annotations}
        _post(client, "/v1/annotations", body)
        labelled |= set(item_ids[:LABELS_A_ROUND])
    rest = {item_id: [label] if bears else [] for item_id, bears in truth.items() if item_id not in labelled}
    report = _post(client, "/v1/validation", {**scope, "labels": [label], "truth": rest})["labels"][label]
    curve: list[dict[str, Any]] = report["curve"]
    return curve


def _limit_to_accepted_cells(client: httpx.Client, scope: dict[str, Any], patches: Mapping[str, bool]) -> None:
    """The cascade by hand: coarse patches are labelled (positive where a finer one inside is), and the next round looks
    only inside those that the model accepts."""
    coarse: dict[str, bool] = {}
    for patch_id, is_water in patches.items():
        if patch := PatchId.parse(patch_id):
            parent = str(patch.parent(COARSE_LEVEL))
            coarse[parent] = coarse.get(parent, False) or is_water
    annotations = [
        {"item_id": patch_id, "label": "water-bodies", "sign": "positive" if is_water else "negative"}
        for patch_id, is_water in coarse.items()
    ]
    body = {"collection": scope["collection"], "annotator": ANALYST, "annotations": annotations}
    _post(client, "/v1/annotations", body)
    within = {**scope["within"], "inside": f"water-bodies@{COARSE_LEVEL}"}
    batch = _post(client, "/v1/feedback", {**scope, "label": "water-bodies", "within": within})
    say(
        f"with {len(coarse)} patches of {COARSE_LEVEL} px labelled, a round at {SCALE_LEVEL} px is limited to the "
        f"cells that the model accepts: {batch['saved']:.0%} of {len(patches)} patches need not be looked at"
    )


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = client.post(path, json=body).raise_for_status().json()
    return response


def _report(title: str, curve: list[dict[str, Any]], count: int) -> None:
    newest = curve[-ROUNDS:]
    accuracy = ", ".join(f"{point['accuracy']:.0%}" for point in newest)
    say(
        f"an analyst labels {title}, {LABELS_A_ROUND} of {count} a round: after each, {accuracy} of all others are "
        f"right (macro F1 {newest[-1]['macro_f1']:.2f})"
    )


def _water_patches(client: httpx.Client, scene_id: str) -> dict[str, bool]:
    """Whether at least a third of each patch of the scene is water, by patch id."""
    is_water = patch_labels(GROUND.truth(flood=True), SCALE_LEVEL, LabelledClass((WATER, MUD)))
    north, west = round(GROUND.north / (10 * SCALE_LEVEL)), round(GROUND.west / (10 * SCALE_LEVEL))
    request = {"collection": "patches/demo", "within": {"scene_id": scene_id}, "limit": 1000}
    items = _post(client, "/v1/structured-query", request)["items"]
    patches = {item["item_id"]: PatchId.parse(item["item_id"]) for item in items}
    return {
        item_id: bool(is_water[north - 1 - patch.row, patch.column - west])
        for item_id, patch in patches.items()
        if patch is not None
    }

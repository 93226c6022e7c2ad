"""The demo's last part: an analyst, simulated from what is known of posts and patches, labels some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from stormpetrel.cli.console import say
from stormpetrel.cli.demo_scenes import GROUND
from stormpetrel.core.ids import PatchId
from stormpetrel.demo.scenes import MUD, WATER
from stormpetrel.demo.story import Story
from stormpetrel.evaluation.labelled_scene import LabelledClass, patch_labels

ROUNDS, LABELS_A_ROUND = 3, 10
OFFERED = 60  # items a round: what may not be labelled is passed over, and ten must remain
SCALE_LEVEL, COARSE_LEVEL = 120, 480  # px
ANALYST = "demo"


def annotate_posts(client: httpx.Client, story: Story) -> None:
    """Three rounds of ten labels on posts that are not held out. Prints how many of the held-out posts each round's
    model then classifies correctly."""
    scope = {"collection": story.collection, "within": {"since": story.since, "until": story.until}}
    start = {"text": str(story.saved["text"])}
    curve = _run_rounds(client, scope, story.label, story.may_be_labelled, story.judges, start)
    _report(f"posts that {story.meaning}", curve, len(story.may_be_labelled), story.figures_of)
    commonest = max(story.base_rate, 1 - story.base_rate)
    say(f"(to call all of them alike is right for {commonest:.0%}); the models: {client.base_url}/v1/models")


def annotate_patches(client: httpx.Client, scene_id: str) -> None:
    """Three rounds of ten labels on the scene's patches. Prints how many of the patches never labelled each round's
    model classifies correctly, and what a round inside accepted cells saves."""
    patches = _water_patches(client, scene_id)
    scope = {"collection": "patches/demo", "within": {"scene_id": scene_id}}
    start = {"item_id": next(patch_id for patch_id, is_water in patches.items() if is_water)}
    curve = _run_rounds(client, scope, "water-bodies", patches, patches, start)
    _report("patches of water", curve, len(patches), "patches of the made-up scene that were not labelled")
    _limit_to_accepted_cells(client, scope, patches)
    query = f"scene_id={scene_id}&labels=water-bodies&collection=patches/demo"
    say(f"its map: {client.base_url}/v1/maps/png?{query}")


def _run_rounds(
    client: httpx.Client,
    scope: dict[str, Any],
    label: str,
    may_be_labelled: Mapping[str, bool],
    judges: Mapping[str, bool],
    start: dict[str, str],
) -> list[dict[str, Any]]:
    """Answers active-learning rounds as a person would, who passes over what may not be labelled; the scores after each
    round on those of `judges` that were never labelled."""
    labelled: set[str] = set()
    for number in range(1, ROUNDS + 1):
        request = {**scope, "label": label, "batch_size": OFFERED, **(start if number == 1 else {})}
        batch = _post(client, "/v1/feedback", request)
        item_ids = _chosen(batch, may_be_labelled, labelled)
        annotations = [
            {"item_id": item_id, "label": label, "sign": "positive" if may_be_labelled[item_id] else "negative"}
            for item_id in item_ids
        ]
        body = {"collection": scope["collection"], "annotator": ANALYST, "round": number, "annotations": annotations}
        _post(client, "/v1/annotations", body)
        labelled.update(item_ids)
    truth = {item_id: [label] if bears else [] for item_id, bears in judges.items() if item_id not in labelled}
    report = _post(client, "/v1/validation", {**scope, "labels": [label], "truth": truth})["labels"][label]
    curve: list[dict[str, Any]] = report["curve"]
    return curve


def _chosen(batch: dict[str, Any], may_be_labelled: Mapping[str, bool], labelled: set[str]) -> list[str]:
    """The first ten that may be labelled: half of them where the model is unsure, then some of all, then the best."""
    parts = [
        [
            item["item_id"]
            for item in batch[name]
            if item["item_id"] in may_be_labelled and item["item_id"] not in labelled
        ]
        for name in ("boundary", "coverage", "top")
    ]
    unsure, sample, best = parts
    half = LABELS_A_ROUND // 2
    return list(dict.fromkeys([*unsure[:half], *sample[:half], *best, *unsure, *sample]))[:LABELS_A_ROUND]


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


def _report(title: str, curve: list[dict[str, Any]], count: int, figures_of: str) -> None:
    newest = curve[-ROUNDS:]
    accuracy = ", ".join(f"{point['accuracy']:.0%}" for point in newest)
    say(
        f"an analyst labels {title}, {LABELS_A_ROUND} of {count} a round: after each, {accuracy} of the {figures_of} "
        f"are right (macro F1 {newest[-1]['macro_f1']:.2f})"
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

"""The demo's third part: an analyst, whose answers come from the generated truth, labels posts and patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stormpetrel.cli.demo_scenes import demo_ground

if TYPE_CHECKING:
    import httpx

    from stormpetrel.core.settings import Settings

ROUNDS, LABELS_A_ROUND = 3, 10
SIDE = 120  # px
ANALYST = "demo"


def annotate_demo(settings: Settings, posts: Mapping[str, bool], scene_id: str) -> None:
    """Three rounds of ten labels on posts (`posts` says of each whether it is of the flood) and on the scene's patches;
    says how many of all the others each model then has right."""
    import httpx

    from stormpetrel.cli.console import say

    address = f"http://{settings.api.host}:{settings.api.port}"
    with httpx.Client(base_url=address, timeout=60) as client:
        begin = {"text": "streets under water, people trapped"}
        _tell("posts about the flood", _teach(client, {"collection": "posts/demo"}, "flood", posts, begin), len(posts))
        patches = _patches(client, scene_id)
        scope = {"collection": "patches/demo", "within": {"scene_id": scene_id}}
        wet = next(own for own, is_ in patches.items() if is_)
        _tell("patches of water", _teach(client, scope, "water-bodies", patches, {"item_id": wet}), len(patches))
    query = f"scene_id={scene_id}&labels=water-bodies&collection=patches/demo"
    say(f"its map: {address}/v1/maps/png?{query}; the models of posts: {address}/v1/models")


def _teach(
    client: httpx.Client, scope: dict[str, Any], label: str, truth: Mapping[str, bool], begin: dict[str, str]
) -> list[dict[str, Any]]:
    """Answers rounds as a person would; what the model then says of the items that were never asked, after each."""
    asked: set[str] = set()
    for number in range(1, ROUNDS + 1):
        question = {**scope, "label": label, "batch_size": LABELS_A_ROUND, **(begin if number == 1 else {})}
        found = _posted(client, "/v1/feedback", question)
        shown = [*found["boundary"], *found["coverage"][: LABELS_A_ROUND // 2], *found["top"]]
        picked = [own for own in dict.fromkeys(one["item_id"] for one in shown) if own in truth][:LABELS_A_ROUND]
        told = [{"item_id": own, "label": label, "sign": "positive" if truth[own] else "negative"} for own in picked]
        said = {"collection": scope["collection"], "annotator": ANALYST, "round": number, "annotations": told}
        _posted(client, "/v1/annotations", said)
        asked |= set(picked)
    rest = {own: [label] if is_ else [] for own, is_ in truth.items() if own not in asked}
    report = _posted(client, "/v1/validation", {**scope, "labels": [label], "truth": rest})["labels"][label]
    curve: list[dict[str, Any]] = report["curve"]
    return curve


def _posted(client: httpx.Client, path: str, question: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.post(path, json=question).raise_for_status().json()
    return found


def _tell(what: str, curve: list[dict[str, Any]], count: int) -> None:
    from stormpetrel.cli.console import say

    newest = curve[-ROUNDS:]
    accuracy = ", ".join(f"{100 * point['accuracy']:.0f} %" for point in newest)
    say(
        f"an analyst labels {what}, {LABELS_A_ROUND} of {count} a round: after each, {accuracy} of all others are "
        f"right (macro F1 {newest[-1]['macro_f1']:.2f})"
    )


def _patches(client: httpx.Client, scene_id: str) -> dict[str, bool]:
    """Whether at least a third of each patch of the scene is water."""
    from stormpetrel.core.ids import PatchId
    from stormpetrel.demo.scenes import MUD, WATER
    from stormpetrel.evaluation.labelled_scene import LabelledClass, bears

    ground = demo_ground()
    wet = bears(ground.truth(flood=True), SIDE, LabelledClass((WATER, MUD)))
    north, west = round(ground.north / (10 * SIDE)), round(ground.west / (10 * SIDE))
    reply = client.post(
        "/v1/structured-query", json={"collection": "patches/demo", "within": {"scene_id": scene_id}, "limit": 1000}
    )
    found: dict[str, bool] = {}
    for item in reply.raise_for_status().json()["items"]:
        footprint = PatchId.parse(item["item_id"])
        if footprint is not None:
            found[item["item_id"]] = bool(wet[north - 1 - footprint.row, footprint.column - west])
    return found

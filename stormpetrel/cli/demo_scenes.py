"""The demo's other half: the flood seen from above, from products on disk to new water and a query by patch."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.demo.scenes import Ground

BEFORE = datetime(2025, 10, 23, 17, 14, tzinfo=UTC)
NIGHT = datetime(2025, 11, 4, 17, 14, tzinfo=UTC)
MORNING = datetime(2025, 11, 5, 10, 12, tzinfo=UTC)
SIZE = 1440  # px of 10 m
PATIENCE_S = 180.0


def demo_ground() -> Ground:
    """The made-up ground around Genoa."""
    from stormpetrel.demo.scenes import Ground

    return Ground(32632, 489_600, 4_924_800, SIZE)


def make_scenes(folder: Path) -> list[Path]:
    """Generated products of the ground around Genoa: radar before and during the flood, optical the morning after."""
    from stormpetrel.demo.scenes import write_optical, write_radar

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ground = demo_ground()
    return [
        write_radar(folder, ground, BEFORE, flood=False, seed=5),
        write_radar(folder, ground, NIGHT, flood=True, seed=7),
        write_optical(folder, ground, MORNING, flood=True),
    ]


def show_scenes(settings: Settings, folder: Path) -> str:
    """Announces the products one after the other, waits until their patches are found, and asks by a flooded patch.
    Gives the pair's scene."""
    import httpx

    from consumers.sources.product_files import announce
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.results import print_worlds
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log.producer import KafkaProducer

    with ERROR.status("generating two radar images and an optical one"):
        products = make_scenes(folder)
    publisher = ProductPublisher(KafkaProducer(settings.local_kafka), "demo")
    started = time.monotonic()
    with ERROR.status("reading, registering, cutting and describing them"):
        for product in products:
            announce(product, publisher)
            publisher.flush()
            _wait(settings)
    address = f"http://{settings.api.host}:{settings.api.port}"
    pair = f"{products[2].stem}|{products[1].stem}"
    with httpx.Client(base_url=address, timeout=30) as client:
        scenes = {scene["scene_id"]: scene for scene in client.get("/v1/scenes").raise_for_status().json()["scenes"]}
        scene = scenes[pair]
        new = client.get("/v1/scenes/new_water.geojson", params={"scene_id": pair}).raise_for_status().json()
        area = sum(feature["properties"]["area_m2"] for feature in new["features"]) / 1e6
        say(
            f"3 products became {sum(sum(made['patches'].values()) for made in scenes.values())} patches in "
            f"{time.monotonic() - started:.1f} s; radar and optical image lie {scene['shift_m']} m apart; "
            f"{area:.1f} km2 of water are new (confidence {scene['new_water_confidence']})"
        )
        wettest = (
            client.get("/v1/patches", params={"scene_id": pair, "limit": 1}).raise_for_status().json()["patches"][0]
        )
        question = {"patch_id": wettest["patch_id"], "limit": 5}
        answer = client.post("/v1/search", json=question).raise_for_status().json()
        share = 100 * wettest["new_water"]["share"]
        print_worlds(f"a patch, {share:.0f} % of it new water: what belongs to it", answer)
    say(f"its pictures: {address}/v1/scenes/pictures/change.png?scene_id={pair}")
    return pair


def _wait(settings: Settings) -> None:
    from stormpetrel.core.errors import SetupError
    from stormpetrel.log.admin import consumer_lags

    deadline = time.monotonic() + PATIENCE_S
    quiet = 0
    # The index can only be done when the scenes consumer is: look twice before believing a zero.
    while quiet < 2:
        lags = consumer_lags(settings.local_kafka)
        quiet = quiet + 1 if lags["scenes"] + lags["patches"] == 0 else 0
        if time.monotonic() > deadline:
            raise SetupError("the scenes consumer does not get on; see its log")
        time.sleep(0.2)

"""The demo's third part: the flood seen by satellites, from products on disk to new water and a query by patch."""

from __future__ import annotations

import math
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from consumers.sources.product_files import announce
from stormpetrel.bootstrap import open_gazetteer
from stormpetrel.cli.console import ERROR, say
from stormpetrel.cli.results import print_cells
from stormpetrel.cli.system import wait_until_processed
from stormpetrel.core.settings import Settings
from stormpetrel.demo.scenes import Ground, write_optical, write_radar
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.log.producer import KafkaProducer

REFERENCE = datetime(2025, 10, 23, 17, 14, tzinfo=UTC)
NIGHT = datetime(2025, 11, 4, 17, 14, tzinfo=UTC)
MORNING = datetime(2025, 11, 5, 10, 12, tzinfo=UTC)
GROUND = Ground(32632, 489_600, 4_924_800, size=1440)  # around Genoa
PATIENCE_S = 180.0


def make_scenes(folder: Path) -> list[Path]:
    """Generated products of the ground around Genoa: radar before and during the flood, optical the morning after."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return [
        write_radar(folder, GROUND, REFERENCE, flood=False, seed=5),
        write_radar(folder, GROUND, NIGHT, flood=True, seed=7),
        write_optical(folder, GROUND, MORNING, flood=True),
    ]


def show_scenes(settings: Settings, client: httpx.Client, folder: Path) -> str:
    """Announces the products one after the other, waits until their patches are indexed, and searches by a flooded one.
    Returns the id of the pair's scene."""
    with ERROR.status("generating two radar images and an optical one"):
        products = make_scenes(folder)
    publisher = ProductPublisher(KafkaProducer(settings.local_kafka), "demo")
    started = time.monotonic()
    with ERROR.status("reading, registering, cutting and describing them"):
        for product in products:
            announce(product, publisher)
            publisher.flush()
            wait_until_processed(settings, ("scenes", "patches"), PATIENCE_S)

    def get(path: str, **parameters: str | int) -> Any:
        return client.get(path, params=parameters).raise_for_status().json()

    pair = f"{products[2].stem}|{products[1].stem}"
    scenes = {scene["scene_id"]: scene for scene in get("/v1/scenes")["scenes"]}
    new_water = get("/v1/scenes/new_water.geojson", scene_id=pair)
    area_km2 = sum(feature["properties"]["area_m2"] for feature in new_water["features"]) / 1e6
    patch_count = sum(sum(scene["patches"].values()) for scene in scenes.values())
    say(
        "the scene is made up by the project\n"
        f"3 products became {patch_count} patches in {time.monotonic() - started:.1f} s; the radar and the optical "
        f"image lie {math.hypot(*scenes[pair]['shift_m']):.1f} m apart; {area_km2:.1f} km² of water are new "
        f"(confidence {scenes[pair]['new_water_confidence']:.0%})"
    )
    (patch,) = get("/v1/patches", scene_id=pair, limit=1)["patches"]
    query = {"patch_id": patch["patch_id"], "limit": 5}
    response = client.post("/v1/search", json=query).raise_for_status().json()
    title = f"a patch, {patch['new_water']['share']:.0%} of it new water: what belongs to it"
    print_cells(title, response, open_gazetteer(settings))
    say(f"its pictures: {client.base_url}/v1/scenes/pictures/change.png?scene_id={pair}")
    return pair

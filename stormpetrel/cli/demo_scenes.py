"""The demo's second part: the flood seen by satellites, from products on disk to new water and a query by patch."""

from __future__ import annotations

import math
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.demo.scenes import Ground

REFERENCE = datetime(2025, 10, 23, 17, 14, tzinfo=UTC)
NIGHT = datetime(2025, 11, 4, 17, 14, tzinfo=UTC)
MORNING = datetime(2025, 11, 5, 10, 12, tzinfo=UTC)
SIZE = 1440  # px of 10 m
PATIENCE_S = 180.0


def demo_ground() -> Ground:
    """The generated ground around Genoa."""
    from stormpetrel.demo.scenes import Ground

    return Ground(32632, 489_600, 4_924_800, SIZE)


def make_scenes(folder: Path) -> list[Path]:
    """Generated products of the ground around Genoa: radar before and during the flood, optical the morning after."""
    from stormpetrel.demo.scenes import write_optical, write_radar

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ground = demo_ground()
    return [
        write_radar(folder, ground, REFERENCE, flood=False, seed=5),
        write_radar(folder, ground, NIGHT, flood=True, seed=7),
        write_optical(folder, ground, MORNING, flood=True),
    ]


def show_scenes(settings: Settings, folder: Path) -> str:
    """Announces the products one after the other, waits until their patches are indexed, and searches by a flooded one.
    Returns the id of the pair's scene."""
    import httpx

    from consumers.sources.product_files import announce
    from stormpetrel.bootstrap import open_gazetteer
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.results import print_cells
    from stormpetrel.cli.system import wait_until_processed
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
            wait_until_processed(settings, ("scenes", "patches"), PATIENCE_S)
    address = f"http://{settings.api.host}:{settings.api.port}"
    pair = f"{products[2].stem}|{products[1].stem}"
    with httpx.Client(base_url=address, timeout=30) as client:
        scenes = {scene["scene_id"]: scene for scene in client.get("/v1/scenes").raise_for_status().json()["scenes"]}
        scene = scenes[pair]
        new_water = client.get("/v1/scenes/new_water.geojson", params={"scene_id": pair}).raise_for_status().json()
        area_km2 = sum(feature["properties"]["area_m2"] for feature in new_water["features"]) / 1e6
        patch_count = sum(sum(each["patches"].values()) for each in scenes.values())
        say(
            f"3 products became {patch_count} patches in {time.monotonic() - started:.1f} s; the radar and the optical "
            f"image lie {math.hypot(*scene['shift_m']):.1f} m apart; {area_km2:.1f} km² of water are new "
            f"(confidence {scene['new_water_confidence']:.0%})"
        )
        patches = client.get("/v1/patches", params={"scene_id": pair, "limit": 1}).raise_for_status().json()["patches"]
        query = {"patch_id": patches[0]["patch_id"], "limit": 5}
        response = client.post("/v1/search", json=query).raise_for_status().json()
        title = f"a patch, {patches[0]['new_water']['share']:.0%} of it new water: what belongs to it"
        print_cells(title, response, open_gazetteer(settings))
    say(f"its pictures: {address}/v1/scenes/pictures/change.png?scene_id={pair}")
    return pair

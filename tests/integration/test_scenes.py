"""From a product on disk to patches that are found: pairs, new water, pictures, STAC, kills and broken files."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
from PIL import Image

from stormpetrel.demo.scenes import MUD, WATER
from stormpetrel.local.stack import this_python
from stormpetrel.ports import Filter, OrderQuery
from stormpetrel.stores.collections import patches_collection
from stormpetrel.stores.kafka import read_dead_letters, read_whole
from stormpetrel.topics import PRODUCTS_ANNOUNCED
from tests.integration.running import RunningSystem, wait_until
from tests.integration.scenes import Products, make

pytestmark = pytest.mark.integration
COLLECTION = patches_collection("", ("awld-8x18-w7@1", 144), ("ms-4x32-sqrt@1", 128)).name


def announce(system: RunningSystem, *paths: Path) -> dict[str, int]:
    done = subprocess.run(
        this_python("sources", "announce", *map(str, paths), "--json"), env={**os.environ, **system.addresses},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Products:
    return make(tmp_path_factory.mktemp("products"))


@pytest.fixture(scope="module")
def night(system: RunningSystem, products: Products) -> Iterator[RunningSystem]:
    """The flood is announced, first the radar images, then the optical one."""
    system.start_pipeline()
    system.start("scenes", "consume", "scenes")
    for path in (products.radar_before, products.radar, products.optical):
        assert announce(system, path) == {"published": 1, "passed": 0, "dead": 0}
        system.wait_until_seen()
    yield system


def _scenes(system: RunningSystem) -> dict[str, dict[str, Any]]:
    return {scene["scene_id"]: scene for scene in system.api("GET", "/v1/scenes?limit=100").json()["scenes"]}


def _pair(products: Products) -> str:
    return f"{products.optical.stem}|{products.radar.stem}"


def test_a_pair_is_described_and_takes_over_the_ground_of_the_radar_image_alone(
    night: RunningSystem, products: Products
) -> None:
    scene = _scenes(night)[_pair(products)]
    assert scene["patches"] == {"g480": 4, "g240": 16, "g120": 64}
    assert scene["before"] == products.radar_before.stem
    assert max(map(abs, scene["shift_m"])) < 10, "registered to less than a pixel"
    fused = Filter(any_of={"scene_id": [_pair(products)], "grid": ["120"]})
    (found,) = night.index.query(COLLECTION, [OrderQuery("event_time", "desc", filter=fused, limit=200)])
    assert len(found) == 64
    vectors = night.index.vectors(COLLECTION, [found[0].payload["id"]], ["sar", "ms", "fused"])
    assert {name: len(v) for name, v in next(iter(vectors.values())).items()} == {"sar": 144, "ms": 128, "fused": 272}
    # Ground that the pair has is the pair's alone; the rest of the radar image stays.
    alone = set(night.index.ids(COLLECTION, Filter(any_of={"scene_id": [products.radar.stem]})))
    squares = {patch_id.split("/", 1)[1] for patch_id in alone}
    taken = {hit.payload["id"].split("/", 1)[1] for hit in found}
    assert not squares & taken
    assert len(set(night.documents.ids("patches"))) == night.index.count(COLLECTION)


def test_new_water_is_where_the_flood_is(night: RunningSystem, products: Products) -> None:
    scene = _pair(products)
    told = night.api("GET", "/v1/scenes/new_water.geojson", params={"scene_id": scene}).json()
    before, flood = (np.isin(products.ground.truth(is_flood), (WATER, MUD)) for is_flood in (False, True))
    truth = 100.0 * (flood & ~before).sum()
    area = sum(feature["properties"]["area_m2"] for feature in told["features"])
    assert 0.9 < area / truth < 1.1
    assert told["properties"]["before"] == products.radar_before.stem
    assert told["properties"]["confidence"] > 0.5
    shown = night.api("GET", "/v1/scenes/pictures/change.png", params={"scene_id": scene})
    picture = np.array(Image.open(io.BytesIO(shown.content)).convert("RGB")).reshape(-1, 3)
    red = (picture == (225, 40, 40)).all(axis=1).mean()
    assert red == pytest.approx((flood & ~before).mean(), abs=0.02)


def test_a_patch_tells_what_it_is_and_shows_itself(night: RunningSystem, products: Products) -> None:
    flooded = Filter(any_of={"scene_id": [_pair(products)], "grid": ["120"]}, ranges={"new_water": (300, None)})
    (found,) = night.index.query(COLLECTION, [OrderQuery("event_time", "desc", filter=flooded, limit=10)])
    patch_id = found[0].payload["id"]
    patch = night.api("GET", f"/v1/patches/{patch_id}").json()
    assert patch["new_water"]["share"] >= 0.3
    assert patch["models"] == {
        "sar": "awld-8x18-w7@1",
        "ms": "ms-4x32-sqrt@1",
        "fused": "awld-8x18-w7@1+ms-4x32-sqrt@1",
    }
    for kind in ("s1", "s2", "change"):
        shown = night.api("GET", f"/v1/patches/pictures/{kind}.png", params={"patch_id": patch_id})
        assert Image.open(io.BytesIO(shown.content)).size == (120, 120), kind
    cog = night.api("GET", "/v1/scenes/pictures/s1.tif", params={"scene_id": _pair(products)})
    assert cog.content[:4] in (b"II*\0", b"II+\0")
    assert night.api("GET", "/v1/patches/there-is-none").status_code == 404


def test_everything_is_a_valid_stac_item(night: RunningSystem) -> None:
    pystac.Catalog.from_dict(night.api("GET", "/v1/stac").json()).validate()
    for name in ("products", "scenes", "patches"):
        pystac.Collection.from_dict(night.api("GET", f"/v1/stac/collections/{name}").json()).validate()
        page = night.api("GET", f"/v1/stac/collections/{name}/items", params={"limit": 3}).json()
        assert page["features"], name
        for feature in page["features"]:
            item = pystac.Item.from_dict(feature)
            item.validate()
            own = item.get_single_link("self") or next(link for link in feature["links"] if link["rel"] == "self")
            href = own.href if isinstance(own, pystac.Link) else own["href"]
            assert night.api("GET", href.split("/v1/", 1)[1].join(["/v1/", ""])).json()["id"] == item.id
    assert night.api("GET", "/v1/stac/collections/nothing/items").status_code == 404


def test_the_same_product_by_another_source_is_no_new_work(night: RunningSystem, products: Products) -> None:
    before = night.index.count(COLLECTION)
    described = {name: scene["described_at"] for name, scene in _scenes(night).items()}
    announce(night, products.optical)
    night.wait_until_seen()
    assert night.index.count(COLLECTION) == before
    assert {name: scene["described_at"] for name, scene in _scenes(night).items()} == described


def test_broken_products_die_with_their_reasons_and_the_next_goes_on(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    before = night.index.count(COLLECTION)
    broken = tmp_path / products.optical.name.replace("R022", "R023")
    shutil.copytree(products.optical, broken)
    band = next(broken.rglob("*_B03_10m.jp2"))
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 2])
    announce(night, broken)
    night.wait_until_seen()
    letters = [
        letter for letter in read_dead_letters(night.bootstrap, PRODUCTS_ANNOUNCED.name) if letter.stage == "scenes"
    ]
    assert letters and "broken" in letters[-1].reason
    assert night.index.count(COLLECTION) == before, "nothing half-written is searchable"
    assert not any("R023" in scene for scene in _scenes(night))


def test_a_scenes_consumer_that_is_killed_starts_again_without_doubles(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    again = tmp_path / products.optical.name.replace("T140000", "T150000")
    shutil.copytree(products.optical, again)
    announce(night, again)
    wait_until(lambda: _at_work(night), 60, "the scene is begun")
    night.kill("scenes")
    night.start("scenes", "consume", "scenes")
    night.wait_until_seen()
    ids = list(night.index.ids(COLLECTION))
    assert len(ids) == len(set(ids))
    assert sum(patch_id.startswith(f"{again.stem}|") for patch_id in ids) == 84
    assert sorted(night.documents.ids("patches")) == sorted(ids)


def _at_work(system: RunningSystem) -> bool:
    return any((system.directory / "imagery").rglob("*.part.tif"))


def test_a_withdrawn_product_leaves_with_its_patches_and_its_partner_goes_on_alone(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    name = products.radar.name.replace("_0007", "_0009")
    shutil.copytree(products.radar, watched / name)
    night.start("source", "sources", "run", "folder", STORMPETREL_CATALOGUE__FOLDER=str(watched))
    wait_until(lambda: _announced(night, name.removesuffix(".SAFE")), 60, "the folder's product is announced")
    night.wait_until_seen()
    assert any(name.removesuffix(".SAFE") in scene for scene in _scenes(night))
    shutil.rmtree(watched / name)
    wait_until(lambda: not _announced(night, name.removesuffix(".SAFE")), 60, "it is withdrawn")
    night.wait_until_seen()
    night.stop("source")
    assert not any(name.removesuffix(".SAFE") in scene for scene in _scenes(night))
    assert not any(name.removesuffix(".SAFE") in patch_id for patch_id in night.index.ids(COLLECTION))


def _announced(system: RunningSystem, name: str) -> bool:
    last = None
    for message in read_whole(system.bootstrap, PRODUCTS_ANNOUNCED.name):
        if message.key() == name.encode():
            last = dict(message.headers())["schema"]
    return last == b"ProductAnnounced"

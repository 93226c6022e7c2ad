"""From a product on disk to patches that are found: pairs, new water, pictures, STAC, kills and broken files."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
from PIL import Image
from pystac.validation import validate_dict
from websockets.sync.client import connect

from stormpetrel.core.ports import Filter, OrderQuery
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.demo.scenes import MUD, WATER, write_radar
from stormpetrel.log import read_dead_letters
from stormpetrel.stores.collections import patches_collection
from tests.integration.running import RunningSystem, wait_until, write_posts
from tests.integration.scenes import Products, announce, make

pytestmark = pytest.mark.integration
COLLECTION = patches_collection("", ("awld-8x18-w7@1", 144), ("ms-4x32-sqrt@1", 128)).name


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
    assert scene["reference"] == products.radar_before.stem
    assert max(map(abs, scene["shift_m"])) < 10, "registered to less than a pixel"
    fused = Filter(any_of={"scene_id": [_pair(products)], "scale_level": ["120"]})
    (found,) = night.index.query(COLLECTION, [OrderQuery("event_time", "desc", filter=fused, limit=200)])
    assert len(found) == 64
    vectors = night.index.vectors(COLLECTION, [found[0].payload["id"]], ["sar", "ms", "fused"])
    assert {name: len(v) for name, v in next(iter(vectors.values())).items()} == {"sar": 144, "ms": 128, "fused": 272}
    # Ground that the pair has is the pair's alone; the rest of the radar image stays.
    alone = set(night.index.ids(COLLECTION, Filter(any_of={"scene_id": [products.radar.stem]})))
    footprints = {patch_id.split("/", 1)[1] for patch_id in alone}
    taken = {hit.payload["id"].split("/", 1)[1] for hit in found}
    assert not footprints & taken
    assert len(set(night.documents.ids("patches"))) == night.index.count(COLLECTION)


def test_new_water_is_where_the_flood_is(night: RunningSystem, products: Products) -> None:
    scene = _pair(products)
    told = night.api("GET", "/v1/scenes/new_water.geojson", params={"scene_id": scene}).json()
    before, flood = (np.isin(products.ground.truth(is_flood), (WATER, MUD)) for is_flood in (False, True))
    truth = 100.0 * (flood & ~before).sum()
    area = sum(feature["properties"]["area_m2"] for feature in told["features"])
    assert 0.9 < area / truth < 1.1
    assert told["properties"]["reference"] == products.radar_before.stem
    assert told["properties"]["confidence"] > 0.5
    shown = night.api("GET", "/v1/scenes/pictures/change.png", params={"scene_id": scene})
    picture = np.array(Image.open(io.BytesIO(shown.content)).convert("RGB")).reshape(-1, 3)
    red = (picture == (225, 40, 40)).all(axis=1).mean()
    assert red == pytest.approx((flood & ~before).mean(), abs=0.02)


def test_a_patch_tells_what_it_is_and_shows_itself(night: RunningSystem, products: Products) -> None:
    flooded = Filter(any_of={"scene_id": [_pair(products)], "scale_level": ["120"]}, ranges={"new_water": (300, None)})
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
            validate_dict({**feature, "stac_extensions": []})  # the schemas of extensions lie on the web
            own = item.get_single_link("self") or next(link for link in feature["links"] if link["rel"] == "self")
            href = own.href if isinstance(own, pystac.Link) else own["href"]
            assert night.api("GET", href.split("/v1/", 1)[1].join(["/v1/", ""])).json()["id"] == item.id
    assert night.api("GET", "/v1/stac/collections/nothing/items").status_code == 404


def _post(system: RunningSystem, tmp_path: Path, own: str, text: str, lon: float, lat: float) -> str:
    record = {"id": own, "text": text, "created_at": "2025-11-04T06:10:00Z", "longitude": lon, "latitude": lat}
    system.replay(write_posts(tmp_path / f"{own}.jsonl", [record]))
    system.wait_until_worked_through()
    return f"file:{own}"


def _flooded_patch(system: RunningSystem, products: Products) -> dict[str, Any]:
    patch: dict[str, Any] = system.api("GET", "/v1/patches", params={"scene_id": _pair(products)}).json()["patches"][0]
    assert patch["new_water"]["share"] >= 0.3
    return patch


def test_a_patch_finds_posts_and_patches_and_a_post_finds_the_patches_over_its_place(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    patch = _flooded_patch(night, products)
    here = (patch["longitude"], patch["latitude"])
    post_id = _post(night, tmp_path, "worlds-1", "Alluvione: i campi sono sotto acqua, flood water everywhere", *here)
    far = _post(night, tmp_path, "worlds-2", "Bel sole oggi al mare, gelato per tutti", 15.1, 37.5)
    answer = night.search(patch_id=patch["patch_id"], limit=50)
    first = answer["hits"][0]
    assert {member["kind"] for member in first["members"]} == {"post", "patch"}
    assert post_id in [member["id"] for member in first["members"]]
    assert far not in [member["id"] for member in first["members"]]
    assert patch["patch_id"] not in [member["id"] for hit in answer["hits"] for member in hit["members"]]
    assert {"sar", "ms", "fused", "spatiotemporal", "lexical", "text", "new_water"} <= set(answer["lists"])
    assert first["place"] and set(answer["as_of"]) >= {"text", "sar", "new_water"}
    assert answer["lists"]["fused"]["model"] == "awld-8x18-w7@1+ms-4x32-sqrt@1"
    assert first["decided_by"] and first["ranks"].keys() >= set(first["decided_by"]) - {"feedback"}
    back = night.search(post_id=post_id, sources=["posts", "patches"], limit=50)
    overhead = [member["id"] for hit in back["hits"] for member in hit["members"] if "overhead" in member["ranks"]]
    assert overhead, "the newest patches over its place"
    assert all("/g120/" in patch_id for patch_id in overhead)
    only_patches = night.search(vectors={"sar": [1.0] * 144}, sources=["patches"])
    assert only_patches["hits"] and all(hit["kind"] == "patch" and not hit["cell"] for hit in only_patches["hits"])


def test_a_text_finds_the_patches_where_posts_write_of_it(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    patch = _flooded_patch(night, products)
    here = (patch["longitude"], patch["latitude"])
    post_id = _post(night, tmp_path, "water-1", "The zirkonia dyke broke: fields under water as far as we see", *here)
    answer = night.search(text="zirkonia dyke broke", sources=["patches"])
    assert {"reported", "new_water"} <= set(answer["lists"])
    first = answer["hits"][0]
    assert first["kind"] == "patch" and first["patch"]["new_water"]["share"] > 0
    assert post_id in [report["post_id"] for report in first["reports"]]
    assert night.api("GET", first["picture"]).headers["content-type"] == "image/png"
    for fusion in ("tensor_learned", "rrf", "graph"):
        assert night.search(text="zirkonia dyke broke", sources=["posts", "patches"], fusion=fusion)["hits"]


def test_what_patches_cannot_be_asked_is_told(night: RunningSystem) -> None:
    def refused(**question: Any) -> tuple[int, str]:
        reply = night.api("POST", "/v1/search", json=question)
        return reply.status_code, reply.text

    assert refused(patch_id="S2A_there/is/none")[0] == 404
    assert refused(vectors={"sar": [0.1] * 7})[0] == 422
    answer = night.search(text="flood", vectors={"fused": [0.1] * 3}, sources=["posts", "patches"])
    assert "272" in answer["unavailable"]["fused"]


def test_a_new_product_ranks_the_incidents_it_covers_anew(
    night: RunningSystem, products: Products, tmp_path: Path
) -> None:
    patch = _flooded_patch(night, products)
    here = {"longitude": patch["longitude"], "latitude": patch["latitude"]}
    reply = night.api(
        "POST",
        "/v1/saved-searches",
        json={"place": here, "time": "2025-11-06T06:00:00Z", "sources": ["posts", "patches"], "within": 50},
    )
    assert reply.status_code == 201, reply.text
    heard: list[dict[str, Any]] = []
    address = night.url(reply.json()["websocket"]).replace("http", "ws")
    with connect(address) as socket:
        assert json.loads(socket.recv(timeout=20))["event"] == "listening"
        later = write_radar(tmp_path, products.ground, datetime(2025, 11, 6, 5, 35, tzinfo=UTC), flood=True, seed=11)
        announce(night, later)
        night.wait_until_seen()
        while not any("20251106" in member["id"] for told in heard for member in told["data"]["members"]):
            message = json.loads(socket.recv(timeout=30))
            heard += [message] if message["event"] == "ranked" else []
    told = next(m for m in heard if any("20251106" in member["id"] for member in m["data"]["members"]))
    assert told["data"]["cell"].endswith("/2025-11-06")
    assert told["data"]["previous_rank"] is None, "no place and day of that name was ranked before"
    night.api("DELETE", f"/v1/saved-searches/{reply.json()['saved_search_id']}")


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
        letter
        for letter in read_dead_letters(night.reader, PRODUCTS_ANNOUNCED)
        if letter.record.key == broken.stem.encode()
    ]
    assert [letter.stage for letter in letters] == ["scenes"]
    assert "broken" in letters[0].reason
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
    for record in system.reader.read(PRODUCTS_ANNOUNCED):
        if record.key == name.encode():
            last = record.header("schema")
    return last == "ProductAnnounced"

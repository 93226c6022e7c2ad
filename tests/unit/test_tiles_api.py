"""Tiles over HTTP: who gets which, what a browser keeps, and what a WMTS client reads of a scene."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import morecantile
import numpy as np
import pytest
import rasterio
from fastapi import HTTPException
from fastapi.testclient import TestClient
from lxml import etree

from api import tile_drawing
from api.tile_drawing import TileDrawing
from stormpetrel.core.events import SceneWithdrawn
from stormpetrel.imagery.picture_colours import CHANGE, NEW_WATER
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.projections import PatchProjection
from tests.fuzzing import served
from tests.memory_api import NIGHT
from tests.memory_api import SCENE as WITHOUT_PICTURES
from tests.unit.secured_api import SecuredApi, bearer
from tests.unit.stac_night import SCENE
from tests.unit.tiled_scenes import TiledApi, colours_of, tile_at

OWS, WMTS = "{http://www.opengis.net/ows/1.1}", "{http://www.opengis.net/wmts/1.0}"


@pytest.fixture
def tiled(tmp_path: Path) -> TiledApi:
    return TiledApi(tmp_path)


@pytest.fixture
def client(tiled: TiledApi) -> Iterator[TestClient]:
    with TestClient(tiled.memory.app(), raise_server_exceptions=False) as client:
        yield client


def test_a_tile_is_a_picture_of_256_pixels(tiled: TiledApi, client: TestClient) -> None:
    for layer, colour in (("s1", (100, 100, 100, 255)), ("s2", (200, 50, 50, 255))):
        reply = client.get(tiled.address(layer, tile_at(*tiled.middle, 16)))
        assert reply.headers["content-type"] == "image/png" and reply.headers["cache-control"] == "private, max-age=600"
        colours = colours_of(reply.content)
        assert colours.shape == (256, 256, 4) and (colours == colour).all()
    webp = client.get(tiled.address("change", form="webp"))
    assert webp.headers["content-type"] == "image/webp"
    east = colours_of(webp.content)
    assert (east[128, 200] == CHANGE[NEW_WATER]).all() and (east[128, 40] == CHANGE[1]).all()
    water = colours_of(client.get(tiled.address("water", form="webp")).content)
    assert (water[128, 200] == CHANGE[NEW_WATER]).all() and not water[128, 40].any()


def test_a_tile_beside_the_scene_has_no_content(tiled: TiledApi, client: TestClient) -> None:
    for tile in (TileAddress(14, 0, 0), TileAddress(5, 0, 31), TileAddress(24, 2**24 - 1, 2**24 - 1)):
        reply = client.get(tiled.address("s1", tile))
        assert (reply.status_code, reply.content) == (204, b"")


def test_what_is_not_there_is_told_with_what_is(tiled: TiledApi, client: TestClient) -> None:
    unknown = client.get(tiled.address("clouds"))
    assert unknown.status_code == 404 and "it has s1, s2, change, water" in unknown.json()["detail"]
    assert client.get(tiled.address("s1", scene="S1A_NONE")).status_code == 404
    bare = client.get(tiled.address("s1", scene=WITHOUT_PICTURES))
    assert bare.status_code == 404 and "no picture" in bare.json()["detail"]
    assert client.get("/v1/tiles/S1A_NONE/WMTSCapabilities.xml").status_code == 404
    assert client.get(tiled.address("s1", scene="..%2F..%2Fetc")).status_code == 404


@pytest.mark.parametrize(
    ("end", "field", "word"),
    [
        ("25/0/0.png", "z", "at most 24"),
        ("-1/0/0.png", "z", "at least 0"),
        ("3/8/0.png", "x", "send 0 to 7"),
        ("3/0/8.webp", "y", "send 0 to 7"),
        ("3/0/99999999999999999999.png", "y", "Send"),
        ("three/0/0.png", "z", "number"),
        ("3/0/0.tiff", "form", "png"),
    ],
)
def test_a_tile_that_no_map_has_is_refused_with_the_remedy(client: TestClient, end: str, field: str, word: str) -> None:
    reply = client.get(f"/v1/tiles/{SCENE}/s1/{end}")
    assert reply.status_code == 422
    (fault,) = reply.json()["detail"]
    assert fault["field"] == field and word in fault["remedy"]


def test_a_browser_asks_whether_a_tile_is_still_the_same(tiled: TiledApi, client: TestClient) -> None:
    address = tiled.address("s1")
    tag = client.get(address).headers["etag"]
    for asked in (tag, f'"other", W/{tag}'):
        same = client.get(address, headers={"If-None-Match": asked})
        assert same.status_code == 304 and same.headers["etag"] == tag and not same.content
    assert client.get(tiled.address("s1", form="webp")).headers["etag"] != tag
    assert client.get(tiled.address("change")).headers["etag"] != client.get(tiled.address("water")).headers["etag"]
    picture = tiled.folder / "s1.tif"
    os.utime(picture, (1, 1))  # as where the scene is described again
    again = client.get(address, headers={"If-None-Match": tag})
    assert again.status_code == 200 and again.headers["etag"] != tag


def test_a_tile_that_was_drawn_is_not_drawn_again(tiled: TiledApi, client: TestClient) -> None:
    address, picture = tiled.address("s1"), tiled.folder / "s1.tif"
    drawn, state = client.get(address).content, picture.stat()
    picture.write_bytes(bytes(state.st_size))
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert client.get(address).content == drawn
    broken = client.get(tiled.address("s1", tile_at(*tiled.middle, 15)))
    assert broken.status_code == 500 and "announce its products again" in broken.json()["detail"]
    picture.unlink()
    gone = client.get(address)
    assert gone.status_code == 404 and "is gone" in gone.json()["detail"]


def test_a_withdrawn_scene_has_no_tiles(tiled: TiledApi, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get(tiled.address("s1")).status_code == 200
    memory = tiled.memory
    withdrawn = SceneWithdrawn(scene_id=SCENE, withdrawn_at=NIGHT)
    PatchProjection(memory.documents, memory.index, "patches", {}).write([withdrawn])
    monkeypatch.setattr("stormpetrel.search.scene_tiles.KNOWN_FOR_S", 0)
    assert client.get(tiled.address("s1")).status_code == 404


def test_a_key_that_reads_gets_tiles(tmp_path: Path) -> None:
    secured = SecuredApi(host="0.0.0.0")
    secured.memory = TiledApi(tmp_path, access={}, api={"host": "0.0.0.0"}, log=secured.log).memory
    with secured:
        address = f"/v1/tiles/{SCENE}/WMTSCapabilities.xml"
        assert secured.client.get(address).status_code == 401
        reader, watcher = secured.make_key("reader", "read"), secured.make_key("watcher", "ingest")
        assert secured.client.get(address, headers=bearer(reader)).status_code == 200
        assert secured.client.get(address, headers=bearer(watcher)).status_code == 403


def test_the_item_of_a_scene_links_to_its_tiles(tiled: TiledApi, client: TestClient) -> None:
    scenes = client.get("/v1/stac/search", params={"collections": "scenes"}).json()["features"]
    scene, without = sorted(scenes, key=lambda item: item["id"] != SCENE)
    links = [link for link in scene["links"] if link["rel"] == "xyz"]
    assert [link["title"] for link in links] == ["Sentinel-1 radar", "Sentinel-2 in true colour", "Change", "Water"]
    tile = tile_at(*tiled.middle, 14)
    for link in links:
        address = link["href"].format(z=tile.zoom, x=tile.column, y=tile.row)
        assert client.get(address).headers["content-type"] == link["type"]
    (wmts,) = (link for link in scene["links"] if link["rel"] == "wmts")
    assert wmts["wmts:layer"] == ["s1", "s2", "change", "water"]
    assert client.get(wmts["href"]).headers["content-type"] == "application/xml"
    assert any("web-map-links" in extension for extension in scene["stac_extensions"])
    assert not {"xyz", "wmts"} & {link["rel"] for link in without["links"]}
    assert not any("web-map-links" in extension for extension in without["stac_extensions"])


# Threads


def test_too_many_tiles_are_put_off_and_none_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_drawing, "MOST_WAITING", 3)
    monkeypatch.setattr(tile_drawing, "WITHIN_S", 0.2)
    drawing, disk = TileDrawing(None, 1), threading.Event()  # type: ignore[arg-type]

    async def ask() -> list[object]:
        return await asyncio.gather(*(drawing.run(disk.wait) for _ in range(4)), return_exceptions=True)

    answers = asyncio.run(ask())
    disk.set()
    assert all(isinstance(answer, HTTPException) and answer.status_code == 503 for answer in answers)
    details = [str(answer.detail) for answer in answers if isinstance(answer, HTTPException)]
    assert sum("not drawn within" in detail for detail in details) == 3 and "3 tiles are waited for" in details[3]
    assert asyncio.run(drawing.run(lambda: "drawn")) == "drawn"
    drawing.close()


# WMTS


def test_capabilities_say_where_tiles_are(tiled: TiledApi, client: TestClient) -> None:
    reply = client.get(f"/v1/tiles/{SCENE}/WMTSCapabilities.xml")
    assert reply.headers["content-type"] == "application/xml"
    document = etree.fromstring(reply.content)
    layers = document.findall(f"{WMTS}Contents/{WMTS}Layer")
    assert [layer.findtext(f"{OWS}Identifier") for layer in layers] == ["s1", "s2", "change", "water"]
    order = [etree.QName(child).localname for child in layers[0]]  # as the schema of OGC 07-057r7 has it
    described = ["Title", "Abstract", "WGS84BoundingBox", "Identifier", "Style", "Format", "Format"]
    assert order == [*described, "TileMatrixSetLink", "ResourceURL", "ResourceURL"]
    template = layers[0].find(f"{WMTS}ResourceURL").get("template")
    tile = tile_at(*tiled.middle, 14)
    for name, value in (("TileMatrix", tile.zoom), ("TileCol", tile.column), ("TileRow", tile.row)):
        template = template.replace(f"{{{name}}}", str(value))
    assert client.get(template).status_code == 200


def test_matrices_are_those_of_the_published_set(client: TestClient) -> None:
    document = etree.fromstring(client.get(f"/v1/tiles/{SCENE}/WMTSCapabilities.xml").content)
    published = morecantile.tms.get("WebMercatorQuad")
    for matrix in document.findall(f"{WMTS}Contents/{WMTS}TileMatrixSet/{WMTS}TileMatrix"):
        expected = published.matrix(int(matrix.findtext(f"{OWS}Identifier")))
        corner = [float(number) for number in matrix.findtext(f"{WMTS}TopLeftCorner").split()]
        assert float(matrix.findtext(f"{WMTS}ScaleDenominator")) == pytest.approx(expected.scaleDenominator, rel=1e-9)
        assert corner == pytest.approx(list(expected.pointOfOrigin), abs=1e-6)
        assert int(matrix.findtext(f"{WMTS}MatrixWidth")) == expected.matrixWidth


def test_as_gdals_wmts_client_asks(tiled: TiledApi) -> None:
    """QGIS reads WMTS through the same form: capabilities, then tiles by the template."""
    with served(tiled.memory) as address:
        source = f"WMTS:{address}/v1/tiles/{SCENE.replace('|', '%7C')}/WMTSCapabilities.xml,layer=change"
        with rasterio.open(source) as map_, rasterio.open(tiled.folder / "change.tif") as picture:
            assert map_.crs.to_epsg() == 3857
            bounds = rasterio.warp.transform_bounds(picture.crs, map_.crs, *picture.bounds)
            assert map_.bounds.left <= bounds[0] and map_.bounds.top >= bounds[3]
            (x,), (y,) = rasterio.warp.transform("EPSG:4326", map_.crs, [tiled.middle[0]], [tiled.middle[1]])
            shown = np.array(list(map_.sample([(x - 1000, y), (x + 1000, y)])))
    assert (shown[0, :3] == CHANGE[1, :3]).all() and (shown[1, :3] == CHANGE[NEW_WATER, :3]).all()

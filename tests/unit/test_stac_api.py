"""STAC as its clients ask for it: pystac-client, QGIS, STAC Browser, and whoever sends nonsense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pystac
import pystac_client
import pytest
from fastapi.testclient import TestClient
from pystac.extensions.eo import EOExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.extensions.sar import FrequencyBand, Polarization, SarExtension
from pystac.extensions.sat import OrbitState, SatExtension
from pystac.validation import validate_dict

from stormpetrel.search.item_order import Position
from stormpetrel.search.item_search import ItemQuery
from tests.fuzzing import served
from tests.memory_api import SCENE as SMALL_SCENE
from tests.memory_api import MemoryApi
from tests.unit.stac_night import OPTICAL, PATCHES, RADAR, SCENE, add_large_scene

STAC = "/v1/stac"
DIRECTIONS = ("-datetime", "+datetime")


@pytest.fixture(scope="module")
def memory_api() -> MemoryApi:
    memory_api = MemoryApi()
    add_large_scene(memory_api, 250)
    return memory_api


@pytest.fixture(scope="module")
def client(memory_api: MemoryApi) -> Iterator[TestClient]:
    with TestClient(memory_api.app()) as client:
        yield client


def features(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    reply = client.get(f"{STAC}/search", params={"limit": 1000, **parameters})
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["features"]
    return found


def link_of(document: dict[str, Any], rel: str) -> dict[str, Any]:
    return next(link for link in document["links"] if link["rel"] == rel)


# pystac-client


def test_pystac_client_reads_every_item_of_a_large_scene_once() -> None:
    memory_api = MemoryApi()
    add_large_scene(memory_api)
    with served(memory_api) as address:
        catalogue = pystac_client.Client.open(f"{address}{STAC}")
        for name in ("CORE", "COLLECTIONS", "FEATURES", "ITEM_SEARCH", "FILTER", "SORT", "FIELDS"):
            assert catalogue.conforms_to(name), name
        assert [collection.id for collection in catalogue.get_collections()] == ["patches", "products", "scenes"]
        fields = {"include": ["id"], "exclude": ["links"]}
        search = catalogue.search(collections=["patches"], limit=1000, fields=fields)
        ids = [item["id"] for item in search.items_as_dicts()]
        assert len(ids) == PATCHES + 30 == len(set(ids))
        wet = catalogue.search(filter="new_water > .2 AND cloud_cover < 20", limit=7, method="GET", fields=fields)
        assert len({item["id"] for item in wet.items_as_dicts()}) == 110


def test_pages_of_all_collections_lose_nothing_in_either_direction(client: TestClient) -> None:
    for order in DIRECTIONS:
        address: str | None = f"{STAC}/search?limit=37&sortby={quote(order)}"
        ids, times = [], []
        while address:
            page = client.get(address).json()
            ids += [(feature["collection"], feature["id"]) for feature in page["features"]]
            times += [feature["properties"]["datetime"] for feature in page["features"]]
            address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        assert len(ids) == len(set(ids)) == 250 + 30 + 2 + 4
        assert times == sorted(times, reverse=order.startswith("-"))


def test_a_page_begins_where_the_last_ended_though_items_come_and_go(memory_api: MemoryApi, client: TestClient) -> None:
    search = memory_api.resources.imagery.items
    page = search.page(ItemQuery(("patches",), limit=5))
    assert page.next is not None
    gone = Position(page.next.time, "patches", page.next.id + "!")  # what has been deleted since
    after_gone = search.page(ItemQuery(("patches",), limit=5, after=gone))
    after = search.page(ItemQuery(("patches",), limit=5, after=page.next))
    assert [item.document["_id"] for item in after_gone.items] == [item.document["_id"] for item in after.items]


# What an item is


def test_items_and_collections_meet_the_published_schemas_of_stac(client: TestClient) -> None:
    validate_dict(client.get(STAC).json())
    for name in ("patches", "scenes", "products"):
        collection = client.get(f"{STAC}/collections/{name}").json()
        validate_dict(collection)
        items = features(client, collections=name, limit=3)
        for item in items:
            validate_dict({**item, "stac_extensions": []})
            reply = client.get(link_of(item, "self")["href"])
            assert reply.json() == item
        assert link_of(collection, "item")["href"] == link_of(items[0], "self")["href"]


def test_an_item_bears_the_extensions_that_clients_read(client: TestClient) -> None:
    (scene,) = features(client, collections="scenes", ids=SCENE)
    item = pystac.Item.from_dict(scene)
    sar, sat = SarExtension.ext(item), SatExtension.ext(item)
    assert (sar.instrument_mode, sar.product_type) == ("IW", "GRD")
    assert sar.polarizations == [Polarization.VV, Polarization.VH] and sar.frequency_band == FrequencyBand.C
    assert (sat.relative_orbit, sat.absolute_orbit, sat.orbit_state) == (8, 61680, OrbitState.DESCENDING)
    projection = ProjectionExtension.ext(item)
    assert projection.code == "EPSG:32630" and projection.shape == [13_120, 12_000]
    assert projection.transform == [10.0, 0.0, 600_000.0, 0.0, -10.0, 4_431_200.0]  # x of a column, y of a row
    bands = RasterExtension.ext(item.assets["s2"]).bands
    assert bands is not None and [band.nodata for band in bands] == [0, 0, 0]
    patch = pystac.Item.from_dict(features(client, collections="patches", filter="cloud_cover = 5", limit=1)[0])
    assert EOExtension.ext(patch).cloud_cover == 5.0
    assert patch.properties["stormpetrel:new_water"] == 0.25
    product = pystac.Item.from_dict(features(client, ids=OPTICAL)[0])
    assert EOExtension.ext(product).cloud_cover == 12.5 and product.common_metadata.instruments == ["msi"]


def test_an_item_across_the_antimeridian_is_found_from_both_sides(memory_api: MemoryApi, client: TestClient) -> None:
    from stormpetrel.projections.patches import patch_document, patch_point
    from tests.unit.stac_night import large_patch  # its projection is the one of all patches

    ring = ((179.99, -17.0), (-179.99, -17.0), (-179.99, -16.98), (179.99, -16.98), (179.99, -17.0))
    patch = large_patch(0, patch_id="far/32701/g120/r0c0", scene_id="far", longitude=180.0, latitude=-16.99, ring=ring)
    memory_api.documents.upsert("patches", [patch_document(patch)])
    memory_api.index.upsert("patches", [patch_point(patch, 0)])
    try:
        for box in ("179,-18,179.995,-16", "-179.995,-18,-179,-16", "179,-18,-179,-16"):
            (found,) = features(client, bbox=box)
            assert found["geometry"]["type"] == "MultiPolygon" and found["bbox"][0] == 179.99
    finally:
        memory_api.documents.delete("patches", [patch.patch_id])
        memory_api.index.delete("patches", [patch.patch_id])


# What is asked


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"bbox": "-1,39,-0.9925,39.005"}, 1 + 3),
        ({"bbox": "-1,39,0,-0.9925,39.005,100"}, 1 + 3),
        ({"bbox": "170,-10,-170,10"}, 0),
        ({"datetime": "2025-11-03T20:00:00Z"}, 250 + 3),
        ({"datetime": "2025-11-03T20:00:20Z/.."}, 30 + 3 + 2),  # a product is sensed for 25 seconds
        ({"datetime": "../2025-11-03T23:59:59Z"}, 250 + 3),
        ({"datetime": "/2025-11-03T23:00:00+00:00"}, 250 + 3),
        ({"ids": f"{RADAR},{SMALL_SCENE},nothing"}, 2),
        ({"collections": "scenes,products"}, 2 + 4),
        ({"collections": "unheard-of"}, 0),
        ({"intersects": '{"type":"Point","coordinates":[-0.5,39.6]}'}, 3),
        ({"filter": "new_water >= 0.25"}, 3),
        ({"filter": "label = 'patches:flood-water'"}, 1),
        ({"filter": "orbit_state = 'descending' AND relative_orbit = 8 AND collection <> 'patches'"}, 3),
        ({"filter": "eo:cloud_cover > 50"}, 25),
        ({"filter": "new_water_confidence IS NOT NULL"}, 3 + 1),
        (
            {"filter": '{"op":"=","args":[{"property":"sensor"},"sentinel-2"]}', "filter-lang": "cql2-json"},
            30 + 250 + 4,
        ),
        ({"filter": "S_INTERSECTS(geometry, POINT(-0.993 39.005)) AND scale_level = 120"}, 1),
        ({"filter": "id LIKE '%c0501'"}, 3),
    ],
)
def test_a_search_finds_what_it_asks_for(client: TestClient, parameters: dict[str, str], count: int) -> None:
    assert len(features(client, **parameters)) == count


@pytest.mark.parametrize(
    "parameters",
    [
        {"bbox": "1,2,3"},
        {"bbox": "1,2,3,nan"},
        {"bbox": "0,10,1,5"},
        {"bbox": "0,0,1,1", "intersects": '{"type":"Point","coordinates":[0,0]}'},
        {"datetime": "yesterday"},
        {"datetime": "2025-11-03"},
        {"datetime": "../.."},
        {"datetime": "2025-11-04T00:00:00Z/2025-11-03T00:00:00Z"},
        {"intersects": '{"type":"Polygon"}'},
        {"intersects": "[" * 15_000},
        {"limit": "0"},
        {"limit": "ten"},
        {"sortby": "eo:cloud_cover"},
        {"token": "bm90aGluZw"},
        {"filter": "(" * 10_000},
        {"filter": "x" * 30_000},
        {"filter": "unheard_of = 1"},
        {"filter": "cloud_cover < 20", "filter-lang": "sql"},
        {"filter-crs": "http://www.opengis.net/def/crs/EPSG/0/32632"},
    ],
)
def test_nonsense_is_told_with_its_remedy(client: TestClient, parameters: dict[str, str]) -> None:
    reply = client.get(f"{STAC}/search", params=parameters)
    assert reply.status_code == 400, reply.text
    faults = reply.json()["detail"]
    assert faults and all(fault["field"] and fault["problem"] and fault["remedy"] for fault in faults)
    assert "Input should" not in reply.text


def test_a_bomb_in_a_body_is_refused(client: TestClient) -> None:
    nested: Any = True
    for _ in range(300):
        nested = {"op": "not", "args": [nested]}
    for body in (f'{{"filter": {json.dumps(nested)}}}', '{"filter":' + '{"op":"not","args":[' * 50_000):
        reply = client.post(f"{STAC}/search", content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 400 and reply.json()["detail"][0]["remedy"]


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    for path in ("collections/clouds", "collections/clouds/items", "collections/patches/items/no/such", "nothing"):
        assert client.get(f"{STAC}/{path}").status_code == 404
    assert client.post(f"{STAC}/search", json={"query": {"eo:cloud_cover": {"lt": 10}}}).status_code == 400


# Requests in the form of other clients, from what their public sources do


def test_as_stac_browser_asks(client: TestClient) -> None:
    """It reads the root, follows its links, lists a collection's items, and searches by POST with what its form has."""
    root = client.get(STAC).json()
    assert client.get(link_of(root, "data")["href"]).json()["collections"][0]["id"] == "patches"
    queryables = client.get(link_of(root, "http://www.opengis.net/def/rel/ogc/1.0/queryables")["href"])
    assert queryables.headers["content-type"] == "application/schema+json"
    assert "stormpetrel:new_water" in queryables.json()["properties"]
    collection = client.get(f"{STAC}/collections/patches").json()
    page = client.get(link_of(collection, "items")["href"], params={"limit": 12}).json()
    second = client.get(link_of(page, "next")["href"]).json()
    assert len(page["features"]) == len(second["features"]) == 12
    form = {
        "collections": ["patches"],
        "bbox": [-1, 39, 0.5, 40.2],
        "datetime": "2025-11-03T00:00:00Z/2025-11-03T23:59:59Z",
        "limit": 12,
        "sortby": [{"field": "properties.datetime", "direction": "desc"}],
        "filter-lang": "cql2-json",
        "filter": {"op": "and", "args": [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]}]},
    }
    found: list[str] = []
    reply = client.post(f"{STAC}/search", json=form).json()
    while True:
        found += [feature["id"] for feature in reply["features"]]
        following = [link for link in reply["links"] if link["rel"] == "next"]
        if not following:
            break
        assert following[0]["method"] == "POST"
        reply = client.post(following[0]["href"], json=following[0]["body"]).json()
    assert len(found) == len(set(found)) == 225


def test_as_qgis_asks(client: TestClient) -> None:
    """Its own browser reads collections and their items by GET; the plugin searches as pystac-client does."""
    collections = client.get(f"{STAC}/collections", headers={"Accept": "application/json"}).json()["collections"]
    assert all(collection["extent"]["spatial"]["bbox"] for collection in collections)
    parameters = {"limit": "10", "collections": "patches", "bbox": "-1.0000000,39.0000000,0.5000000,40.2000000"}
    page = client.get(f"{STAC}/search", params={**parameters, "datetime": "2025-11-01T00:00:00Z/2025-11-30T00:00:00Z"})
    assert page.headers["content-type"] == "application/geo+json" and len(page.json()["features"]) == 10
    scene = features(client, collections="scenes", ids=SCENE)[0]
    assert scene["assets"]["s1"]["type"].startswith("image/tiff; application=geotiff; profile=cloud-optimized")
    body = {"max_items": 100, "limit": 10, "collections": ["patches"], "sortby": [{"field": "id", "direction": "asc"}]}
    refused = client.post(f"{STAC}/search", json=body)
    assert refused.status_code == 400 and {fault["field"] for fault in refused.json()["detail"]} == {"max_items"}


def test_fields_leave_out_and_in(client: TestClient) -> None:
    shown = "properties.datetime,stormpetrel:new_water"
    item = features(client, collections="patches", filter="new_water > 0", fields=shown)[0]
    assert item.keys() == {"type", "stac_version", "id", "collection", "properties"}
    assert item["properties"].keys() == {"datetime", "stormpetrel:new_water"}
    both = features(client, collections="patches", limit=1, fields="-properties,properties.mission,-geometry,geometry")
    assert both[0]["properties"].keys() == {"mission"} and both[0]["geometry"]
    whole = features(client, collections="patches", limit=1, fields="-geometry,-properties.datetime,-id")[0]
    assert "id" in whole and "geometry" not in whole and "datetime" not in whole["properties"]


def test_the_page_is_never_longer_than_a_thousand(client: TestClient) -> None:
    page = client.get(f"{STAC}/collections/patches/items", params={"limit": 10_000})
    assert page.status_code == 200
    assert len(page.json()["features"]) == 280
    assert all(first["id"] < second["id"] for first, second in pairwise(page.json()["features"][30:]))

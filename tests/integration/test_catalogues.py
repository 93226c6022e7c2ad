"""Catalogues are read: CDSE's queue, OData pages, a STAC API, pushes; over restarts, and each product once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.log import read_dead_letters
from tests.integration.running import RunningSystem, wait_until

pytestmark = pytest.mark.integration
STARTED = datetime.now(UTC)
BOX = {"type": "Polygon", "coordinates": [[[100, 10], [101, 10], [101, 11], [100, 11], [100, 10]]]}


def _name(number: int, kind: str = "MSIL2A") -> str:
    return f"S2B_{kind}_20251104T10{number:02d}00_N0511_R022_T47PRL_20251104T120000"


def _value(number: int) -> dict[str, Any]:
    published = (STARTED - timedelta(minutes=60 - number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "Id": f"id-{number}",
        "Name": f"{_name(number)}.SAFE",
        "PublicationDate": published,
        "GeoFootprint": BOX,
        "ContentDate": {"Start": "2025-11-04T10:00:00Z", "End": "2025-11-04T10:00:00Z"},
        "S3Path": f"/eodata/{_name(number)}.SAFE",
        "Attributes": [{"Name": "cloudCover", "Value": 12.5}],
    }


class Catalogue:
    """A catalogue as the Data Space's: a queue, OData with pages of two, STAC. What was asked is kept."""

    def __init__(self) -> None:
        self.queue: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.filters: list[str] = []
        self.logins = 0
        self.url = ""

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route("/odata/Subscriptions(sub-1)/Read", self._read),
                Route("/odata/Subscriptions(sub-1)/Ack", self._ack, methods=["POST"]),
                Route("/odata/Products", self._products),
                Route("/odata/Products(id-lost)", lambda _: JSONResponse(_value(7))),
                Route("/stac", self._landing),
                Route("/stac/search", self._search, methods=["GET", "POST"]),
            ]
        )

    async def _token(self, request: Request) -> JSONResponse:
        self.logins += 1
        form = (await request.body()).decode()
        return JSONResponse({"access_token": "t0k3n", "expires_in": 600} if "s3cret" in form else {}, 200)

    def _read(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != "Bearer t0k3n":
            return JSONResponse({}, 401)
        waiting = [entry for entry in self.queue if entry["AckId"] not in self.acknowledged]
        return JSONResponse(waiting[: int(request.query_params["$top"])])

    def _ack(self, request: Request) -> JSONResponse:
        self.acknowledged.append(request.query_params["$ackid"])
        return JSONResponse({})

    def _products(self, request: Request) -> JSONResponse:
        self.filters.append(request.query_params.get("$filter", ""))
        page = int(request.query_params.get("page", 0))
        body: dict[str, Any] = {"value": [_value(2 * page + 1), _value(2 * page + 2)]}
        if page == 0:
            body["@odata.nextLink"] = f"{self.url}/odata/Products?page=1"
        return JSONResponse(body)

    def _landing(self, _: Request) -> JSONResponse:
        return JSONResponse(
            {
                "type": "Catalog",
                "stac_version": "1.0.0",
                "id": "test",
                "description": "a test",
                "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
                "links": [
                    {"rel": "root", "href": f"{self.url}/stac", "type": "application/json"},
                    {
                        "rel": "search",
                        "href": f"{self.url}/stac/search",
                        "type": "application/geo+json",
                        "method": "POST",
                    },
                ],
            }
        )

    def _search(self, _: Request) -> JSONResponse:
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": _name(9),
            "geometry": BOX,
            "bbox": [100, 10, 101, 11],
            "properties": {
                "datetime": "2025-11-04T10:00:00Z",
                "eo:cloud_cover": 3.0,
                "published": "2025-11-04T12:00:00Z",
            },
            "links": [],
            "collection": "sentinel-2-l2a",
            "assets": {"B02_10m": {"href": "s3://eodata/x_B02_10m.jp2"}},
        }
        return JSONResponse({"type": "FeatureCollection", "features": [item], "links": []})


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    made = Catalogue()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made.url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(made.application(), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 20, "the catalogue answers")
    yield made
    server.should_exit = True
    thread.join(10)


def _told(system: RunningSystem) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for record in system.reader.read(PRODUCTS_ANNOUNCED):
        event = record.decode(ProductAnnounced, ProductWithdrawn)
        found.setdefault(event.product_name, []).append(event)
    return found


def _run(system: RunningSystem, name: str, catalogue: Catalogue) -> None:
    system.start(
        "source",
        "sources",
        "run",
        name,
        STORMPETREL_CATALOGUE__SUBSCRIPTIONS_URL=f"{catalogue.url}/odata",
        STORMPETREL_CATALOGUE__ODATA_URL=f"{catalogue.url}/odata",
        STORMPETREL_CATALOGUE__STAC_URL=f"{catalogue.url}/stac",
        STORMPETREL_CATALOGUE__IDENTITY_URL=f"{catalogue.url}/token",
        STORMPETREL_CATALOGUE__USER="me",
        STORMPETREL_CATALOGUE__PASSWORD="s3cret",
        STORMPETREL_CATALOGUE__SUBSCRIPTION_ID="sub-1",
        STORMPETREL_CATALOGUE__EVERY_S="0.3",
    )


def test_a_queue_is_emptied_and_acknowledged_after_kafka_has_its_events(
    system: RunningSystem, catalogue: Catalogue
) -> None:
    gone = _name(23)
    catalogue.queue = [
        {
            "SubscriptionEvent": "created",
            "AckId": f"ack-{number}",
            "ProductName": f"{_name(number)}.SAFE",
            "value": _value(number),
        }
        for number in range(30, 55)
    ]
    catalogue.queue += [
        {"SubscriptionEvent": "deleted", "AckId": "ack-gone", "ProductName": f"{gone}.SAFE"},
        {"SubscriptionEvent": "created", "AckId": "ack-lost", "ProductId": "id-lost"},
        {"SubscriptionEvent": "sung", "AckId": "ack-odd", "ProductName": "odd"},
    ]
    _run(system, "cdse", catalogue)
    wait_until(lambda: len(set(catalogue.acknowledged)) == 28, 60, "all is acknowledged")
    system.stop("source")
    told = _told(system)
    assert {_name(number) for number in range(30, 55)} <= told.keys()
    assert isinstance(told[gone][-1], ProductWithdrawn)
    assert _name(7) in told, "older than three days: the catalogue was asked"
    assert any("sung" in letter.reason for letter in read_dead_letters(system.reader, PRODUCTS_ANNOUNCED))
    assert catalogue.logins == 1


def test_odata_is_read_page_by_page_and_goes_on_after_a_restart_where_it_was(
    system: RunningSystem, catalogue: Catalogue
) -> None:
    _run(system, "odata", catalogue)
    wait_until(lambda: len(catalogue.filters) >= 3, 60, "two pages and a second look")
    system.kill("source")
    first = catalogue.filters[0]
    catalogue.filters.clear()
    _run(system, "odata", catalogue)
    wait_until(lambda: bool(catalogue.filters), 60, "a look after the restart")
    system.stop("source")
    assert {_name(number) for number in (1, 2, 3, 4)} <= _told(system).keys()
    assert _since(catalogue.filters[0]) > _since(first) + timedelta(hours=10), "the cursor, not the default of a day"
    assert _told(system)[_name(1)][0].cloud_cover == 12.5
    assert len(_told(system)[_name(1)]) <= 2, "once a process, however often it is polled"


def _since(asked: str) -> datetime:
    return datetime.fromisoformat(asked.split("gt ", 1)[1][:19]).replace(tzinfo=UTC)


def test_any_stac_api_is_a_source(system: RunningSystem, catalogue: Catalogue) -> None:
    _run(system, "stac", catalogue)
    wait_until(lambda: _name(9) in _told(system), 60, "the item is announced")
    system.stop("source")
    (event,) = _told(system)[_name(9)]
    assert event.assets == {"B02": "s3://eodata/x_B02_10m.jp2"}


def test_a_push_needs_its_secret(system: RunningSystem) -> None:
    system.start("serve-push", "serve", STORMPETREL_CATALOGUE__SECRET="hush")
    note = {"SubscriptionEvent": "created", "ProductName": f"{_name(59)}.SAFE", "value": _value(59)}
    try:
        import httpx

        port = system.ports["serve-push"]
        address = f"http://127.0.0.1:{port}/v1/notifications/cdse"
        assert httpx.post(address, json=note).status_code == 401
        assert httpx.post(address, json=note, auth=("cdse", "wrong")).status_code == 401
        assert _name(59) not in _told(system)
        reply = httpx.post(address, json=note, auth=("cdse", "hush"))
        assert (reply.status_code, reply.json()) == (202, {"outcome": "published"})
        assert _name(59) in _told(system)
        assert httpx.post(address, json=[1], auth=("cdse", "hush")).status_code == 422
    finally:
        system.stop("serve-push")

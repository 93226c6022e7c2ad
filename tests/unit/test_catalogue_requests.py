"""Catalogues are asked within bounds: waits that they ask for are kept, and a dry run writes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from consumers.sources.back_off import LONGEST_ASKED_S, retry_after_s
from consumers.sources.catalogue_listing import list_products
from consumers.sources.catalogue_requests import CatalogueBusy, CatalogueRequests, RequestRate
from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, SetupError, StoreUnavailable
from stormpetrel.core.settings import Catalogue, Imagery, Settings
from stormpetrel.imagery.catalogue import stac_api
from stormpetrel.stores.tokens import Tokens
from tests.source_servers.http_server import QuietHandler, serving

BOX = {"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 45], [8, 44]]]}


class CatalogueServer:
    """Answers what is set, and keeps what was asked."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, dict[str, str](), b"{}"
        self.asked: list[str] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                self.send_response(server.status)
                for name, value in {**server.headers, "Content-Length": str(len(server.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(server.body)

        return Handler


@pytest.fixture
def server() -> CatalogueServer:
    return CatalogueServer()


@pytest.fixture
def url(server: CatalogueServer) -> Iterator[str]:
    with serving(server.handler(), threading.Event()) as address:
        yield address


def _requests(url: str) -> CatalogueRequests:
    settings = Catalogue(odata_url=url, stac_url=url, subscriptions_url=url)
    return CatalogueRequests(settings, Tokens(settings), RequestRate(6000, sleep=lambda _: None))


def _product(number: int, **more: Any) -> dict[str, Any]:
    return {
        "Name": f"S2B_MSIL2A_20251104T10{number:02d}00_N0511_R022_T32TMP_20251104T120000.SAFE",
        "PublicationDate": "2025-11-04T12:30:00.000Z",
        "GeoFootprint": BOX,
        "ContentDate": {"Start": "2025-11-04T10:00:00Z", "End": "2025-11-04T10:00:00Z"},
        "S3Path": f"/eodata/{number}.SAFE",
        "ContentLength": 1_000_000,
        **more,
    }


@pytest.mark.parametrize(("status", "value", "wait_s"), [(429, "120", 120.0), (503, "7", 7.0), (429, "soon", None)])
def test_a_catalogue_that_asks_for_patience_says_how_long(
    server: CatalogueServer, url: str, status: int, value: str, wait_s: float | None
) -> None:
    server.status, server.headers = status, {"Retry-After": value}
    with pytest.raises(CatalogueBusy, match=str(status)) as busy:
        _requests(url).get(f"{url}/Products", None)
    assert busy.value.wait_s == wait_s
    assert busy.value.is_temporary


def test_other_failures_are_told_apart(server: CatalogueServer, url: str) -> None:
    server.status = 404
    with pytest.raises(MalformedRecord, match="is not there"):
        _requests(url).get(f"{url}/Products(1)", None)
    server.status = 500
    with pytest.raises(StoreUnavailable, match="does not answer") as error:
        _requests(url).get(f"{url}/Products", None)
    assert not isinstance(error.value, CatalogueBusy)


def test_retry_after_is_read_in_both_forms_and_bounded() -> None:
    assert retry_after_s({"Retry-After": "12"}) == 12.0
    assert retry_after_s({"Retry-After": "9" * 5000}) == LONGEST_ASKED_S
    in_a_minute = format_datetime(now() + timedelta(minutes=1), usegmt=True)
    assert 50 < (retry_after_s({"Retry-After": in_a_minute}) or 0) <= 60
    assert retry_after_s({"Retry-After": format_datetime(now() - timedelta(hours=1), usegmt=True)}) == 0.0
    for nothing in ({}, {"Retry-After": ""}, {"Retry-After": "-5"}, {"Retry-After": "Mon, 99 Foo"}):
        assert retry_after_s(nothing) is None


def test_requests_are_spread_over_the_minute() -> None:
    waits: list[float] = []
    rate = RequestRate(120, sleep=waits.append)
    for _ in range(4):
        rate.wait()
    assert [round(wait, 1) for wait in waits] == [0.0, 0.5, 1.0, 1.5]


def test_a_dry_run_lists_bytes_and_what_is_left_out_with_its_reason(server: CatalogueServer, url: str) -> None:
    cloudy = {"Attributes": [{"Name": "cloudCover", "Value": 95.0}]}
    far = {"GeoFootprint": {"type": "Polygon", "coordinates": [[[20, 0], [21, 0], [21, 1], [20, 1], [20, 0]]]}}
    records = [_product(1), _product(2, **cloudy), _product(3, **far), {"Name": _product(4)["Name"]}]
    server.body = json.dumps({"value": records}).encode()
    settings = Settings(
        catalogue=Catalogue(odata_url=url, stac_url=url, subscriptions_url=url), imagery=Imagery(area=(8, 44, 8.5, 45))
    )
    products, unreadable = list_products(settings, "odata", _requests(url))
    by_number = {product.name[22:24]: product for product in products}
    assert unreadable == 1
    assert (by_number["01"].bytes_at_most, by_number["01"].left_out) == (500_000, "")  # half of it is in the area
    assert "95 % of clouds" in by_number["02"].left_out and by_number["02"].bytes_at_most == 0
    assert by_number["03"].left_out == "it lies outside imagery.area"
    assert "Products" in server.asked[0]


def test_a_dry_run_of_a_queue_is_refused() -> None:
    with pytest.raises(SetupError, match="stac or odata"):
        list_products(Settings(), "cdse")


def test_a_stac_product_is_as_large_as_the_files_that_are_read() -> None:
    assets = {
        name: {"href": f"https://a.test/{name}.jp2", "file:size": 1000}
        for name in ("B02_10m", "B03_10m", "B04_10m", "B08_10m", "SCL_20m", "B11_20m")
    }
    record = {
        "id": "S2B_MSIL2A_20251104T101500_N0511_R022_T32TMP_20251104T120000",
        "geometry": BOX,
        "properties": {"datetime": "2025-11-04T10:15:00Z"},
        "assets": assets,
    }
    event = stac_api.item(record, now())
    assert event is not None and event.size == 5000
    del assets["B04_10m"]["file:size"]
    event = stac_api.item(record, now())
    assert event is not None and event.size is None

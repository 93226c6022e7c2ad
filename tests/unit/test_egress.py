"""Readers reach the network through the proxy alone: tokens, redirects, names that change their address."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pydantic import SecretStr

from consumers.sources.catalogue import CataloguePoller, StoredCursors
from consumers.sources.catalogue_requests import CatalogueRequests, RequestRate
from stormpetrel.core.errors import BadProduct
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.settings import Catalogue, Imagery
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.readers.files import open_raster
from stormpetrel.imagery.readers.locations import Gate
from stormpetrel.imagery.types import Scene
from stormpetrel.stores.downloads import Downloads
from stormpetrel.stores.egress_proxy import EgressProxy, relay
from stormpetrel.stores.objects import RemoteFiles
from stormpetrel.stores.tokens import Tokens
from tests.unit.local_web import Web
from tests.unit.memory_stores import MemoryDocuments

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def inner() -> Iterator[Web]:
    """A server of the inner network, which no product may reach."""
    server = Web()
    server.files["/secret.tif"] = b"secret"
    yield server
    server.shutdown()
    server.server_close()


def product(**fields: Any) -> ProductAnnounced:
    return ProductAnnounced(
        product_name="S1A_x",
        platform="sentinel-1",
        product_type="GRD",
        sensed_from=NOW,
        sensed_until=NOW,
        footprint=shapely.geometry.mapping(shapely.box(8, 44, 9, 45)),
        source="stac",
        announced_at=NOW,
        **fields,
    )


def scene(**fields: Any) -> Scene:
    return Scene(product(**fields), None, shapely.box(8, 44, 9, 45))


def settings(folder: Path, *hosts: str, **fields: Any) -> Imagery:
    return Imagery(directory=folder, private_hosts=hosts, token=SecretStr("t0k3n"), **fields)


def test_the_token_goes_to_its_own_host_alone(web: Web, inner: Web, tmp_path: Path) -> None:
    """Before: to whatever host a product named."""
    web.files["/a.zip"] = inner.files["/a.zip"] = b"PK"
    imagery = settings(tmp_path, web.host, inner.host, token_host=web.host)
    with EgressProxy(Gate.of(imagery)) as proxy:
        downloads = Downloads(imagery, proxy)
        downloads.fetch(f"{web.url}/a.zip", "a.zip")
        downloads.fetch(f"{inner.url}/a.zip", "b.zip")
        web.redirects["/c.zip"] = f"{inner.url}/a.zip"
        downloads.fetch(f"{web.url}/c.zip", "c.zip")
    assert web.requests == [("/a.zip", "Bearer t0k3n"), ("/c.zip", "Bearer t0k3n")]
    assert inner.requests == [("/a.zip", None), ("/a.zip", None)], "neither at once nor by a redirect"


def test_the_token_is_not_sent_in_the_clear_to_a_host_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    imagery = Imagery(
        directory=tmp_path, token=SecretStr("t0k3n"), token_host="archive.example", allowed_hosts=("archive.example",)
    )
    with EgressProxy(Gate.of(imagery)) as proxy:
        downloads = Downloads(imagery, proxy)
        assert downloads._authorization("http://archive.example/a.zip") == {}
        assert downloads._authorization("https://archive.example/a.zip") == {"Authorization": "Bearer t0k3n"}
        assert downloads._authorization("https://archive.example.evil/a.zip") == {}


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(web: Web, inner: Web, tmp_path: Path) -> None:
    web.redirects["/a.zip"] = f"{inner.url}/secret.tif"
    web.redirects["/loop.zip"] = "/loop.zip"
    imagery = settings(tmp_path, web.host)
    with EgressProxy(Gate.of(imagery)) as proxy:
        downloads = Downloads(imagery, proxy)
        with pytest.raises(BadProduct, match=r"not an allowed host.*imagery\.allowed_hosts"):
            downloads.fetch(f"{web.url}/a.zip", "a.zip")
        with pytest.raises(BadProduct, match="redirects"):
            downloads.fetch(f"{web.url}/loop.zip", "loop.zip")
    assert inner.requests == []
    assert not (tmp_path / "downloads" / "a.zip").exists()


def test_a_name_that_resolves_to_an_inner_address_the_next_time_is_not_connected_to(
    inner: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the check sees a public address, the connection would go to the inner server."""
    answers = iter(["93.184.215.14", "127.0.0.1"])
    plain = socket.getaddrinfo

    def resolve(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host != "archive.example":
            return plain(host, port, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    gate = Gate((f"archive.example:{inner.server_port}",))
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    starting = asyncio.start_server(partial(relay, gate), "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    port = server.sockets[0].getsockname()[1]
    address = f"http://archive.example:{inner.server_port}/secret.tif"
    gate.check_address(address)  # the check is content
    with httpx.Client(proxy=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.get(address).status_code == 403
    loop.call_soon_threadsafe(loop.stop)
    assert inner.requests == []


def test_the_proxy_ends_with_its_parent_and_is_started_again_where_it_has_ended(web: Web, tmp_path: Path) -> None:
    web.files["/vv.xml"] = b"<a/>"
    imagery = settings(tmp_path, web.host)
    with EgressProxy(Gate.of(imagery)) as proxy:
        first = proxy._process
        first.kill()
        first.wait(10)
        local = Downloads(imagery, proxy).localise(scene(assets={"noise-vv.xml": f"{web.url}/vv.xml"}))
        assert local.radar is not None
        assert Path(local.radar.assets["noise-vv.xml"]).read_bytes() == b"<a/>"
        second = proxy._process
    assert second.poll() == 0


@pytest.fixture
def raster(tmp_path: Path) -> bytes:
    path = tmp_path / "made.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=600, height=600, count=1, dtype="uint16", crs="EPSG:32632",
        transform=Affine(10, 0, 5e5, 0, -10, 5e6)
    ) as out:  # fmt: skip
        out.write(np.full((1, 600, 600), 7, np.uint16))
    return path.read_bytes()


def test_gdal_reads_through_the_proxy_and_follows_no_redirect_to_the_inner_network(
    web: Web, inner: Web, raster: bytes, tmp_path: Path
) -> None:
    web.files["/vv.tif"] = inner.files["/secret.tif"] = raster
    web.redirects["/moved.tif"] = f"{inner.url}/secret.tif"
    with (
        EgressProxy(Gate((), (web.host,))) as proxy,
        rasterio.Env(GDAL_HTTP_PROXY=proxy.url, GDAL_HTTPS_PROXY=proxy.url, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
    ):
        with open_raster(f"/vsicurl/{web.url}/vv.tif") as dataset:
            assert dataset.read(1).mean() == 7
        for address in (f"{web.url}/moved.tif", f"{inner.url}/secret.tif"):
            with pytest.raises(BadProduct, match="cannot be read"), open_raster(f"/vsicurl/{address}"):
                pass
    assert inner.requests == []
    assert ("/moved.tif", None) in web.requests


def test_annotations_are_fetched_through_the_proxy(web: Web, inner: Web, tmp_path: Path) -> None:
    web.files["/noise.xml"] = b"<noise/>"
    web.redirects["/moved.xml"] = f"{inner.url}/secret.tif"
    with EgressProxy(Gate((), (web.host,))) as proxy:
        remote = RemoteFiles(None, proxy.url)
        assert remote.fetch(f"{web.url}/noise.xml", tmp_path / "a").read_bytes() == b"<noise/>"
        with pytest.raises(BadProduct):
            remote.fetch(f"{web.url}/moved.xml", tmp_path / "a")
        with pytest.raises(BadProduct):
            remote.fetch(f"{inner.url}/secret.xml", tmp_path / "a")
    assert inner.requests == []


def test_a_product_that_names_an_inner_address_or_a_file_is_refused_before_anything_is_read(
    inner: Web, tmp_path: Path
) -> None:
    imagery = settings(tmp_path)
    with EgressProxy(Gate.of(imagery)) as proxy:
        downloads = Downloads(imagery, proxy)
        for fields in (
            {"location": f"{inner.url}/a.zip"},
            {"assets": {"vv": f"{inner.url}/secret.tif"}},
            {"assets": {"vv": "/etc/passwd"}},
            {"location": "/etc"},
            {"location": "/vsicurl/http://127.0.0.1/a.tif"},
        ):
            with pytest.raises(BadProduct):
                downloads.localise(scene(**fields))
    assert inner.requests == []


def test_a_reference_that_must_not_be_read_is_left_out_and_the_scene_goes_on(
    web: Web, inner: Web, tmp_path: Path
) -> None:
    imagery = settings(tmp_path, web.host)
    pair = Scene(
        product(assets={"vv": f"{web.url}/vv.tif"}),
        None,
        shapely.box(8, 44, 9, 45),
        radar_reference=product(location=f"{inner.url}/a.zip"),
    )
    with EgressProxy(Gate.of(imagery)) as proxy:
        local = Downloads(imagery, proxy).localise(pair)
    assert local.radar == pair.radar
    assert local.radar_reference is None
    (problem,) = local.problems
    assert "not an allowed host" in problem


def test_the_proxy_refuses_what_it_cannot_read(web: Web) -> None:
    with EgressProxy(Gate((), (web.host,))) as proxy:
        port = int(proxy.url.rsplit(":", 1)[1])
        for request in (b"hello\r\n\r\n", b"GET /relative HTTP/1.1\r\n\r\n", b"CONNECT a:b HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(request)
                assert connection.recv(100).split(b" ")[1] in (b"400", b"403")
        web.files["/a"] = b"x" * 300_000
        with httpx.Client(proxy=proxy.url, trust_env=False) as client:
            assert [client.get(f"{web.url}/b?n={n}").status_code for n in range(3)] == [404, 404, 404]
            assert len(client.get(f"{web.url}/a").content) == 300_000


def test_the_catalogues_token_does_not_follow_a_next_page_to_another_host(web: Web, inner: Web) -> None:
    """Before: the token went to whatever address an answer named as its next page."""
    catalogue = Catalogue(odata_url=web.url, stac_url=web.url, subscriptions_url=web.url, token=SecretStr("t0k3n"))
    producer, cursors = Mock(spec=EventProducer), StoredCursors(MemoryDocuments())
    publisher = ProductPublisher(producer, "test")
    requests = CatalogueRequests(catalogue, Tokens(catalogue), RequestRate(60, sleep=lambda _: None))
    poller = CataloguePoller(catalogue, Imagery(), publisher, cursors, requests)
    inner.files["/next"] = b'{"value": []}'
    web.files["/Products"] = f'{{"value": [], "@odata.nextLink": "{inner.url}/next"}}'.encode()
    poller.odata()
    assert [authorization for _, authorization in web.requests] == ["Bearer t0k3n"]
    assert inner.requests == [("/next", None)]

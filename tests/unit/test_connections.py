"""Connections to addresses that strangers name: public ones alone, within a size and a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stormpetrel.connections import AllowedHosts, BoundedGet, CheckedBackend, Deadline
from stormpetrel.core.errors import DownloadFailed, DownloadRefused, HostRefused
from tests.unit.photo_server import PhotoServer, photo_bytes, photo_server

LARGEST = 1_000_000


@pytest.fixture
def server() -> Iterator[PhotoServer]:
    with photo_server() as served:
        yield served


def getter(*private_hosts: str, hosts: tuple[str, ...] = (), within_s: float = 20, **options: Any) -> BoundedGet:
    return BoundedGet(AllowedHosts(hosts, private_hosts, "photos"), LARGEST, within_s, **options)


def answering(*answers: list[str]) -> Any:
    """A resolver that gives one answer after another."""
    left = iter(answers)

    def resolve(host: str, port: int, type: int) -> list[Any]:
        return [(None, None, None, "", (address, port)) for address in next(left)]

    return resolve


def test_a_file_comes_with_the_type_that_the_server_states(server: PhotoServer) -> None:
    server.files["/a.jpg"] = photo_bytes()
    server.types["/a.jpg"] = "Image/JPEG; charset=binary"
    download = getter(server.host)(server.url("/a.jpg"))
    assert download.content == photo_bytes() and download.media_type == "image/jpeg"


@pytest.mark.parametrize("path", ["/liar", "/endless", "/stated"])
def test_nobody_sends_more_than_is_taken(server: PhotoServer, path: str) -> None:
    """What says 10 kB and sends 100 MB ends at what it said; what says nothing, at what is taken."""
    if path == "/liar":
        assert len(getter(server.host)(server.url(path)).content) == 10_000
    else:
        with pytest.raises(DownloadRefused, match="1,000,000 bytes"):
            getter(server.host)(server.url(path))
    assert server.sent < 30_000_000  # what buffers of the connection hold


def test_a_body_that_drips_ends_with_the_time(server: PhotoServer) -> None:
    with pytest.raises(DownloadFailed, match=r"within 0\.4 s"):
        getter(server.host, within_s=0.4)(server.url("/slow"))


def test_redirects_are_followed_a_few_times_and_each_is_looked_at(server: PhotoServer) -> None:
    server.files["/end"] = b"here"
    server.redirects |= {"/1": "/end", "/loop": "/loop", "/scheme": "file:///etc/hostname"}
    assert getter(server.host)(server.url("/1")).content == b"here"
    with pytest.raises(DownloadRefused, match="redirects"):
        getter(server.host)(server.url("/loop"))
    with pytest.raises(DownloadRefused, match="https://"):
        getter(server.host)(server.url("/scheme"))


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{other}/secret", "https://localhost:{other}/", "http://169.254.169.254/latest/meta-data"],
)
def test_no_redirect_leads_inwards(server: PhotoServer, target: str) -> None:
    with photo_server() as inner:
        inner.files["/secret"] = b"secret"
        server.redirects["/out"] = target.format(other=inner.server_port)
        with pytest.raises(DownloadRefused):
            getter(server.host, hosts=("*",))(server.url("/out"))
        assert inner.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "[::ffff:192.168.0.1]"])
def test_private_addresses_are_not_asked_even_where_every_host_is_allowed(host: str) -> None:
    with pytest.raises(DownloadRefused, match=r"not public.*photos\.private_hosts"):
        getter(hosts=("*",))(f"https://{host}/a.jpg")


def test_only_hosts_of_the_settings_are_asked_and_over_https() -> None:
    with pytest.raises(DownloadRefused, match=r"add it to photos\.hosts"):
        getter(hosts=("cdn.example",))("https://other.example/a.jpg")
    with pytest.raises(DownloadRefused, match="in the clear"):
        getter(hosts=("cdn.example",))("http://cdn.example/a.jpg")
    for address in ("ftp://cdn.example/a", "//cdn.example/a", "https://", "https://[cdn/a", "https://cdn.example:x/a"):
        with pytest.raises(DownloadRefused):
            getter(hosts=("cdn.example",))(address)


def test_a_host_whose_second_answer_is_private_is_refused_then() -> None:
    resolve = answering(["93.184.215.14"], ["10.0.0.1"], ["93.184.215.14", "127.0.0.1"])
    backend = CheckedBackend((), Deadline(1), "photos.private_hosts", resolve)
    assert backend.addresses("rebind.example", 443) == ["93.184.215.14"]
    for _ in range(2):
        with pytest.raises(HostRefused, match="not public"):
            backend.addresses("rebind.example", 443)


def test_a_name_is_resolved_once_a_request_and_the_connection_goes_where_it_was_looked_at(server: PhotoServer) -> None:
    """The second answer, which would lead elsewhere, is never asked for within one request; the next request is
    refused by it."""
    server.files["/a"] = b"first"
    host = f"rebind.test:{server.server_port}"
    get = getter(host, resolve=answering(["127.0.0.1"], ["127.0.0.1"]))
    assert get(f"http://{host}/a").content == b"first"
    rebound = getter(hosts=("rebind.test",), resolve=answering(["127.0.0.1"]))
    with pytest.raises(DownloadRefused, match="not public"):
        rebound("https://rebind.test/a")


@pytest.mark.parametrize(("status", "error"), [(404, DownloadFailed), (503, DownloadFailed), (429, DownloadFailed)])
def test_what_may_come_later_is_told_from_what_never_will(
    server: PhotoServer, status: int, error: type[Exception]
) -> None:
    server.failing |= {"/late": status, "/gone": 410, "/forbidden": 403}
    with pytest.raises(error, match=str(status)):
        getter(server.host)(server.url("/late"))
    for path in ("/gone", "/forbidden"):
        with pytest.raises(DownloadRefused):
            getter(server.host)(server.url(path))


def test_a_server_that_does_not_answer_may_answer_later(server: PhotoServer) -> None:
    server.server_close()
    with pytest.raises(DownloadFailed):
        getter(server.host, within_s=2)(server.url("/a"))
    with pytest.raises(DownloadFailed, match="has no address"):
        getter(hosts=("nowhere.invalid",))("https://nowhere.invalid/a")

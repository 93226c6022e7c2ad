"""Feeds of official signals: GDACS's RSS, Atom with links to CAP, CAP alone; what is too large, broken or without a
zone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from consumers.sources.feeds import FeedSource, SignalPublisher
from consumers.sources.live_source import Disconnected, Message
from consumers.sources.signal_forms import signal_of_cap
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Signal
from stormpetrel.core.source_settings import Feeds
from stormpetrel.core.topics import SIGNALS
from stormpetrel.log.memory import MemoryLog, MemoryProducer

ITEM = """<item><title>Orange flood alert in Utopia</title><description>Many are affected.</description>
<link>https://agency.example/FL/{number}</link><pubDate>Tue, 04 Nov 2025 10:00:00 GMT</pubDate>
<guid>FL{number}</guid><gdacs:eventtype>FL</gdacs:eventtype><gdacs:eventid>{number}</gdacs:eventid>
<gdacs:alertlevel>Orange</gdacs:alertlevel><gdacs:iso3>UTO</gdacs:iso3>
<gdacs:fromdate>2025-11-03T01:00:00</gdacs:fromdate><geo:lat>44.4</geo:lat><geo:long>8.9</geo:long></item>"""
CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>A1</identifier><sender>met@agency.example
</sender><sent>2025-11-04T09:00:00+01:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info>
<category>Met</category><event>Flood warning</event><urgency>Immediate</urgency><severity>Severe</severity>
<certainty>Likely</certainty><onset>2025-11-04T10:00:00</onset><headline>The river rises</headline><area>
<areaDesc>Valley</areaDesc><polygon>44.0,8.0 44.0,9.0 45.0,9.0 44.0,8.0</polygon><circle>44.5,8.5 12</circle></area>
</info></alert>"""


def rss(*numbers: int) -> bytes:
    items = "".join(ITEM.format(number=number) for number in numbers)
    spaces = 'xmlns:gdacs="http://www.gdacs.org" xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#"'
    return f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel><title>t</title>{items}</channel></rss>'.encode()


@contextmanager
def serving(pages: dict[str, bytes], statuses: list[int]) -> Iterator[str]:
    """Serves these pages; the next answers have these statuses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = statuses.pop(0) if statuses else 200
            body = pages.get(self.path, b"") if status == 200 else b""
            self.send_response(status)
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def read_once(source: FeedSource, position: str | None = None) -> list[Message]:
    source.connect(position)
    try:
        return list(source.read(0.1))
    finally:
        source.close()


def signals(messages: list[Message]) -> list[Signal]:
    log = MemoryLog()
    publisher = SignalPublisher(MemoryProducer(log), "agency.example")
    for message in messages:
        publisher.take(message.raw, message.provenance)
    publisher.flush()
    assert not log.records(SIGNALS.dead().name)
    return [record.decode(Signal) for record in log.records(SIGNALS.name)]


def test_an_entry_of_gdacs_becomes_a_signal_and_comes_once() -> None:
    with serving({"/rss": rss(2, 1)}, []) as url:
        source = FeedSource(f"{url}/rss", Feeds())
        (first, second) = sorted(signals(read_once(source)), key=lambda signal: signal.signal_id)
        position = source.position
        assert position is not None
        assert read_once(FeedSource(f"{url}/rss", Feeds()), position.value) == []
    assert (first.signal_id, second.signal_id) == ("gdacs:FL1", "gdacs:FL2")
    assert (first.kind, first.level, first.point, first.countries) == ("flood", "orange", (8.9, 44.4), ("UTO",))
    assert first.begins_at == datetime(2025, 11, 3, 1, tzinfo=UTC)  # it has no zone: UTC
    assert first.published_at == datetime(2025, 11, 4, 10, tzinfo=UTC)


def test_an_atom_feed_leads_to_its_cap_alerts_on_its_own_host_alone() -> None:
    atom = """<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>
    <entry><id>1</id><title>a</title><link type="application/cap+xml" href="/alert"/></entry>
    <entry><id>2</id><title>Storm</title><link type="application/cap+xml" href="http://127.0.0.1:9/x"/></entry></feed>"""
    with serving({"/atom": atom.encode(), "/alert": CAP.encode()}, []) as url:
        found = signals(read_once(FeedSource(f"{url}/atom", Feeds())))
    alert = next(signal for signal in found if signal.signal_id.startswith("cap:"))
    assert (alert.kind, alert.level, alert.title) == ("flood", "orange", "The river rises")
    assert alert.polygons[0][0] == (8.0, 44.0)
    assert alert.circles == ((8.5, 44.5, 12.0),)
    assert len(found) == 2


def test_a_feed_that_is_too_large_broken_or_away_is_refused_with_the_reason() -> None:
    with serving({"/big": b"<rss>" + b" " * 3_000_000, "/no": b"{}"}, []) as url:
        with pytest.raises(Disconnected, match=r"sources.feeds.largest_mb"):
            read_once(FeedSource(f"{url}/big", Feeds(largest_mb=1)))
        with pytest.raises(Disconnected, match="is no feed"):
            read_once(FeedSource(f"{url}/no", Feeds()))
    with serving({"/rss": rss(1)}, [429]) as url, pytest.raises(Disconnected, match="answers 429"):
        read_once(FeedSource(f"{url}/rss", Feeds()))
    with serving({"/rss": rss(1)}, [304]) as url:
        assert read_once(FeedSource(f"{url}/rss", Feeds())) == []


def test_a_cap_document_that_is_none_says_why() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    for document in (b"", b"<alert/>", bomb, CAP.replace("44.0,8.0", "north").encode()):
        with pytest.raises(MalformedRecord):
            signal_of_cap("agency.example", document)

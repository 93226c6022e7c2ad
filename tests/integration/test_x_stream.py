"""The live X source against a server on this machine that behaves as X does: keep-alives, a drop, a 429."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from consumers.sources.post_publisher import PostPublisher
from consumers.sources.x import XStream, stream
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log import read_dead_letters
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.process.probes import Readiness
from tests.integration.running import RunningSystem, wait_until

pytestmark = pytest.mark.integration
TOKEN = "a-token-of-the-test"


def _object(number: int) -> bytes:
    data = {"id": f"9900{number}", "text": f"Flood report number {number}", "created_at": "2026-03-01T00:00:00.000Z"}
    return json.dumps({"data": data, "matching_rules": [{"id": "1", "tag": "floods"}]}).encode()


class FilteredStream(BaseHTTPRequestHandler):
    """Answers each connection with the next scene of the play, then holds the line open."""

    protocol_version = "HTTP/1.1"
    scenes: tuple[str, ...]
    asked: list[tuple[str, str | None]]
    over: threading.Event

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        scene = self.scenes[min(len(self.asked), len(self.scenes)) - 1]
        if scene == "429":
            self.send_response(429)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if scene == "drop":
            self._chunks(_object(1) + b"\r\n", b"\r\n", _object(2) + b"\r\n")
            self._chunks(_object(3)[:70] + b"\r\n", _object(6)[:30])
            self.close_connection = True  # in the middle of an object, without the last chunk
            self.connection.close()
        else:
            whole = _object(4) + b"\r\n"
            self._chunks(b"\r\n", whole[:20], whole[20:], b"\r\n", _object(5) + b"\r\n")
            self.over.wait(20)

    def _chunks(self, *parts: bytes) -> None:
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def x_server() -> Iterator[tuple[str, type[FilteredStream]]]:
    class Play(FilteredStream):
        scenes = ("drop", "429", "rest")

    Play.asked, Play.over = [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Play)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/2/tweets/search/stream", Play
    Play.over.set()
    server.shutdown()


def test_the_live_stream_survives_keep_alives_a_drop_and_a_429(
    system: RunningSystem, x_server: tuple[str, type[FilteredStream]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, play = x_server
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def short_sleep(seconds: float, result: Any = None) -> Any:
        # X wants a minute of silence after a 429; the test only sees that it was granted.
        waits.append(seconds)
        return await real_sleep(min(seconds, 0.05), result)

    monkeypatch.setattr("tweepy.asynchronous.streaming.asyncio.sleep", short_sleep)
    publisher = PostPublisher(system.producer(), "x", pseudonyms=Pseudonyms(bytes(32)))
    client = XStream(url, TOKEN, publisher, Readiness("X"))

    async def until_all_came() -> None:
        work = asyncio.ensure_future(stream(client, publisher))
        for _ in range(200):
            if publisher.counts["published"] >= 4:
                break
            await real_sleep(0.05)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(until_all_came())
    assert len(play.asked) == 3
    assert {token for _, token in play.asked} == {f"Bearer {TOKEN}"}
    assert "tweet.fields=created_at" in play.asked[0][0]
    assert 60 in waits

    def arrived() -> set[str]:
        return {(record.key or b"").decode() for record in system.reader.read(POSTS_RAW)}

    wait_until(lambda: {f"x:9900{n}" for n in (1, 2, 4, 5)} <= arrived(), 10, "all whole objects are on posts.raw")
    assert "x:99003" not in arrived()
    letters = [
        letter for letter in read_dead_letters(system.reader, POSTS_RAW) if letter.record.value == _object(3)[:70]
    ]
    assert len(letters) == 1
    assert letters[0].stage == "source x"
    assert letters[0].provenance.startswith("x:filtered_stream:")

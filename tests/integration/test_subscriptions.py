"""Standing queries: posts that match are pushed as they arrive, over SSE and WebSocket, across a restart."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from stormpetrel.core.clock import now
from stormpetrel.core.events import Post
from stormpetrel.core.topics import POSTS_RAW
from tests.integration.running import RunningSystem, wait_until

pytestmark = pytest.mark.integration


def _publish(night: RunningSystem, text: str) -> str:
    post_id = f"file:standing-{uuid.uuid4().hex[:8]}"
    post = Post(post_id=post_id, source="file", text=text, created_at=now(), ingested_at=now())
    producer = night.producer()
    producer.publish(POSTS_RAW, post_id, post)
    producer.flush()
    return post_id


def _word() -> str:
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:10])


def _subscribe(night: RunningSystem, **question: Any) -> dict[str, Any]:
    reply = night.api("POST", "/v1/saved-searches", json=question)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def _events(reply: httpx.Response) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(event, id, data) of each server-sent event."""
    fields: dict[str, str] = {}
    for line in reply.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


class Heard:
    """Listens by SSE in a thread; what it heard, with the moment."""

    def __init__(self, night: RunningSystem, path: str, last_id: str | None = None) -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.matches: list[tuple[float, dict[str, Any]]] = []
        self.last_id, self.seen = "", set[str]()
        self._url, self._headers = night.url(path), headers
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._listening.wait(15)

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, headers=self._headers, timeout=60) as reply:
                for event, number, data in _events(reply):
                    self.seen.add(event)
                    self.last_id = number
                    self._listening.set()
                    if event == "match":
                        self.matches.append((time.monotonic(), data))
        except httpx.HTTPError:
            self.seen.add("broken")

    def ids(self) -> list[str]:
        return [hit["post_id"] for _, hit in self.matches]


def test_a_matching_post_is_pushed_with_its_ranks_and_others_are_not(night: RunningSystem) -> None:
    word = _word()
    made = _subscribe(night, text=f"the river {word} has burst its banks", within=5)
    heard = Heard(night, made["events"])
    other = _publish(night, "The bakery on the corner has new opening hours from Monday on")
    own = _publish(night, f"The river {word} has burst its banks and the water rises")
    sent = time.monotonic()
    wait_until(lambda: own in heard.ids(), 10, f"the match is pushed: {heard.ids()}")
    moment, hit = next(pair for pair in heard.matches if pair[1]["post_id"] == own)
    assert hit["rank"] == 1 and set(hit["ranks"]) >= {"text", "lexical"} and len(hit["best_pair"]) == 2
    assert hit["post"]["text"].startswith("The river")
    assert other not in heard.ids() and heard.ids().count(own) == 1
    assert moment - sent < 10
    live = night.search(text=f"the river {word} has burst its banks", min_scores={"text": 0.35})
    found = next(entry for entry in live["hits"] if entry["post_id"] == own)
    assert found["ranks"].keys() == hit["ranks"].keys() and found["rank"] == hit["rank"]


def test_websocket_says_the_same(night: RunningSystem) -> None:
    word = _word()
    made = _subscribe(night, text=f"bridge {word} closed by high water", within=5)
    with connect(night.url(made["websocket"]).replace("http", "ws")) as socket:
        assert json.loads(socket.recv(timeout=15))["event"] == "listening"
        own = _publish(night, f"Bridge {word} closed by high water since noon")
        message = json.loads(socket.recv(timeout=10))
        assert message["event"] == "match" and message["data"]["post_id"] == own


def test_a_restart_of_the_api_loses_no_match(night: RunningSystem) -> None:
    word = _word()
    made = _subscribe(night, text=f"dam {word} overflows", within=5)
    heard = Heard(night, made["events"])
    first = _publish(night, f"Dam {word} overflows, leave the valley")
    wait_until(lambda: first in heard.ids(), 10, "the first is pushed")
    night.kill("serve")
    wait_until(lambda: "broken" in heard.seen, 10, "the listener notices")
    second = _publish(night, f"Dam {word} overflows, second warning to the valley")
    night.wait_until_worked_through()
    night.start_pipeline()
    assert made["saved_search_id"] in {one["saved_search_id"] for one in night.api("GET", "/v1/saved-searches").json()}
    again = Heard(night, made["events"], heard.last_id)
    wait_until(lambda: second in again.ids(), 10, "what came while nobody served is pushed")


def test_a_slow_client_holds_nobody_up(night: RunningSystem) -> None:
    word = _word()
    made = _subscribe(night, text=f"levee {word} breached", within=100)
    with connect(night.url(made["websocket"]).replace("http", "ws"), max_queue=1) as slow:
        slow.recv(timeout=15)  # and then it takes nothing for a while
        quick = Heard(night, made["events"])
        sent = [
            _publish(night, f"Levee {word} breached at kilometre {n * 37 % 101}, {_word()} flooded") for n in range(30)
        ]
        wait_until(lambda: set(sent) <= set(quick.ids()), 20, "the quick one has them all")
        assert night.search(text=f"levee {word} breached")["hits"]
        got: set[str] = set()
        while set(sent) - got:
            got.add(json.loads(slow.recv(timeout=10))["data"]["post_id"])
    assert set(sent) <= got


def test_an_ended_subscription_tells_its_listeners(night: RunningSystem) -> None:
    made = _subscribe(night, text="anything")
    heard = Heard(night, made["events"])
    assert night.api("DELETE", f"/v1/saved-searches/{made['saved_search_id']}").status_code == 204
    wait_until(lambda: "ended" in heard.seen, 5, "the listener is told")
    assert night.api("GET", made["events"]).status_code == 404


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "body"),
        ({"text": "flood", "within": 0}, "within"),
        ({"text": "flood", "cursor": "x"}, "cursor"),
        ({"picture": "AAAA"}, "picture"),
        ({"text": "flood", "fusion": "oracle"}, "fusion"),
    ],
)
def test_what_cannot_be_asked_is_told_at_once(night: RunningSystem, question: dict[str, Any], field: str) -> None:
    reply = night.api("POST", "/v1/saved-searches", json=question)
    assert reply.status_code == 422 and reply.json()["detail"][0]["field"] == field, reply.text
    assert reply.json()["detail"][0]["remedy"]


def test_a_strange_last_id_and_an_unknown_subscription_are_told(night: RunningSystem) -> None:
    made = _subscribe(night, text="flood")
    assert night.api("GET", made["events"], headers={"Last-Event-ID": "x"}).status_code == 422
    assert night.api("GET", "/v1/saved-searches/saved-none/events").status_code == 404
    with connect(night.url("/v1/saved-searches/saved-none/ws").replace("http", "ws")) as socket:
        assert json.loads(socket.recv(timeout=15))["event"] == "refused"

"""Saved searches: posts that match are pushed as they arrive, over SSE and WebSocket, across a restart."""

from __future__ import annotations

import json
import threading
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
    post_id = f"file:saved-{uuid.uuid4().hex[:8]}"
    post = Post(post_id=post_id, source="file", text=text, created_at=now(), ingested_at=now())
    producer = night.producer()
    producer.publish(POSTS_RAW, post_id, post)
    producer.flush()
    return post_id


def _word() -> str:
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex[:10])


def _save(night: RunningSystem, **request: Any) -> dict[str, Any]:
    reply = night.api("POST", "/v1/saved-searches", json=request)
    assert reply.status_code == 201, reply.text
    saved: dict[str, Any] = reply.json()
    return saved


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


class SseListener:
    """Listens by SSE in a thread: the matches, and the names of all events."""

    def __init__(self, night: RunningSystem, path: str, last_id: str | None = None) -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.matches: list[dict[str, Any]] = []
        self.last_id, self.events = "", set[str]()
        self._url, self._headers = night.url(path), headers
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._listening.wait(15)

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, headers=self._headers, timeout=60) as reply:
                for event, number, data in _events(reply):
                    self.events.add(event)
                    self.last_id = number
                    self._listening.set()
                    if event == "match":
                        self.matches.append(data)
            self.events.add("end of stream")
        except httpx.HTTPError:
            self.events.add("broken")

    def ids(self) -> list[str]:
        return [hit["post_id"] for hit in self.matches]


def test_a_matching_post_is_pushed_with_its_scores_and_others_are_not(night: RunningSystem) -> None:
    word = _word()
    saved = _save(night, text=f"the river {word} has burst its banks")
    listener = SseListener(night, saved["events"])
    other = _publish(night, "The bakery on the corner has new opening hours from Monday on")
    matching = _publish(night, f"The river {word} has burst its banks and the water rises")
    wait_until(lambda: matching in listener.ids(), 10, f"the match is pushed: {listener.ids()}")
    match = next(match for match in listener.matches if match["post_id"] == matching)
    assert match["recent_rank"] == 1 and set(match["scores"]) == {"text", "lexical"} and match["reason"]
    assert match["post"]["text"].startswith("The river") and match["match_id"]
    assert other not in listener.ids() and listener.ids().count(matching) == 1
    answer = night.search(text=f"the river {word} has burst its banks")
    searched = next(entry for entry in answer["hits"] if entry["post_id"] == matching)
    assert searched["ranks"]["text"]["score"] == pytest.approx(match["scores"]["text"], abs=1e-3)


def test_a_stated_place_excludes_and_a_full_index_keeps_nothing_back(night: RunningSystem) -> None:
    query = {"text": "flood, people trapped", "place": {"longitude": 8.93, "latitude": 44.41, "radius_km": 15}}
    saved = _save(night, **query, min_relevance=0.05, score_threshold={"text": 0.1})
    listener = SseListener(night, saved["events"])
    for number in range(30):  # of the very words: a rank among all posts would leave no place for what comes
        _publish(night, f"Flood, people trapped, {_word()} street {number} in Genoa")
    wait_until(lambda: len(listener.ids()) >= 25, 20, f"those in Genoa are pushed: {len(listener.ids())}")
    houston = _publish(night, "Flood in Houston Texas, people trapped in their cars")
    cellars = _publish(night, "Water in the cellars of Genoa, families trapped on the roof")
    wait_until(lambda: cellars in listener.ids(), 10, f"the place is Genoa's: {listener.ids()}")
    assert houston not in listener.ids()


def test_a_worker_that_was_killed_matches_again_under_the_same_ids(night: RunningSystem) -> None:
    word = _word()
    saved = _save(night, text=f"weir {word} gives way")
    listener = SseListener(night, saved["events"])
    first = _publish(night, f"Weir {word} gives way above the town")
    wait_until(lambda: first in listener.ids(), 10, "the first is pushed")
    night.kill("worker")
    second = _publish(night, f"Weir {word} gives way, the lower town is cut off")
    night.start_pipeline()
    wait_until(lambda: second in listener.ids(), 30, "what came while nobody matched is pushed")
    ids = [match["match_id"] for match in listener.matches]
    assert len(set(ids)) == len({match["post_id"] for match in listener.matches})


def test_a_websocket_carries_the_same_messages(night: RunningSystem) -> None:
    word = _word()
    saved = _save(night, text=f"bridge {word} closed by high water")
    with connect(night.url(saved["websocket"]).replace("http", "ws")) as socket:
        assert json.loads(socket.recv(timeout=15))["event"] == "listening"
        matching = _publish(night, f"Bridge {word} closed by high water since noon")
        message = json.loads(socket.recv(timeout=10))
        assert message["event"] == "match" and message["data"]["post_id"] == matching


def test_a_restart_of_the_api_loses_no_match(night: RunningSystem) -> None:
    word = _word()
    saved = _save(night, text=f"dam {word} overflows")
    listener = SseListener(night, saved["events"])
    first = _publish(night, f"Dam {word} overflows, leave the valley")
    wait_until(lambda: first in listener.ids(), 10, "the first is pushed")
    night.kill("serve")
    wait_until(lambda: "broken" in listener.events, 10, "the listener notices")
    second = _publish(night, f"Dam {word} overflows, second warning to the valley")
    night.wait_until_worked_through()
    night.start_pipeline()
    assert saved["saved_search_id"] in {
        entry["saved_search_id"] for entry in night.api("GET", "/v1/saved-searches").json()
    }
    again = SseListener(night, saved["events"], listener.last_id)
    wait_until(lambda: second in again.ids(), 10, "what came while nobody served is pushed")


def test_a_stopping_api_ends_its_streams(night: RunningSystem) -> None:
    listener = SseListener(night, _save(night, text="anything")["events"])
    night.stop("serve")
    wait_until(lambda: {"end of stream", "broken"} & listener.events, 5, "the stream is over")
    assert "broken" not in listener.events


def test_a_slow_client_delays_no_other(night: RunningSystem) -> None:
    word = _word()
    saved = _save(night, text=f"levee {word} breached")
    with connect(night.url(saved["websocket"]).replace("http", "ws"), max_queue=1) as slow:
        slow.recv(timeout=15)  # and then it takes nothing for a while
        quick = SseListener(night, saved["events"])
        sent = [
            _publish(night, f"Levee {word} breached at kilometre {n * 37 % 101}, {_word()} flooded") for n in range(30)
        ]
        wait_until(lambda: set(sent) <= set(quick.ids()), 20, "the quick one has them all")
        assert night.search(text=f"levee {word} breached")["hits"]
        received: set[str] = set()
        while set(sent) - received:
            received.add(json.loads(slow.recv(timeout=10))["data"]["post_id"])


def test_listeners_of_a_deleted_search_are_told(night: RunningSystem) -> None:
    saved = _save(night, text="anything")
    listener = SseListener(night, saved["events"])
    assert night.api("DELETE", f"/v1/saved-searches/{saved['saved_search_id']}").status_code == 204
    wait_until(lambda: "deleted" in listener.events, 5, "the listener is told")
    assert night.api("GET", saved["events"]).status_code == 404


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ({}, "body"),
        ({"text": "flood", "within": 5}, "within"),
        ({"text": "flood", "min_relevance": 2}, "min_relevance"),
        ({"text": "flood", "cursor": "x"}, "cursor"),
        ({"picture": "AAAA"}, "picture"),
        ({"text": "flood", "fusion": "oracle"}, "fusion"),
    ],
)
def test_a_search_that_cannot_be_answered_is_refused_at_once(
    night: RunningSystem, request_body: dict[str, Any], field: str
) -> None:
    reply = night.api("POST", "/v1/saved-searches", json=request_body)
    assert reply.status_code == 422 and reply.json()["detail"][0]["field"] == field, reply.text
    assert reply.json()["detail"][0]["remedy"]


def test_a_malformed_last_id_and_an_unknown_search_are_refused(night: RunningSystem) -> None:
    saved = _save(night, text="flood")
    assert night.api("GET", saved["events"], headers={"Last-Event-ID": "no id"}).status_code == 422
    assert night.api("GET", "/v1/saved-searches/saved-none/events").status_code == 404
    with connect(night.url("/v1/saved-searches/saved-none/ws").replace("http", "ws")) as socket:
        assert json.loads(socket.recv(timeout=15))["event"] == "refused"

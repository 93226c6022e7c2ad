"""Alerting over HTTP, from a rule to a message at its listeners: the API and the notify consumer on a log in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from lxml import etree
from websockets.sync.client import connect

from consumers.notify import Telling
from stormpetrel.alerting.cap_feed import ATOM
from stormpetrel.alerting.cap_schema import cap_faults
from stormpetrel.core.clock import now
from stormpetrel.core.events import Event
from stormpetrel.core.topics import INCIDENTS, Topic
from stormpetrel.log.record import record_of_event
from tests.fuzzing import served
from tests.memory_api import MemoryApi
from tests.unit.alerting_world import incident, verdict

RULE = {
    "title": "Floods of Liguria",
    "route": {"matchers": {"admin_codes": ["IT.08"]}, "receivers": ["stream", "cap"], "group_wait_s": 0},
}


class System:
    """The API's client, the log, and the notify consumer's telling."""

    def __init__(self, address: str, api: MemoryApi) -> None:
        self.address, self.api = address, api
        self.client = httpx.Client(base_url=address, timeout=30)

    def publish(self, topic: Topic, key: str, event: Event) -> None:
        self.api.log.append(record_of_event(topic, key, event))

    def incident(self, revision: int = 1, **fields: Any) -> None:
        self.publish(INCIDENTS, "genoa", incident(revision=revision, at=now(), **fields))

    def eventually(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 30
        while not (seen := look()):
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.05)
        return seen

    def entries(self, **query: Any) -> list[Any]:
        answer = self.client.get("/v1/alerting/notifications", params=query)
        assert answer.status_code == 200, answer.text
        entries: list[Any] = answer.json()
        return entries


@contextmanager
def system(api: MemoryApi | None = None) -> Iterator[System]:
    api = api or MemoryApi()
    telling = Telling(api.settings, api.reader, api.producer, lambda: True)
    telling.start()
    try:
        with served(api) as address:
            yield System(address, api)
    finally:
        telling.stop(5)


def test_a_rule_is_written_an_incident_told_and_every_way_to_listen_gets_it() -> None:
    with system() as running:
        client = running.client
        assert client.put("/v1/alerting/rules/liguria", json=RULE).status_code == 200
        assert [rule["rule_id"] for rule in client.get("/v1/alerting/rules").json()] == ["liguria"]
        with (
            httpx.stream("GET", f"{running.address}/v1/alerts/events", timeout=30) as reply,
            connect(f"ws{running.address[4:]}/v1/alerts/ws") as socket,
        ):
            lines = reply.iter_lines()
            assert "listening" in next(line for line in lines if line.startswith("event"))
            assert json.loads(socket.recv(30))["event"] == "listening"
            running.incident()
            assert next(line for line in lines if line.startswith("event")) == "event: alert"
            data = json.loads(next(line for line in lines if line.startswith("data"))[5:])
            heard = json.loads(socket.recv(30))
        assert heard["id"] == data["message_id"] and heard["data"]["incidents"][0]["incident_id"] == "genoa"
        running.incident(2, radar=verdict())
        running.eventually(lambda: len(running.entries(receiver="cap")) >= 4)
        feed = etree.fromstring(client.get("/v1/alerts/cap.atom").content)
        links = [link.get("href") for link in feed.findall(f"{{{ATOM}}}entry/{{{ATOM}}}link")]
        assert len(links) == 2
        for link in links:
            document = client.get(link.removeprefix(running.api.settings.alerting.public_url))
            assert document.headers["content-type"] == "application/cap+xml"
            assert cap_faults(document.content) == []
        explained = client.get("/v1/alerting/incidents/genoa").json()
        assert {entry["outcome"] for entry in explained["past"]} == {"sending", "sent"}
        assert [entry["reason"] for entry in explained["past"] if entry["receiver"] == "cap"] == [
            "first",
            "first",
            "confirmed",
            "confirmed",
        ]
        assert all("nothing is new" in each["why"] for each in explained["standing"])
        assert {each["code"] for each in explained["standing"]} == {"nothing_new"}


def test_a_silence_an_action_and_a_trial_go_through_the_log() -> None:
    with system() as running:
        client = running.client
        client.put("/v1/alerting/rules/liguria", json=RULE)
        running.incident(state="suspected")
        running.eventually(lambda: running.entries(receiver="stream"))
        silence = client.post(
            "/v1/alerting/silences",
            json={"matchers": {"kinds": ["flood"]}, "reason": "an exercise", "until_closed": True, "author": "grace"},
        )
        assert silence.status_code == 201 and silence.json()["incident_ids"] == ["genoa"]
        running.incident(2, severity="extreme")
        muted = running.eventually(
            lambda: [each for each in running.entries(incident_id="genoa") if each["outcome"] == "muted"]
        )
        assert muted[0]["mute"]["author"] == "grace" and muted[0]["reason"] == "worse"
        assert client.get("/v1/alerting/silences").json()[0]["state"] == "active"
        silence_id = silence.json()["silence_id"]
        assert client.delete(f"/v1/alerting/silences/{silence_id}").status_code == 204
        sent = running.eventually(
            lambda: [
                each for each in running.entries(receiver="stream") if each["reason"] == "worse" and "message" in each
            ]
        )
        assert sent[0]["message"]["muted_before"][0]["reason"] == "an exercise"
        action = client.post("/v1/incidents/genoa/actions", json={"action": "acknowledged", "actor": "ada"})
        assert action.status_code == 201
        assert [each["actor"] for each in client.get("/v1/incidents/genoa/actions").json()] == ["ada"]
        trial = client.post("/v1/alerting/receivers/cap/test").json()
        running.eventually(
            lambda: any(each["outcome"] == "sent" for each in running.entries(message_id=trial["message_id"]))
        )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("PUT", "/v1/alerting/rules/a", {"title": "a", "route": {"receivers": ["cap"]}}, 422, "names no area"),
        (
            "PUT",
            "/v1/alerting/rules/a",
            {"title": "a", "route": {"matchers": {"everywhere": True}, "receivers": ["pigeon"]}},
            422,
            "There are: cap, stream",
        ),
        (
            "PUT",
            "/v1/alerting/rules/a",
            {
                "title": "a",
                "route": {"matchers": {"area": {"type": "Point", "coordinates": [8, 44]}}, "receivers": ["cap"]},
            },
            422,
            "Polygon or MultiPolygon",
        ),
        ("PUT", "/v1/alerting/rules/a", {"title": "a", "route": {"matchers": {"everywhere": True}}}, 422, "receiver"),
        ("DELETE", "/v1/alerting/rules/none", None, 404, "GET /v1/alerting/rules"),
        ("POST", "/v1/alerting/silences", {"matchers": {"kinds": ["flood"]}, "reason": "x"}, 422, "until_closed"),
        (
            "POST",
            "/v1/alerting/silences",
            {"matchers": {"kinds": ["flood"]}, "reason": "x", "until_closed": True},
            422,
            "no open incident matches",
        ),
        (
            "POST",
            "/v1/alerting/silences",
            {"matchers": {}, "reason": "x", "ends_at": "2100-01-01T00:00:00Z"},
            422,
            "everywhere",
        ),
        (
            "POST",
            "/v1/alerting/silences",
            {"matchers": {"kinds": ["flood"]}, "reason": "x", "ends_at": "2001-01-01T00:00:00Z"},
            422,
            "passed already",
        ),
        ("POST", "/v1/incidents/none/actions", {"action": "noted"}, 404, "/v1/incidents"),
        ("POST", "/v1/alerting/receivers/pigeon/test", None, 404, "cap, stream"),
        ("GET", "/v1/alerts/cap/none", None, 404, "the feed names"),
        ("GET", "/v1/alerts/events?receiver=cap", None, 404, "stream"),
        ("GET", "/v1/alerting/incidents/none", None, 404, "/v1/incidents"),
    ],
)
def test_what_cannot_be_is_answered_with_the_remedy(
    quiet_api: httpx.Client, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answer = quiet_api.request(method, path, json=body)
    assert answer.status_code == status and words in answer.text, answer.text


@pytest.fixture(scope="module")
def quiet_api() -> Iterator[httpx.Client]:
    with served(MemoryApi()) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client

"""Changes of incidents as they happen: told in the order of the log, once, and from where a listener left off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import httpx
import pytest
from fastapi.testclient import TestClient

from stormpetrel.alerting.recent_changes import RecentChanges
from stormpetrel.core.events import Incident, IncidentAction
from stormpetrel.core.topics import INCIDENT_ACTIONS, INCIDENTS
from stormpetrel.log.record import record_of_event
from tests.fuzzing import served
from tests.memory_api import MemoryApi
from tests.unit.alerting_world import incident

AT = datetime(2025, 11, 4, 21, tzinfo=UTC)


def change(revision: int) -> Incident:
    return incident(revision=revision, at=AT)


def action(name: str) -> IncidentAction:
    incident_id = change(1).incident_id
    return IncidentAction(action_id=name, incident_id=incident_id, action="acknowledged", actor="anna", acted_at=AT)


def heard(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(event, id) of each message of a stream."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], fields["id"]
            fields = {}


def test_changes_are_held_once_and_told_after_the_last_one_heard() -> None:
    recent = RecentChanges(kept=3)
    assert recent.newest_id() == "" and recent.after("") == []
    for event in (change(1), action("a-1"), change(1), change(2)):
        recent.apply(event)
    name = change(1).incident_id
    assert [each.change_id for each in recent.after(f"{name}@1")] == [f"{name}@a-1", f"{name}@2"]
    assert [each.name for each in recent.after("")] == ["incident", "action", "incident"]
    recent.apply(change(3))
    assert [each.change_id for each in recent.after(f"{name}@1")] == [f"{name}@a-1", f"{name}@2", f"{name}@3"]
    assert recent.after(recent.newest_id()) == []


def test_a_listener_hears_what_comes_and_after_a_break_what_it_missed() -> None:
    api = MemoryApi()
    name = change(1).incident_id
    api.log.append(record_of_event(INCIDENTS, name, change(1)))
    with served(api) as address:
        events = f"{address}/v1/incidents/events"
        with httpx.stream("GET", events, timeout=30) as reply:
            messages = heard(reply.iter_lines())
            assert next(messages) == ("listening", f"{name}@1")
            api.log.append(record_of_event(INCIDENTS, name, change(2)))
            assert next(messages) == ("incident", f"{name}@2")
        api.log.append(record_of_event(INCIDENT_ACTIONS, name, action("a-1")))
        with httpx.stream("GET", events, headers={"Last-Event-ID": f"{name}@1"}, timeout=30) as reply:
            missed = list(islice(heard(reply.iter_lines()), 3))
        assert missed[0][0] == "listening"
        assert missed[1:] == [("incident", f"{name}@2"), ("action", f"{name}@a-1")]


def test_a_message_is_the_incident_as_the_list_has_it() -> None:
    api = MemoryApi()
    with served(api) as address, httpx.stream("GET", f"{address}/v1/incidents/events", timeout=30) as reply:
        lines = reply.iter_lines()
        next(heard(lines))
        api.log.append(record_of_event(INCIDENTS, change(1).incident_id, change(1)))
        data = next(line for line in lines if line.startswith("data: "))
    told = json.loads(data.removeprefix("data: "))
    assert told == change(1).model_dump(mode="json", exclude={"schema_version"})


@pytest.mark.parametrize("since", ["no id", "a@", "@1", "a@1\n"])
def test_an_id_that_is_none_is_refused(client: TestClient, since: str) -> None:
    assert client.get("/v1/incidents/events", params={"since": since}).status_code == 422

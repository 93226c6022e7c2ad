"""The notification log and its messages: repeats, restarts, rivals, bounds, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import h3
import pytest
from pydantic import ValidationError

from stormpetrel.alerting.messages import MOST_CELLS, few_cells, message_of, sending
from stormpetrel.alerting.notification_log import GroupState
from stormpetrel.alerting.routing import Destination
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import AlertMessage
from stormpetrel.core.topics import NOTIFICATIONS
from stormpetrel.log.record import record_of_event
from tests.unit.alerting_world import EVENING, GENOA, Telling, cells_around, incident, reasons, rule, silence, verdict


def test_a_message_that_is_refused_is_sent_again_under_its_id_and_the_next_one_waits() -> None:
    telling = Telling()
    inbox = telling.inboxes["duty"]
    inbox.problem = "the receiver answers 500"
    telling.take(rule(group_wait_s=0), incident())
    telling.take(incident(revision=2, severity="extreme"))
    for _ in range(5):
        telling.wait(60)
    assert inbox.attempts > 3 and inbox.messages == []
    inbox.problem = None
    telling.wait(300)
    telling.wait(1)
    assert reasons(inbox.messages) == ["first", "worse"]
    assert [message.number for message in inbox.messages] == [1, 2]


def test_a_message_is_given_up_after_a_day_and_can_be_replayed() -> None:
    telling = Telling()
    inbox = telling.inboxes["duty"]
    inbox.problem = "the receiver does not answer"
    telling.take(rule(group_wait_s=0), incident())
    for _ in range(100):
        telling.wait(900)
    ((message, problem),) = telling.given_up
    assert problem == "the receiver does not answer" and telling.log[-1].outcome == "sending"  # a repeat
    sending = next(entry for entry in telling.log if entry.message_id == message.message_id)
    inbox.problem = None
    telling.take(sending)
    telling.wait(300)
    assert message.message_id in [each.message_id for each in inbox.messages]


def test_after_a_restart_what_was_not_finished_is_sent_again_under_the_same_id() -> None:
    before = Telling()
    before.inboxes["duty"].problem = "down"
    before.take(rule(group_wait_s=0), incident())
    (sending,) = before.log
    after = Telling(log=list(before.log))
    (message,) = after.take(rule(group_wait_s=0), incident())
    assert message.message_id == sending.message_id
    assert [entry.outcome for entry in after.log] == ["sending", "sent"]
    again = Telling(log=list(after.log))
    assert again.take(rule(group_wait_s=0), incident(), after=60) == []


def test_of_two_processes_that_plan_at_once_the_log_lets_one_speak() -> None:
    shared = Telling()
    shared.inboxes["duty"].problem = "down"
    shared.take(rule(group_wait_s=0), incident())
    rival = Telling()
    rival.inboxes["duty"].problem = "down"
    rival.take(rule(group_wait_s=0), incident(), incident("savona", point=(8.48, 44.31)))
    shared.notifier.apply(rival.log[0])
    assert [message.message_id for message in shared.world.log.pending()] == [shared.log[0].message_id]


def test_a_clock_that_runs_ahead_delays_nothing() -> None:
    telling = Telling()
    telling.take(rule(), incident(at=EVENING + timedelta(days=3)))
    assert reasons(telling.wait(10)) == ["first"]


def test_a_message_holds_few_cells_whatever_the_area() -> None:
    wide = cells_around(*GENOA, rings=18)
    kept = few_cells(wide)
    assert len(kept) <= MOST_CELLS < len(wide)
    assert all(any(h3.cell_to_parent(cell, level) in kept for level in range(8)) for cell in wide)


def test_the_largest_message_fits_into_a_record_of_the_log() -> None:
    telling = Telling()
    radar = verdict().model_copy(update={"patch_ids": tuple(f"{'p' * 500}{number:04}" for number in range(1_000))})
    incidents = [
        incident(
            f"{number:064}", cells=cells_around(*GENOA, rings=15), radar=radar, reason="r" * 20_000, place="p" * 2_000
        )
        for number in range(40)
    ]
    reason = "s" * 2_000
    for number in range(40):
        muted = silence(EVENING + timedelta(seconds=60), number + 1, incident_ids=[f"{number:064}"])
        telling.take(muted.model_copy(update={"reason": reason}))
    telling.take(rule(group_wait_s=0), *incidents)
    (message,) = telling.wait(60)
    assert len(message.incidents) == 30
    assert record_of_event(NOTIFICATIONS, "a", sending(message)).checked().size < 500_000
    (others,) = telling.wait(300)
    assert len(others.incidents) == 10


def test_an_incident_with_cells_that_are_none_is_refused_and_stops_nobody() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0))
    with pytest.raises(MalformedRecord, match="H3"):
        telling.take(incident("broken", cells=["nowhere"]))
    assert reasons(telling.take(incident())) == ["first"]


def test_a_fault_in_one_group_costs_no_other_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(destination: Destination, state: GroupState, *rest: Any) -> AlertMessage:
        if state.group.endswith("IT.09"):
            raise RuntimeError("a fault of ours")
        return message_of(destination, state, *rest)

    monkeypatch.setattr("stormpetrel.alerting.planning.message_of", fails)
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident("aaa", admin1_code="09"), incident())
    assert [each.group for each in telling.inboxes["duty"].messages] == ["liguria//IT.08"]
    monkeypatch.undo()
    telling.wait(0)
    assert len(telling.inboxes["duty"].messages) == 2


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"matchers": {"admin_codes": []}}, "names no area"),
        ({"matchers": {"area": {"type": "Polygon", "coordinates": []}}}, "area is empty"),
        ({"matchers": {"area": {"type": "Point", "coordinates": [8, 44]}}}, "Polygon or MultiPolygon"),
        (
            {"matchers": {"area": {"type": "Polygon", "coordinates": [[[800, 44], [9, 44], [9, 45], [800, 44]]]}}},
            "globe",
        ),
        ({"matchers": {"cells": ["fffffffffffffff"]}}, "no H3 cell"),
        ({"matchers": {"admin_codes": ["Savona"]}}, "area as GeoJSON"),
        ({"matchers": {"admin_codes": ["IT.08.SV"]}}, "area as GeoJSON"),
        ({"receivers": []}, "no receiver"),
        ({"quiet_hours": {"timezone": "Mars/Base", "start": "22:00", "end": "07:00"}}, "IANA"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_the_remedy(fields: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy):
        rule(**fields)

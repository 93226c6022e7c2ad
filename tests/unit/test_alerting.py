"""Who is told what and when: routing, grouping, intervals, mutes and the notification log, on a clock of the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import h3
import pytest
from pydantic import ValidationError

from stormpetrel.alerting.messages import MOST_CELLS, few_cells, message_of, sending
from stormpetrel.alerting.notification_log import GroupState
from stormpetrel.alerting.quiet_hours import is_quiet
from stormpetrel.alerting.routing import Destination, destinations, why_not
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import AlertMessage, AlertRuleDeleted, QuietHours, SilenceEnded
from stormpetrel.core.topics import NOTIFICATIONS
from stormpetrel.log.record import record_of_event
from tests.unit.alerting_world import (
    EVENING,
    GENOA,
    Telling,
    action,
    cells_around,
    incident,
    reasons,
    rule,
    silence,
    verdict,
)

LIGURIA = {"type": "Polygon", "coordinates": [[[7.4, 43.7], [10.1, 43.7], [10.1, 44.7], [7.4, 44.7], [7.4, 43.7]]]}
SICILY = {"type": "Polygon", "coordinates": [[[12, 36], [16, 36], [16, 38.5], [12, 38.5], [12, 36]]]}


@pytest.mark.parametrize(
    ("matchers", "fits"),
    [
        ({"area": LIGURIA}, True),
        ({"area": SICILY}, False),
        ({"admin_codes": ["IT.08"]}, True),
        ({"admin_codes": ["IT.09", "FR"]}, False),
        ({"cells": [h3.latlng_to_cell(44.41, 8.93, 3)]}, True),
        ({"cells": [h3.latlng_to_cell(37.5, 15.1, 3)]}, False),
        ({"kinds": ["flood", "storm"]}, True),
        ({"kinds": ["wildfire"]}, False),
        ({"min_severity": "moderate"}, True),
        ({"min_severity": "severe"}, False),
        ({"min_confidence": 0.8}, True),
        ({"min_confidence": 0.9}, False),
        ({"states": ["suspected"]}, False),
        ({"languages": ["en"]}, True),
        ({"languages": ["fi"]}, False),
        ({"verdicts": ["confirmed"]}, False),
    ],
)
def test_a_rule_matches_by_every_part_and_says_which_one_does_not(matchers: dict[str, object], fits: bool) -> None:
    stated = rule(matchers=matchers)
    assert bool(destinations(stated, incident())) is fits
    assert (why_not(stated, incident()) is None) is fits


def test_an_incident_goes_down_the_first_child_that_matches_and_on_where_it_continues() -> None:
    tree = rule(
        receivers=["all"],
        group_wait_s=5,
        routes=[
            {"matchers": {"min_severity": "severe"}, "receivers": ["phone"], "continues": True},
            {"matchers": {"kinds": ["flood"]}, "receivers": ["water"], "group_wait_s": 0},
            {"matchers": {"kinds": ["flood"]}, "receivers": ["never"]},
        ],
    )

    def told(**fields: object) -> list[tuple[str, float]]:
        return [
            (each.receiver, each.policy.group_wait.total_seconds()) for each in destinations(tree, incident(**fields))
        ]

    assert told() == [("water", 0)]
    assert told(severity="extreme") == [("phone", 5), ("water", 0)]
    assert told(kind="storm") == [("all", 5)]


def test_a_group_waits_and_an_incident_that_is_gone_before_is_never_told() -> None:
    telling = Telling()
    assert telling.take(rule(), incident()) == []
    assert telling.wait(9) == []
    assert telling.take(incident(revision=2, state="closed")) == []
    assert telling.wait(3600) == [] and telling.log == []


def test_incidents_of_an_area_are_told_together_and_later_ones_after_the_interval() -> None:
    telling = Telling()
    telling.take(rule(), incident(), incident("savona", point=(8.48, 44.31)))
    (first,) = telling.wait(10)
    assert first.reason == "first" and [each.incident_id for each in first.incidents] == ["genoa", "savona"]
    assert telling.take(incident("imperia", point=(8.03, 43.89)), after=20) == []
    (second,) = telling.wait(300)
    assert (second.reason, second.number, second.group) == ("new_in_group", 2, first.group)
    other = telling.take(incident("torino", point=(7.68, 45.07), admin1_code="12"), after=10)
    assert reasons(other) == ["first"] and other[0].group != first.group


def test_a_message_is_sent_on_a_difference_only_and_says_which() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident(state="suspected", severity="minor"))
    steps = [
        ({"state": "suspected", "confidence": 0.9, "posts": 40}, None),
        ({"state": "opened"}, "worse"),
        ({"state": "growing"}, "worse"),
        ({"state": "easing"}, None),
        ({"state": "growing"}, None),  # what comes and goes is told once
        ({"state": "growing", "severity": "severe"}, "worse"),
        ({"state": "growing", "severity": "severe", "radar": verdict()}, "confirmed"),
        ({"state": "easing", "radar": verdict()}, None),
        ({"state": "closed", "radar": verdict()}, "all_clear"),
    ]
    for revision, (fields, reason) in enumerate(steps, start=2):
        messages = telling.take(incident(revision=revision, **{"severity": "minor"} | fields), after=310)
        assert reasons(messages) == ([reason] if reason else []), fields
    assert telling.wait(100_000) == []


def test_radar_and_a_higher_severity_do_not_wait_for_the_interval() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident())
    assert reasons(telling.take(incident(revision=2, radar=verdict()), after=1)) == ["confirmed"]
    assert reasons(telling.take(incident(revision=3, radar=verdict(), severity="extreme"), after=1)) == ["worse"]
    refuted = incident(revision=4, radar=verdict("refuted"), severity="extreme")
    assert reasons(telling.take(refuted, after=1)) == ["refuted"]
    assert telling.take(refuted.model_copy(update={"revision": 5, "state": "closed"}), after=1) == []
    assert reasons(telling.wait(300)) == ["all_clear"]


def test_what_nobody_acknowledges_is_repeated_under_a_new_id() -> None:
    telling = Telling()
    (first,) = telling.take(rule(group_wait_s=0), incident())
    assert telling.wait(3599) == []
    (again,) = telling.wait(1)
    assert again.reason == "repeat" and again.message_id != first.message_id
    telling.take(action("acknowledged"))
    assert telling.wait(7200) == []
    (worse,) = telling.take(incident(revision=2, severity="extreme"))
    assert worse.incidents[0].acknowledged_by == "ada"


def test_an_incident_stays_in_the_group_that_it_was_told_in() -> None:
    telling = Telling()
    (first,) = telling.take(rule(group_wait_s=0), incident())
    moved = incident(revision=2, admin1_code="12", severity="extreme")
    (worse,) = telling.take(moved)
    assert (worse.group, worse.reason) == (first.group, "worse")


def test_quiet_hours_hold_back_until_they_end_and_a_severe_incident_breaks_them() -> None:
    hours = {"timezone": "Europe/Rome", "start": "21:00", "end": "07:00", "override_severity": "severe"}
    telling = Telling()
    telling.take(rule(group_wait_s=0, quiet_hours=hours, repeat_interval_s=86_400), incident())
    assert telling.inboxes["duty"].messages == [] and telling.mutes() == [("genoa", "quiet_hours", "liguria")]
    severe = incident("savona", point=(8.48, 44.31), severity="severe")
    assert [each.incident_id for each in telling.take(severe)[0].incidents] == ["savona"]
    telling.now = datetime(2025, 11, 5, 5, 59, tzinfo=UTC)  # 06:59 in Rome
    assert telling.wait(0) == []
    (morning,) = telling.wait(60)
    assert [each.incident_id for each in morning.incidents] == ["genoa"]
    assert morning.muted_before[0].kind == "quiet_hours"


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        (datetime(2025, 7, 1, 20, 30, tzinfo=UTC), True),  # 22:30 in Rome, in summer time
        (datetime(2025, 1, 1, 20, 30, tzinfo=UTC), False),  # 21:30 in winter
        (datetime(2025, 7, 5, 4, 0, tzinfo=UTC), True),  # Saturday, 06:00: the night of Friday
        (datetime(2025, 7, 5, 21, 0, tzinfo=UTC), False),  # Saturday's own night
    ],
)
def test_quiet_hours_follow_the_clock_of_their_zone_and_the_day_that_they_begin_on(
    moment: datetime, quiet: bool
) -> None:
    week = ("mon", "tue", "wed", "thu", "fri")
    hours = QuietHours(timezone="Europe/Rome", start="22:00", end="07:00", days=week)
    assert is_quiet(hours, moment, "moderate") is quiet
    assert not is_quiet(hours, moment, "extreme")


def test_a_rule_sends_so_many_messages_an_hour_and_what_is_held_back_is_on_the_log() -> None:
    telling = Telling()
    areas = [incident(f"area{number}", admin1_code=f"{number:02}") for number in range(4)]
    telling.take(rule(most_per_hour=2, group_wait_s=0), *areas)
    assert len(telling.inboxes["duty"].messages) == 2
    assert [kind for _, kind, _ in telling.mutes()] == ["rate_limit", "rate_limit"]
    telling.wait(3600)
    assert len(telling.inboxes["duty"].messages) == 4
    assert telling.inboxes["duty"].messages[-1].muted_before[0].kind == "rate_limit"


def test_a_confirmed_incident_mutes_the_suspected_ones_that_it_touches() -> None:
    telling = Telling()
    confirmed = incident("confirmed", radar=verdict())
    near = incident("near", state="suspected", cells=confirmed.cells[:1], severity="extreme")
    far = incident("far", state="suspected", point=(8.48, 44.31))
    (message,) = telling.take(rule(group_wait_s=0), confirmed, near, far)
    assert [each.incident_id for each in message.incidents] == ["confirmed", "far"]
    assert telling.mutes() == [("near", "inhibition", "confirmed")]


def test_a_wider_incident_mutes_the_narrower_inside_it_but_not_a_more_severe_one() -> None:
    wide = incident("wide", cells=cells_around(*GENOA, rings=6))
    inside = incident("inside", cells=cells_around(*GENOA, rings=1, resolution=8))
    telling = Telling()
    (message,) = telling.take(rule(group_wait_s=0), wide, inside)
    assert [each.incident_id for each in message.incidents] == ["wide"]
    assert telling.mutes() == [("inside", "inhibition", "wide")]
    worse = incident("inside", revision=2, cells=inside.cells, severity="extreme")
    (later,) = telling.take(worse, after=300)
    assert later.incidents[0].incident_id == "inside" and later.muted_before[0].by == "wide"


def test_an_incident_that_a_receiver_does_not_hear_of_mutes_nothing() -> None:
    wide = incident("wide", cells=cells_around(*GENOA, rings=6), confidence=0.3)
    inside = incident("inside", cells=cells_around(*GENOA, rings=1, resolution=8))
    telling = Telling()
    (message,) = telling.take(rule(group_wait_s=0, matchers={"min_confidence": 0.5}), wide, inside)
    assert [each.incident_id for each in message.incidents] == ["inside"]


def test_a_silence_holds_to_its_end_and_the_first_message_after_it_says_so() -> None:
    telling = Telling()
    until = EVENING + timedelta(hours=1)
    assert telling.take(silence(until), rule(group_wait_s=0), incident()) == []
    assert telling.mutes() == [("genoa", "silence", f"{1:032x}")]
    assert telling.wait(3599) == []
    (message,) = telling.wait(1)
    (mute,) = message.muted_before
    assert (mute.author, mute.reason, message.reason) == ("grace", "an exercise", "first")
    assert reasons(telling.take(incident(revision=2, severity="extreme"))) == ["worse"]
    assert telling.inboxes["duty"].messages[-1].muted_before == ()


def test_a_silence_can_be_ended_and_one_until_closed_lasts_as_long_as_its_incident() -> None:
    telling = Telling()
    telling.take(silence(None, incident_ids=["genoa"]), rule(group_wait_s=0), incident())
    assert reasons(telling.take(SilenceEnded(silence_id=f"{1:032x}", author="ada", ended_at=EVENING))) == ["first"]
    telling.take(silence(None, number=2, incident_ids=["genoa"]))
    assert telling.take(incident(revision=2, severity="extreme"), after=400) == []
    (clear,) = telling.take(incident(revision=3, severity="extreme", state="closed"))
    assert clear.reason == "all_clear" and clear.muted_before[0].by == f"{2:032x}"


def test_a_mute_a_false_alarm_and_a_hand_over_are_heard() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident())
    telling.take(action("muted", until=EVENING + timedelta(hours=2)))
    assert telling.take(incident(revision=2, severity="extreme"), after=60) == []
    assert telling.mutes() == [("genoa", "action", "muted-1")]
    (told,) = telling.take(action("unmuted"), action("handed_over", handed_to="night shift"))
    assert told.incidents[0].handed_to == "night shift" and told.muted_before[0].author == "ada"
    (clear,) = telling.take(action("false_alarm"), after=400)
    assert clear.reason == "all_clear" and clear.incidents[0].false_alarm
    assert "seen on site" in clear.incidents[0].why
    assert telling.take(incident(revision=3, severity="extreme"), after=4000) == []


def test_when_the_rule_is_deleted_nothing_is_told_and_the_log_says_why() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident())
    telling.take(AlertRuleDeleted(rule_id="liguria", author="ada", deleted_at=EVENING))
    assert telling.take(incident(revision=2, state="closed"), after=600) == []
    assert telling.mutes() == [("genoa", "rule_deleted", "liguria")]


def test_a_receiver_that_the_file_does_not_name_is_a_mute_with_its_remedy() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0, receivers=["unknown", "duty"]), incident())
    assert len(telling.inboxes["duty"].messages) == 1
    assert telling.mutes() == [("genoa", "receiver_missing", "unknown")]


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
        ({"receivers": []}, "no receiver"),
        ({"quiet_hours": {"timezone": "Mars/Base", "start": "22:00", "end": "07:00"}}, "IANA"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_the_remedy(fields: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy):
        rule(**fields)


def test_a_silence_of_everything_says_so() -> None:
    with pytest.raises(ValidationError, match="everywhere: true"):
        silence(EVENING + timedelta(hours=1), kinds=[])
    assert silence(EVENING + timedelta(hours=1), everywhere=True).matchers.everywhere

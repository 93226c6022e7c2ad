"""What keeps an incident from being told: quiet hours, rates, inhibition, silences, actions; on a clock of the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from stormpetrel.alerting.quiet_hours import is_quiet
from stormpetrel.core.events import AlertRuleDeleted, QuietHours, SilenceEnded
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


def test_a_silence_of_everything_says_so() -> None:
    with pytest.raises(ValidationError, match="everywhere: true"):
        silence(EVENING + timedelta(hours=1), kinds=[])
    assert silence(EVENING + timedelta(hours=1), everywhere=True).matchers.everywhere

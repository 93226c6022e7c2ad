"""Who is told what and when: routing, grouping and intervals, on a clock of the test."""

from __future__ import annotations

import h3
import pytest

from stormpetrel.alerting.routing import destinations, why_not
from tests.unit.alerting_world import Telling, action, incident, reasons, rule, verdict

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

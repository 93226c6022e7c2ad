"""The rules of severity, and what does not meet them."""

from __future__ import annotations

import pytest

from stormpetrel.incidents.severity import severity_hits, severity_of


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("At least 12 dead after the flood", "many dead"),
        ("hundreds killed in the earthquake", "many dead"),
        ("1,200 people died", "many dead"),
        ("3 dead in the landslide", "dead"),
        ("a family is trapped on the roof", "trapped"),
        ("the bridge collapsed this morning", "collapsed"),
        ("the dam burst", "collapsed"),
        ("river levels are rising fast", "water level"),
        ("2 metres of water in the cellar", "water level"),
        ("hundreds of people evacuated", "evacuated"),
        ("the road to the airport is closed", "roads closed"),
        ("without power since last night", "no power"),
        ("electricity cut off, storm continue", "no power"),
        ("two villages are still cut off", "trapped"),
        ("hamlet isolated, help", "trapped"),
        ("cut off by the water since morning", "trapped"),
        ("5 victims found in the mud", "dead"),
    ],
)
def test_what_posts_say_meets_a_rule(text: str, rule: str):
    assert rule in [hit.rule for hit in severity_hits(text)]


@pytest.mark.parametrize(
    "text",
    ["no deaths reported", "it rained a little", "not evacuated", "nobody was hurt", "we are safe, thank you", ""],
)
def test_what_is_denied_or_not_said_meets_none(text: str):
    assert severity_hits(text) == ()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("storm pour tree road Tampere, electricity cut off", "trapped"),
        ("tree cut off road, storm rages", "trapped"),
        ("storm on the road near Tampere, electricity cut off", "roads closed"),
        ("donate to the flood victims", "dead"),
    ],
)
def test_what_sounds_like_worse_does_not_meet_the_rule(text: str, rule: str):
    assert rule not in [hit.rule for hit in severity_hits(text)]


def test_a_year_is_no_number_of_dead():
    assert [hit.rule for hit in severity_hits("people died in 1997")] == ["dead"]


def test_the_worst_rule_that_two_posts_meet_counts_and_names_the_first():
    dead, evacuated = severity_hits("12 dead in town"), severity_hits("families evacuated")
    assert severity_of([("x:1", dead), ("x:2", evacuated)]) == ("minor", ())
    severity, reasons = severity_of([("x:1", dead), ("x:2", evacuated), ("x:3", evacuated), ("x:4", dead)])
    assert severity == "extreme"
    assert [(reason.rule, reason.post_id) for reason in reasons] == [("many dead", "x:1"), ("evacuated", "x:2")]

"""Official signals beside incidents: of the hazard, the place and the time; whatever comes first; never a cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import h3
import pytest

from stormpetrel.core.events import Incident, IncidentAction, IncidentSignal, Signal, decode
from stormpetrel.core.events.codec import encode
from stormpetrel.incidents.official_signals import MOST_HELD, MOST_SHOWN, OfficialSignals
from stormpetrel.incidents.restart import restored
from stormpetrel.incidents.signal_areas import MOST_CORNERS, CellGround, area_of
from tests.unit.incident_streams import T0, detector, opened, post, run

FLOOD = [post(n, 3 * n) for n in range(8)]
GENOVA_AT = (8.93, 44.41)
LIGURIA = ((8.0, 44.0), (9.9, 44.0), (9.9, 44.7), (8.0, 44.7), (8.0, 44.0))


def signal(number: int = 1, hours: float = 0, **fields: Any) -> Signal:
    at = T0 + timedelta(hours=hours)
    return Signal.model_validate(
        {
            "signal_id": f"gdacs:FL{number}",
            "feed": "www.gdacs.org",
            "kind": "flood",
            "title": f"Green flood alert {number}",
            "level": "green",
            "point": GENOVA_AT,
            "published_at": at,
            "ingested_at": at,
            "url": "https://www.gdacs.org/report",
            **fields,
        }
    )


def shown(incident: Any) -> list[str]:
    return [each.signal_id for each in incident.signals]


def ground(latitude: float, longitude: float) -> CellGround:
    """Of one cell, and of one that is far from everything."""
    return CellGround([h3.latlng_to_cell(latitude, longitude, 4), h3.latlng_to_cell(-50.0, -30.0, 4)])


def test_a_signal_joins_an_incident_and_is_told_once() -> None:
    detecting = detector()
    run(detecting, FLOOD)
    (told,) = detecting.take_signal(signal())
    assert (told.change, shown(told)) == ("evidence", ["gdacs:FL1"])
    assert told.reason == "www.gdacs.org says: Green flood alert 1"
    assert (told.signals[0].url, told.signals[0].level) == ("https://www.gdacs.org/report", "green")
    assert detecting.take_signal(signal()) == [] == detecting.take_signal(signal(2, 1))
    (incident,) = detecting.incidents.values()
    again = incident.event("grew", "a test looks", T0, T0, "test")
    assert again.signals == told.signals and again.confidence == told.confidence


def test_a_signal_that_came_before_its_incident_joins_when_it_begins() -> None:
    first, second = detector(), detector()
    assert first.take_signal(signal()) == []
    told = run(first, FLOOD)
    assert {tuple(shown(each)) for each in told} == {("gdacs:FL1",)}
    assert [each.confidence for each in opened(told)] == [each.confidence for each in opened(run(second, FLOOD))]
    assert "evidence" not in {each.change for each in told}


def test_no_signal_opens_an_incident() -> None:
    detecting = detector()
    assert not [told for number in range(50) for told in detecting.take_signal(signal(number, level="red"))]
    assert not detecting.incidents


@pytest.mark.parametrize(
    ("fields", "joins"),
    [
        ({"kind": "storm"}, True),
        ({"kind": "earthquake"}, False),
        ({"kind": None}, False),
        ({"point": (9.2, 45.1)}, True),
        ({"point": (13.36, 38.12)}, False),
        ({"point": None}, False),
        ({"point": None, "polygons": (LIGURIA,)}, True),
        ({"polygons": (tuple((x, y - 6) for x, y in LIGURIA),)}, False),
        ({"point": None, "circles": ((10.5, 44.41, 150.0),)}, True),
        ({"point": None, "circles": ((10.5, 44.41, 30.0),)}, False),
        ({"point": None, "circles": ((9.5, 44.41, 0.0),)}, True),
        ({"published_at": T0 - timedelta(days=3)}, False),
        ({"published_at": T0 - timedelta(days=3), "ends_at": T0}, True),
        ({"published_at": T0 + timedelta(days=3)}, False),
        ({"published_at": T0 + timedelta(days=3), "begins_at": T0}, True),
        ({"withdrawn": True}, False),
    ],
)
def test_a_signal_is_of_the_hazard_the_place_and_the_time(fields: dict[str, Any], joins: bool) -> None:
    late, early = detector(), detector()
    run(late, FLOOD)
    assert bool(late.take_signal(signal(**fields))) == joins
    early.take_signal(signal(**fields))
    assert bool(shown(run(early, FLOOD)[-1])) == joins


def test_a_withdrawn_signal_leaves_and_comes_back_with_a_later_one_alone() -> None:
    detecting = detector()
    run(detecting, FLOOD)
    detecting.take_signal(signal())
    (told,) = detecting.take_signal(signal(hours=1, withdrawn=True, kind=None, point=None))
    assert (told.change, told.signals) == ("evidence", ()) and "withdrawn" in told.reason
    assert detecting.take_signal(signal(hours=0.5)) == []
    (back,) = detecting.take_signal(signal(hours=2))
    assert shown(back) == ["gdacs:FL1"]


def test_a_signal_that_is_withdrawn_later_leaves_a_closed_incident_too() -> None:
    detecting = detector()
    run(detecting, FLOOD)
    detecting.take_signal(signal())
    closed = detecting.advance(T0 + timedelta(days=3))[-1]
    assert (closed.state, shown(closed)) == ("closed", ["gdacs:FL1"])
    (told,) = detecting.take_signal(signal(hours=72, withdrawn=True))
    assert (told.state, told.change, told.signals, told.opened_at) == ("closed", "evidence", (), closed.opened_at)


def test_a_false_alarm_keeps_the_word_of_the_person_as_its_newest_change() -> None:
    detecting = detector()
    incident_id = run(detecting, FLOOD)[-1].incident_id
    detecting.take_signal(signal())
    detecting.take_action(
        IncidentAction(action_id="act-1", incident_id=incident_id, action="false_alarm", actor="anna", acted_at=T0)
    )
    assert detecting.take_signal(signal(2)) == [] == detecting.take_signal(signal(hours=1, withdrawn=True))
    assert detecting.incidents[incident_id].false_alarm


def test_a_later_signal_of_an_id_takes_the_earlier_ones_place_and_moves_with_its_area() -> None:
    signals, detecting = OfficialSignals(), detector()
    run(detecting, FLOOD)
    (incident,) = detecting.incidents.values()
    assert signals.take(signal(hours=1, level="red")) is not None and signals.take(signal(level="green")) is None
    assert [each.level for each in signals.of(incident)] == ["red"]
    signals.take(signal(hours=2, point=(120.98, 14.6)))
    assert signals.of(incident) == ()


def test_the_newest_are_shown_and_memory_is_bounded() -> None:
    signals, detecting = OfficialSignals(), detector()
    run(detecting, FLOOD)
    (incident,) = detecting.incidents.values()
    for number in range(MOST_HELD + 10):
        signals.take(signal(number, number / MOST_HELD))
    newest = [f"gdacs:FL{MOST_HELD + 9 - number}" for number in range(MOST_SHOWN)]
    assert [each.signal_id for each in signals.of(incident)] == newest and len(signals._held) == MOST_HELD


def test_after_a_restart_without_memory_an_incident_keeps_its_signals() -> None:
    before = detector()
    run(before, FLOOD)
    (told,) = before.take_signal(signal())
    again = detector()
    again.restore([told])
    assert again.take_signal(signal()) == []
    (incident,) = again.incidents.values()
    assert shown(incident) == shown(restored(told)) == ["gdacs:FL1"]
    (gone,) = again.take_signal(signal(hours=1, withdrawn=True))
    assert gone.signals == ()


def test_after_a_restart_without_memory_nothing_of_before_is_told_again() -> None:
    before = detector()
    run(before, FLOOD)
    before.take_signal(signal())
    (gone,) = before.take_signal(signal(hours=1, withdrawn=True))
    again = detector()
    again.restore([gone.model_copy(update={"decided_at": T0 + timedelta(hours=2)})])
    heard = [signal(), signal(hours=1, withdrawn=True), signal(2, 1.5)]
    assert not [told for each in heard for told in again.take_signal(each)]
    told = again.advance(T0 + timedelta(days=3))[0]
    assert shown(told) == ["gdacs:FL2"], "it stands in the next revision"
    assert again.take_signal(signal(2, 2.5, withdrawn=True)), "what comes after the restart is told"


def test_an_incident_keeps_what_only_the_one_that_it_absorbs_remembers() -> None:
    said = {"feed": "gdacs", "title": "Flood", "published_at": T0}
    one, other, both = (IncidentSignal(signal_id=f"gdacs:FL{number}", **said) for number in (1, 2, 3))
    detecting = detector()
    told = run(detecting, FLOOD)[-1]
    kept, gone = (restored(told.model_copy(update={"signals": signals})) for signals in ((both, one), (both, other)))
    kept.absorb(gone)
    assert OfficialSignals().of(kept) == (both, other, one)


@pytest.mark.parametrize("url", ["/report", "javascript:alert(1)", "data:,x", "http://[", "https://a/" + 500 * "b"])
def test_what_is_no_short_absolute_address_of_the_web_is_no_link(url: str) -> None:
    held = OfficialSignals().take(signal(url=url, title="two\nlines"))
    assert held is not None and held.shown.url is None and held.shown.title == "two lines"
    untitled = OfficialSignals().take(signal(title=" \n"))
    assert untitled is not None and untitled.shown.title == "gdacs:FL1"


def test_areas_over_the_180th_meridian_meet_cells_on_both_sides() -> None:
    ring = ((178.0, -19.0), (-179.0, -19.0), (-179.0, -16.0), (178.0, -16.0), (178.0, -19.0))
    area = area_of(signal(point=None, polygons=(ring,)))
    for longitude, inside in ((178.5, True), (179.99, True), (-179.5, True), (0.0, False), (-170.0, False)):
        assert area.meets(ground(-17.5, longitude)) == inside
    assert area_of(signal(point=(179.9, -17.5))).meets(ground(-17.5, -179.9))


def test_a_broken_ring_still_says_where_it_is_and_a_long_one_is_made_shorter() -> None:
    bow = ((8.0, 44.0), (9.9, 44.8), (9.9, 44.0), (8.0, 44.8), (8.0, 44.0))
    assert area_of(signal(polygons=(bow,))).meets(ground(44.2, 8.4))
    comb = tuple((8 + n / 5_000, 44.0 + 0.5 * (n % 2)) for n in range(9_000))
    area = area_of(signal(polygons=((*comb, (9.8, 43.0), (8.0, 43.0), comb[0]),)))
    assert area.outline is not None and len(area.outline.exterior.coords) <= MOST_CORNERS
    assert area.meets(ground(44.2, 8.9))


def test_an_incident_of_before_signals_is_read() -> None:
    detecting = detector()
    told = run(detecting, FLOOD)[-1]
    raw = encode(told).replace(b'"schema_version":3', b'"schema_version":2')
    assert decode(raw, Incident) == told

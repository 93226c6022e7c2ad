"""Whatever an incident is, its CAP alert is valid by the OASIS schema and by the words of the standard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from stormpetrel.alerting.cap import NAMESPACE, cap_alerts, identifier_of
from stormpetrel.alerting.cap_feed import ATOM, CapFeed
from stormpetrel.alerting.cap_schema import cap_faults
from stormpetrel.alerting.messages import few_cells, sending
from stormpetrel.alerting.receiver_settings import CapSettings
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import AlertedIncident, AlertMessage, EarlierMessage, IncidentSignal
from tests.unit.alerting_world import EVENING, Telling, cells_around, incident, rule, verdict

CAP = CapSettings(name="cap", channel="cap", languages=("en", "it"))
TEXT = st.text(max_size=60)
IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=3, max_size=40)


@st.composite
def alerted(draw: st.DrawFn) -> AlertedIncident:
    longitude, latitude = draw(st.floats(-180, 180)), draw(st.floats(-89, 89))
    rings, resolution = draw(st.integers(0, 9)), draw(st.sampled_from([3, 5, 7]))
    cells = cells_around(longitude, latitude, rings, resolution) if draw(st.booleans()) else ()
    reason = draw(st.sampled_from(["first", "worse", "confirmed", "refuted", "all_clear", "repeat"]))
    earlier = None if reason == "first" else EarlierMessage(message_id=f"msg_{'a' * 32}", created_at=EVENING)
    state = draw(st.sampled_from(["suspected", "opened", "growing", "easing", "closed"]))
    severity = draw(st.sampled_from(["minor", "moderate", "severe", "extreme"]))
    return AlertedIncident(
        incident_id=draw(IDS),
        revision=draw(st.integers(1, 1000)),
        reason=reason,
        why=draw(TEXT),
        kind=draw(st.sampled_from(["flood", "storm", "earthquake", "wildfire", "avalanche-of-mud"])),
        state=state,
        severity=severity,
        confidence=draw(st.floats(0, 1)),
        place=draw(TEXT),
        country_code=draw(st.sampled_from([None, "IT", ""])),
        admin1_code=draw(st.sampled_from([None, "08"])),
        longitude=longitude,
        latitude=latitude,
        cells=few_cells(cells),
        first_post_at=EVENING - timedelta(minutes=draw(st.integers(0, 10**6))),
        changed_at=EVENING,
        posts=draw(st.integers(0, 10**6)),
        authors=3,
        radar=draw(st.sampled_from([None, verdict(), verdict("refuted")])),
        signals=tuple(
            IncidentSignal(signal_id="gdacs:1", feed="gdacs", title=draw(TEXT), level="red", published_at=EVENING)
            for _ in range(draw(st.integers(0, 1)))
        ),
        false_alarm=draw(st.booleans()),
        acknowledged_by=draw(st.sampled_from([None, "ada <ada>"])),
        worst_state=state,
        worst_severity=severity,
        earlier=earlier,
    )


def message(*incidents: AlertedIncident, **fields: Any) -> AlertMessage:
    return AlertMessage.model_validate(
        {
            "message_id": f"msg_{'b' * 32}",
            "group": "liguria//IT.08",
            "receiver": "cap",
            "channel": "cap",
            "rule_id": "liguria",
            "rule_title": "Floods",
            "number": 1,
            "reason": incidents[0].reason,
            "created_at": EVENING,
            "expires_at": EVENING + timedelta(hours=8),
            "incidents": incidents,
        }
        | fields
    )


@settings(max_examples=1000, deadline=None)
@given(alerted())
def test_every_generated_alert_is_valid(told: AlertedIncident) -> None:
    (alert,) = cap_alerts(message(told), CAP, "http://alerts.example.org")
    assert cap_faults(alert.document) == []


def _text(document: bytes, name: str) -> str | None:
    return etree.fromstring(document).findtext(f".//{{{NAMESPACE}}}{name}")


def test_an_update_and_a_cancel_refer_to_the_alert_before() -> None:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident())
    telling.take(incident(revision=2, radar=verdict()), after=5)
    telling.take(incident(revision=3, radar=verdict(), state="closed"), after=400)
    sent = telling.inboxes["duty"].messages
    documents = [next(iter(cap_alerts(each, CAP, "http://h"))).document for each in sent]
    assert [_text(document, "msgType") for document in documents] == ["Alert", "Update", "Cancel"]
    before = [f"{CAP.sender},{identifier_of(each.message_id, 'genoa')}," for each in sent]
    assert [(_text(document, "references") or "")[: len(before[0])] for document in documents[1:]] == before[:2]
    assert _text(documents[0], "references") is None
    assert [_text(document, "certainty") for document in documents] == ["Likely", "Observed", "Observed"]
    assert _text(documents[2], "responseType") == "AllClear"


def test_polygons_are_latitude_first_closed_and_hold_the_incident() -> None:
    (alert,) = cap_alerts(message(_genoa()), CAP, "http://h")
    pairs = [tuple(map(float, pair.split(","))) for pair in str(_text(alert.document, "polygon")).split()]
    assert pairs[0] == pairs[-1]
    assert shapely.Polygon(pairs).contains(shapely.Point(44.41, 8.93))


def _genoa() -> AlertedIncident:
    telling = Telling()
    telling.take(rule(group_wait_s=0), incident())
    return telling.inboxes["duty"].messages[0].incidents[0]


def test_an_area_across_the_antimeridian_is_a_circle() -> None:
    fiji = _genoa().model_copy(update={"longitude": 180.0, "latitude": -16.5, "cells": cells_around(180, -16.5, 3)})
    (alert,) = cap_alerts(message(fiji), CAP, "http://h")
    centre, radius_km = str(_text(alert.document, "circle")).split()
    assert _text(alert.document, "polygon") is None
    assert centre == "-16.50000,180.00000" and 8 < float(radius_km) < 12


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (("<status>Actual", "<status>Perhaps"), "status"),
        (("http://h/v1", "/v1"), "web is not absolute"),
        (("<msgType>Alert", "<msgType>Update"), "refers to nothing"),
        (("<polygon>", "<polygon>1,1 "), "not closed"),
        (("<restriction>", "<note>"), "XML"),
    ],
)
def test_faults_are_found(broken: tuple[str, str], fault: str) -> None:
    (alert,) = cap_alerts(message(_genoa()), CAP, "http://h")
    assert any(fault in each for each in cap_faults(alert.document.decode().replace(*broken).encode()))


def test_the_feed_holds_what_has_not_expired_and_gives_each_alert() -> None:
    feed = CapFeed({"cap": CAP}, "http://h/")
    first = message(_genoa())
    later = message(_genoa(), message_id=f"msg_{'c' * 32}", created_at=EVENING + timedelta(hours=1))
    for each in (first, later, first):
        feed.apply(sending(each))
    links = etree.fromstring(feed.atom(None, EVENING)).findall(f"{{{ATOM}}}entry/{{{ATOM}}}link")
    assert [link.get("href", "").rsplit("/", 1)[1][:5] for link in links] == ["msg_c", "msg_b"]
    alert = feed.alert(links[0].get("href", "").rsplit("/", 1)[1])
    assert cap_faults(alert.document) == []
    assert b"<entry>" not in feed.atom(None, EVENING + timedelta(hours=9))
    assert b"<entry>" not in feed.atom("another", EVENING)
    with pytest.raises(NotFound):
        feed.alert("msg_none")

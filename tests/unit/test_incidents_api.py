"""Incidents over HTTP: listed, filtered, paged, exported, and reported on a page where nothing can run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import h3
import pytest
import shapely
from fastapi.testclient import TestClient

from stormpetrel.core.events import EvidencePost, Incident, IncidentSignal, RadarVerdict, SeverityReason
from stormpetrel.projections import IncidentProjection
from stormpetrel.search.incident_forms import outline_of
from tests.memory_api import MemoryApi
from tests.unit.memory_stores import MemoryDocuments

T0 = datetime(2025, 11, 4, 20, tzinfo=UTC)
GENOA = (8.93, 44.41, "841f99dffffffff")


def incident(number: int, revision: int = 1, **fields: Any) -> Incident:
    longitude, latitude, cell = GENOA
    first = T0 + timedelta(minutes=number)
    standard: dict[str, Any] = {
        "kind": "flood",
        "state": "opened",
        "change": "opened",
        "reason": "4 reports, confidence 0.90",
        "confidence": 0.9,
        "posts_confidence": 0.9,
        "severity": "moderate",
        "place": "Genova",
        "country_code": "IT",
        "admin1_code": "08",
        "longitude": longitude,
        "latitude": latitude,
        "cells": (cell,),
        "areas": ("IT.08",),
        "first_post_at": first,
        "last_post_at": first + timedelta(hours=1),
        "opened_at": first,
        "changed_at": first + timedelta(minutes=revision),
        "decided_at": first,
        "posts": 3 + revision,
        "authors": 4,
        "languages": {"it": 3, "en": 1},
        "expected_rate": 0.1,
        "observed_rate": 2.0,
        "detector_version": "detector1-test",
    }
    return Incident(incident_id=f"inc-20251104-{number:04d}", revision=revision, **(standard | fields))


@pytest.fixture
def filled(client: TestClient, memory_api: MemoryApi) -> TestClient:
    events = [incident(number) for number in range(5)]
    events.append(incident(5, kind="storm", state="closed", confidence=0.4, place="=HYPERLINK(0)"))
    events.append(incident(6, longitude=121.0, latitude=14.6, country_code="PH", areas=("PH.NCR",), cells=()))
    IncidentProjection(memory_api.documents).write(events)
    return client


def ids(reply: Any) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [each["incident_id"][-1] for each in reply.json()["incidents"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "6543210"),
        ("kind=storm", "5"),
        ("state=closed&state=suspected", "5"),
        ("min_confidence=0.5&country=IT", "43210"),
        ("box=8,44,9.5,45", "543210"),
        ("box=120,14,-120,15", "6"),
        ("near=Genova&radius_km=40", "543210"),
        ("longitude=121&latitude=14.6&radius_km=5", "6"),
        ("since=2025-11-04T21:04:30Z", "65"),
        ("until=2025-11-04T20:01:00Z", "10"),
        ("last=1h", ""),
        ("severity=extreme", ""),
    ],
)
def test_a_list_meets_all_parameters(filled: TestClient, query: str, expected: str) -> None:
    assert "".join(ids(filled.get(f"/v1/incidents?{query}"))) == expected


def test_pages_neither_repeat_nor_skip(filled: TestClient, memory_api: MemoryApi) -> None:
    first = filled.get("/v1/incidents?limit=3").json()
    IncidentProjection(memory_api.documents).write([incident(9), incident(2, 2, state="growing", change="grew")])
    second = filled.get("/v1/incidents", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    third = filled.get("/v1/incidents", params={"limit": 3, "cursor": second["next_cursor"]}).json()
    found = [each["incident_id"][-1] for page in (first, second, third) for each in page["incidents"]]
    assert "".join(found) == "6543210"
    assert (first["total"], third["total"], third["next_cursor"]) == (7, 8, None)


@pytest.mark.parametrize(
    "query",
    [
        "state=burning",
        "min_confidence=2",
        "box=1,2,3",
        "near=Genova",
        "last=1h&since=2025-11-04",
        "cursor=abc",
        "format=xls",
        "since=2025-11-05&until=2025-11-04",
        "colour=red",
    ],
)
def test_what_cannot_be_asked_is_told_with_a_remedy(filled: TestClient, query: str) -> None:
    reply = filled.get(f"/v1/incidents?{query}")
    assert reply.status_code == 422
    assert all(fault["remedy"] for fault in reply.json()["detail"])


def test_geojson_has_the_area_and_its_centre(filled: TestClient) -> None:
    reply = filled.get("/v1/incidents", headers={"accept": "application/geo+json"})
    assert reply.headers["content-type"] == "application/geo+json"
    feature = reply.json()["features"][-1]
    assert (feature["properties"]["longitude"], feature["properties"]["latitude"]) == (8.93, 44.41)
    (ring,) = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] and len(ring) == 7


def test_the_outline_of_neighbouring_cells_is_one_valid_shape() -> None:
    outline = outline_of(sorted(h3.grid_disk(GENOA[2], 1)))
    shape = shapely.geometry.shape(outline)
    assert (shape.geom_type, len(shape.geoms), shape.is_valid) == ("MultiPolygon", 1, True)
    assert shape.geoms[0].exterior.is_ccw and not shape.geoms[0].interiors
    latitude, longitude = h3.cell_to_latlng(GENOA[2])
    assert shape.covers(shapely.Point(longitude, latitude))
    apart = outline_of([GENOA[2], h3.latlng_to_cell(-33.0, -71.6, 4)])
    assert len(shapely.geometry.shape(apart).geoms) == 2
    assert outline_of([]) is None


def test_csv_holds_no_formula(filled: TestClient) -> None:
    reply = filled.get("/v1/incidents?format=csv&limit=2")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["place"] for row in rows] == ["Genova", "'=HYPERLINK(0)"]
    assert reply.headers["link"].endswith('rel="next"')


def test_the_next_page_of_a_csv_asks_the_same_question(filled: TestClient) -> None:
    path = "/v1/incidents"
    reply, places = filled.get(f"{path}?format=csv&limit=2&kind=flood&kind=storm&state=opened"), list[str]()
    while True:
        assert reply.headers["content-type"].startswith("text/csv"), reply.text
        places += [row["incident_id"] for row in csv.DictReader(io.StringIO(reply.text))]
        if "link" not in reply.headers:
            break
        reply = filled.get(path + reply.headers["link"].split(">")[0].removeprefix("<"))
    assert len(places) == len(set(places)) == 6


def test_an_incident_shows_its_evidence_while_the_posts_are_there(client: TestClient, memory_api: MemoryApi) -> None:
    reason = SeverityReason(rule="trapped", severity="severe", post_id="x:2")
    evidence = [EvidencePost(post_id=post_id, posted_at=T0, language="it", relevance=0.9) for post_id in ("x:1", "x:2")]
    event = incident(1, evidence=tuple(evidence), severity_reasons=(reason,), severity="severe")
    IncidentProjection(memory_api.documents).write([event])
    memory_api.documents.delete("posts", ["x:2"])
    answer = client.get(f"/v1/incidents/{event.incident_id}").json()
    assert [each["post_id"] for each in answer["evidence"]] == ["x:1"]
    assert "Genova" in answer["evidence"][0]["text"]
    assert answer["severity_reasons"] == []


def test_the_timeline_has_every_change(filled: TestClient, memory_api: MemoryApi) -> None:
    later = [incident(1, revision, change="grew", state="growing") for revision in (2, 3)]
    IncidentProjection(memory_api.documents).write(later)
    path = f"/v1/incidents/{later[0].incident_id}/timeline"
    assert [each["revision"] for each in filled.get(path).json()["revisions"]] == [3, 2, 1]
    page = filled.get(path, params={"limit": 2}).json()
    assert ([each["revision"] for each in page["revisions"]], page["next_before"]) == ([3, 2], 2)
    assert [each["revision"] for each in filled.get(path, params={"before": 2}).json()["revisions"]] == [1]


def test_the_report_escapes_what_people_wrote(filled: TestClient, memory_api: MemoryApi) -> None:
    hostile = '<script>alert("1")</script>'
    verdict = RadarVerdict(
        verdict="confirmed",
        scene_id="a|b",
        acquired_at=T0,
        decided_at=T0,
        new_water_km2=3.2,
        observed_share=0.9,
        likelihood_ratio=8.0,
        patch_ids=('a|b/32632/g120/r0001c0001"onerror="x',),
    )
    evidence = (EvidencePost(post_id="x:1", posted_at=T0, language="it", relevance=0.9),)
    event = incident(1, 2, place=hostile, reason=hostile, radar=verdict, evidence=evidence)
    IncidentProjection(memory_api.documents).write([event])
    stored = memory_api.documents.collections["posts"]["x:1"]
    stored |= {"text": hostile, "url": "javascript:alert(1)"}
    reply = filled.get(f"/v1/incidents/{event.incident_id}/report")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html")
    assert "<script" not in reply.text and 'href="javascript' not in reply.text and '"onerror="' not in reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.text.count("<svg") == 2 and "/v1/patches/pictures/change.png" in reply.text
    for part in reply.text.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")


def test_official_signals_are_shown_and_escaped(filled: TestClient, memory_api: MemoryApi) -> None:
    said = {"feed": "www.gdacs.org", "published_at": T0}
    signals = (
        IncidentSignal(signal_id="gdacs:1", title="<b>Flood</b>", level="red", url="https://gdacs.org/1", **said),
        IncidentSignal(signal_id="gdacs:2", title="No address", url="javascript:alert(1)", **said),
    )
    event = incident(1, 2, change="evidence", signals=signals)
    IncidentProjection(memory_api.documents).write([event])
    path = f"/v1/incidents/{event.incident_id}"
    assert [each["signal_id"] for each in filled.get(path).json()["signals"]] == ["gdacs:1", "gdacs:2"]
    page = filled.get(f"{path}/report").text
    assert "Official signals" in page and 'www.gdacs.org (red): <a href="https://gdacs.org/1"' in page
    assert "&lt;b&gt;Flood" in page and ": No address</div>" in page and "javascript" not in page


def test_the_report_prints_the_newest_changes_alone(filled: TestClient, memory_api: MemoryApi) -> None:
    later = [incident(1, revision, change="grew", state="growing") for revision in range(2, 13)]
    IncidentProjection(memory_api.documents).write(later)
    page = filled.get(f"/v1/incidents/{later[0].incident_id}/report").text
    assert (page.count("<tr>"), page.count("<tr class=earlier>")) == (8, 4)
    assert ".earlier { display: none }" in page.split("@media print")[1]
    assert page.index("<tr>") < page.index("<tr class=earlier>")


@pytest.mark.parametrize("part", ["", "/timeline", "/report"])
def test_no_incident_is_not_found(client: TestClient, part: str) -> None:
    reply = client.get(f"/v1/incidents/inc-none{part}")
    assert reply.status_code == 404 and "/v1/incidents lists them" in reply.json()["detail"]


def test_an_older_revision_takes_no_newer_ones_place() -> None:
    documents = MemoryDocuments()
    projection = IncidentProjection(documents)
    projection.write([incident(1, 1), incident(1, 3, state="closed")])
    projection.write([incident(1, 2), incident(1, 1)])
    assert documents.collections["incidents"][incident(1).incident_id]["state"] == "closed"
    assert len(documents.collections["incident_revisions"]) == 3

"""How an incident lives: it grows, eases, closes, reopens, merges, splits, and the radar confirms or refutes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stormpetrel.core.events import PatchDescribed, SceneDescribed
from stormpetrel.incidents import Detector
from tests.described_scenes import patches_around
from tests.unit.incident_streams import (
    GENOVA,
    ITALY,
    MILAN,
    PALERMO,
    T0,
    TURIN,
    Sure,
    detector,
    opened,
    place,
    post,
    run,
)

HOUR, DAY = 60, 24 * 60
FLOOD = [post(n, 3 * n) for n in range(10)]
S1 = "S1A_IW_GRDH_1SDV_20251105T054626_20251105T054653_052959_066921_3759"
REFERENCE = "S1A_IW_GRDH_1SDV_20251024T054626_20251024T054653_052784_066921_3759"


def test_an_incident_grows_eases_and_closes():
    told = run(detector(), [post(n, 3 * n) for n in range(40)], until_minutes=4 * DAY)
    changes = [incident.change for incident in told]
    assert changes[:2] == ["first", "opened"] and "grew" in changes
    assert changes[-2:] == ["eased", "closed"]
    last_post = told[-1].last_post_at
    assert told[-2].changed_at == last_post + timedelta(hours=12)
    assert told[-1].changed_at == told[-1].closed_at == last_post + timedelta(hours=48)
    assert len({incident.incident_id for incident in told}) == 1


def test_it_reopens_under_the_same_id_within_a_week():
    """What comes is a suspicion of its own until it would open; then the closed incident goes on."""
    again = [post(f"again{n}", 5 * DAY + 3 * n) for n in range(10)]
    told = run(detector(), [*FLOOD, *again])
    (first,) = opened(told)
    (reopened,) = [incident for incident in told if incident.change == "reopened"]
    assert (reopened.incident_id, reopened.state) == (first.incident_id, "opened")
    assert reopened.posts == len(FLOOD) + 4 and reopened.closed_at is None
    (suspicion,) = [incident for incident in told if incident.change == "merged"]
    assert suspicion.merged_into == first.incident_id and reopened.merged_from == (suspicion.incident_id,)


def test_a_closed_incident_does_not_reopen_on_what_nobody_would_open():
    confidence = Sure(0.7)
    tracking = Detector(confidence, clock=lambda: T0)
    told = run(tracking, FLOOD, until_minutes=4 * DAY)
    confidence.value = 0.3
    told += run(tracking, [post(f"again{n}", 5 * DAY + 3 * n) for n in range(10)])
    assert told[-1].state == "suspected" and "reopened" not in [incident.change for incident in told]


def test_a_suspicion_that_passed_leaves_nothing_behind():
    """Chatter about a place, again and again, and then a flood: it opens as an incident of its own reports."""
    confidence = Sure(0.3)
    tracking = Detector(confidence, clock=lambda: T0)
    chatter = [post(f"c{burst}-{n}", 3 * DAY * burst + 3 * n) for burst in range(4) for n in range(5)]
    run(tracking, chatter)
    confidence.value = 0.7
    (flood,) = opened(run(tracking, [post(f"f{n}", 12 * DAY + 3 * n) for n in range(6)]))
    assert flood.posts == 4 and flood.first_post_at == T0 + timedelta(days=12)


def test_a_suspicion_gives_up_the_reports_of_days_ago():
    """It never falls silent, so it never closes; but it rests on the reports of the longest window alone."""
    tracking = Detector(Sure(0.3), clock=lambda: T0)
    run(tracking, [*FLOOD, *(post(f"c{n}", 1000 * n) for n in range(1, 8))])
    (suspicion,) = tracking.incidents.values()
    assert suspicion.state == "suspected" and suspicion.posts == 3
    assert suspicion.first_post_at > suspicion.last_post_at - timedelta(hours=48)


def test_it_is_a_new_incident_after_more_than_a_week():
    again = [post(f"again{n}", 12 * DAY + 3 * n) for n in range(10)]
    assert len(opened(run(detector(), [*FLOOD, *again]))) == 2


def test_regions_that_touch_are_one_incident():
    north = [post(f"t{n}", 20 + 3 * n, [TURIN if n % 2 else MILAN]) for n in range(12)]
    told = run(detector(), [*FLOOD, *north])
    (incident,) = opened(told)
    assert {"IT.08", "IT.12", "IT.09"} <= set(told[-1].areas)
    assert told[-1].incident_id == incident.incident_id


def test_two_incidents_whose_gap_fills_merge_and_the_older_goes_on():
    """Two towns 380 km apart, then posts from between them draw their centres together."""
    west = place("West", 0.0, 45.0, "FR", "W")
    east = place("East", 4.9, 45.0, "FR", "E")
    middle = place("Middle", 2.6, 45.0, "FR", "E")
    posts = [post(f"w{n}", 3 * n, [west]) for n in range(8)]
    posts += [post(f"e{n}", 10 + 3 * n, [east]) for n in range(8)]
    posts += [post(f"m{n}", 60 + 3 * n, [middle]) for n in range(60)]
    told = run(detector(), posts)
    merged = [incident for incident in told if incident.change == "merged"]
    gone, kept = merged[0], merged[1]
    assert gone.merged_into == kept.incident_id and gone.state == "closed"
    assert kept.merged_from == (gone.incident_id,) and kept.first_post_at == T0


def test_an_incident_of_a_country_splits_where_two_regions_speak():
    """What began as one country's reports turns out to be two regions, 870 km apart."""
    posts = [post(f"c{n}", 3 * n, [ITALY]) for n in range(4)]
    posts += [post(f"g{n}", 20 + 2 * n, [GENOVA]) for n in range(20)]
    posts += [post(f"p{n}", 21 + 2 * n, [PALERMO]) for n in range(20)]
    told = run(detector(), posts)
    regions = {incident.admin1_code for incident in told if incident.change in ("opened", "split")}
    assert regions == {"08", "15"}


def test_severity_rests_on_posts_and_needs_two():
    posts = [*FLOOD, post("d1", 31, text="12 people dead in via Fereggiano")]
    assert run(detector(), posts)[-1].severity == "minor"
    told = run(detector(), [*posts, post("d2", 32, text="at least 14 people died")])
    worse = told[-1]
    assert (worse.change, worse.severity) == ("severity", "extreme")
    assert worse.severity_reasons[0].post_id == "file:d1" and worse.severity_reasons[0].rule == "many dead"


def test_evidence_differs_and_counts_copies():
    copies = [post(f"c{n}", 40 + n, text="copy", duplicate_of="file:3", similarity=1.0) for n in range(5)]
    told = run(detector(), [*FLOOD, *copies, *(post(f"x{n}", 50 + n) for n in range(20))])
    evidence = {each.post_id: each.members for each in told[-1].evidence}
    assert 0 < len(evidence) <= 8 and evidence.get("file:3", 6) == 6


def scene(hours: float, **fields: object) -> SceneDescribed:
    at = T0 + timedelta(hours=hours)
    ring = [[8.0, 43.8], [10.0, 43.8], [10.0, 45.2], [8.0, 45.2], [8.0, 43.8]]
    return SceneDescribed(
        **{
            "scene_id": S1,
            "s1_product": S1,
            "reference": REFERENCE,
            "sensed_at": at,
            "epsg": 32632,
            "bounds": (0, 0, 1, 1),
            "footprint": {"type": "Polygon", "coordinates": [ring]},
            "patches": {"g480": 1},
            "new_water_confidence": 1.0,
            "described_at": at,
            **fields,
        }
    )


def patches(water: float = 0.0) -> list[PatchDescribed]:
    """Patches of 4.8 km all over the cells around Genova."""
    return patches_around(GENOVA.longitude, GENOVA.latitude, S1, T0, water, REFERENCE)


@pytest.mark.parametrize(("water", "verdict"), [(0.05, "confirmed"), (0.0, "refuted")])
def test_a_scene_over_it_confirms_or_refutes(water: float, verdict: str):
    found_by = detector(0.7)
    (before,) = opened(run(found_by, FLOOD))
    for patch in patches(water):
        found_by.take_patch(patch)
    (after,) = found_by.take_scene(scene(18))
    assert (after.change, after.radar.verdict) == ("radar", verdict)
    assert after.incident_id == before.incident_id and after.posts_confidence == before.posts_confidence
    assert (after.confidence > before.confidence) == (verdict == "confirmed")
    assert bool(after.radar.patch_ids) == (verdict == "confirmed")
    assert after.next_pass.expected_at == after.radar.acquired_at + timedelta(days=6)
    assert after.next_pass.relative_orbit == 37


def test_a_scene_beside_an_incident_over_the_180th_meridian_says_nothing_of_it():
    """The outline of a cell there must not go round the globe."""
    labasa = place("Labasa", 179.99, -16.43, "FJ", "02")

    def ring(west: float, south: float) -> dict[str, object]:
        east, north = west + 2, south + 2
        corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [corners]}

    for footprint, is_over in ((ring(0, -17), False), (ring(-180, -17), True), (ring(178, -17), True)):
        found_by = detector(0.7)
        assert opened(run(found_by, [post(n, 3 * n, [labasa]) for n in range(10)]))
        assert bool(found_by.take_scene(scene(18, footprint=footprint))) == is_over


def test_a_scene_that_saw_little_says_little():
    found_by = detector(0.7)
    run(found_by, FLOOD)
    found_by.take_patch(patches()[0])
    (after,) = found_by.take_scene(scene(18))
    assert after.radar.verdict == "unclear"


@pytest.mark.parametrize(
    "elsewhere",
    [
        scene(18, footprint={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}),
        scene(-48),
        scene(18, reference=None),
    ],
)
def test_a_scene_elsewhere_or_before_it_or_without_reference_says_nothing(elsewhere: SceneDescribed):
    found_by = detector()
    run(found_by, FLOOD)
    assert found_by.take_scene(elsewhere) == []


def test_radar_says_nothing_of_an_earthquake():
    found_by = detector()
    run(found_by, [post(n, 3 * n, kind="earthquake") for n in range(10)])
    assert found_by.take_scene(scene(18)) == []

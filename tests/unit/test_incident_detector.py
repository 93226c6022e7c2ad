"""What opens an incident and what does not, and that the order of partitions does not matter."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from stormpetrel.core.events import IncidentAction
from stormpetrel.incidents import Detector, LearnedConfidence
from tests.unit.incident_streams import GENOVA, ITALY, MANILA, PALERMO, SAVONA, T0, detector, opened, place, post, run

FLOOD = [post(n, 3 * n) for n in range(10)]


def test_a_burst_in_a_town_opens_one_incident():
    told = run(detector(), FLOOD)
    (incident,) = opened(told)
    assert (incident.place, incident.country_code, incident.admin1_code) == ("Genova", "IT", "08")
    assert incident.kind == "flood" and incident.posts >= 4
    assert abs(incident.longitude - GENOVA.longitude) < 0.1
    assert told[0].change == "first" and told[0].state == "suspected"
    assert [each.revision for each in told] == list(range(1, len(told) + 1))


def test_posts_about_nothing_open_nothing():
    assert run(detector(), [post(n, 3 * n, relevance=0.2) for n in range(30)]) == []


def test_posts_spread_over_the_world_open_nothing():
    places = [place(f"Town {n}", -120 + 7 * n, -40 + 2.5 * n, f"C{n}", "01") for n in range(30)]
    assert run(detector(), [post(n, 3 * n, [where]) for n, where in enumerate(places)]) == []


def test_copied_text_opens_nothing():
    copies = [post("a", 0, text="the dam has burst")]
    copies += [post(n, n, text="the dam has burst", duplicate_of="file:a", similarity=1.0) for n in range(1, 50)]
    assert run(detector(), copies) == []


def test_a_flood_of_one_copied_text_makes_an_open_incident_no_larger():
    found_by = detector()
    told = run(found_by, FLOOD)
    before = max(incident.posts for incident in found_by.incidents.values())
    copies = [post(f"copy{n}", 40, text="copied", duplicate_of="file:1", similarity=1.0) for n in range(2000)]
    again = run(found_by, copies)
    assert max(incident.posts for incident in found_by.incidents.values()) == before
    assert not [each for each in again if each.change in ("grew", "severity")] and told


def test_a_bot_net_that_says_the_same_in_its_own_words_is_one_voice():
    """Texts that the window of near-duplicates does not know, with equal vectors."""
    first = post("a", 0, text="the dam has burst")
    net = [
        post(n, n, text=f"dam burst {n}", author_id=f"bot{n}").model_copy(update={"text_vector": first.text_vector})
        for n in range(50)
    ]
    assert run(detector(), net) == []


def test_one_loud_author_opens_nothing():
    assert run(detector(), [post(n, 2 * n, author_id="loud") for n in range(50)]) == []


def test_authors_who_are_not_known_count_as_one_each():
    assert len(opened(run(detector(), [post(n, 2 * n, author_id=None) for n in range(10)]))) == 1


def test_an_echo_from_far_away_opens_nothing():
    mentioned = GENOVA.model_copy(update={"role": "mentioned"})
    assert run(detector(), [post(n, 2 * n, [mentioned], text=f"thinking of Genoa {n}") for n in range(30)]) == []


def test_a_place_that_is_named_beside_an_open_incident_opens_none_of_its_own():
    echo = [post(f"e{n}", 60 + n, [GENOVA, PALERMO]) for n in range(20)]
    assert [incident.place for incident in opened(run(detector(), [*FLOOD, *echo]))] == ["Genova"]


def test_a_country_alone_counts_for_the_region_that_posts_name():
    posts = [post(n, 3 * n, [ITALY]) for n in range(6)] + [post("g", 19, [GENOVA]), post("s", 20, [SAVONA])]
    (incident,) = opened(run(detector(), [*posts, *(post(f"m{n}", 25 + n, [ITALY]) for n in range(3))]))
    assert incident.admin1_code == "08"


def test_a_low_confidence_stays_suspected_and_closes():
    told = run(detector(0.2), FLOOD, until_minutes=3 * 24 * 60)
    assert {incident.state for incident in told} == {"suspected", "closed"}


def test_what_is_usual_in_a_region_is_no_burst():
    usual = [post(n, 45 * n, text=f"old news {n}") for n in range(1000)]
    told = run(detector(0.2), usual)
    late = [incident for incident in told if incident.changed_at > T0 + timedelta(days=20)]
    assert [incident for incident in late if incident.change == "first"] == []


def test_floods_and_storms_are_one_hazard_and_earthquakes_another():
    storm = [post(n, 3 * n, kind="storm" if n % 3 else "flood") for n in range(10)]
    quake = [post(f"q{n}", 3 * n, kind="earthquake", text=f"the ground shook {n}") for n in range(10)]
    kinds = sorted(incident.kind for incident in opened(run(detector(), [*storm, *quake])))
    assert kinds == ["earthquake", "storm"]


def test_two_towns_that_are_far_apart_are_two_incidents():
    south = [post(f"m{n}", 3 * n, [MANILA]) for n in range(10)]
    assert sorted(incident.place for incident in opened(run(detector(), [*FLOOD, *south]))) == ["Genova", "Manila"]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_partitions_does_not_matter(seed: int):
    """The same posts in another order before the watermark passes them tell the same."""
    posts = [*FLOOD, *(post(f"p{n}", 40 + 2 * n, [PALERMO]) for n in range(10))]
    shuffled = list(posts)
    random.Random(seed).shuffle(shuffled)
    one, other = detector(), detector()
    for first, second in zip(posts, shuffled, strict=True):
        assert one.take(first) == other.take(second) == []
    end = T0 + timedelta(days=10)
    assert one.advance(end) == other.advance(end) != []


def test_reading_the_log_again_in_other_steps_tells_the_same():
    end = T0 + timedelta(days=5)
    whole, stepwise = detector(), detector()
    for each in FLOOD:
        whole.take(each)
    told = whole.advance(end)
    again = [*run(stepwise, FLOOD), *stepwise.advance(T0 + timedelta(days=2)), *stepwise.advance(end)]
    assert told == again


def test_a_post_that_comes_twice_counts_once():
    told = run(detector(), [FLOOD[0]] * 20 + [FLOOD[1]] * 20)
    assert told == []


def test_a_late_post_counts_and_one_of_last_year_does_not():
    found_by = detector()
    run(found_by, FLOOD[5:])
    counted = max(incident.posts for incident in found_by.incidents.values())
    found_by.take(FLOOD[0])
    assert max(incident.posts for incident in found_by.incidents.values()) == counted + 1
    assert found_by.take(post("old", -365 * 24 * 60)) == []
    assert found_by.skipped["late"] == 1


def test_a_post_from_the_future_counts_when_it_came():
    ahead = [
        post(n, 3 * n, created_at=T0 + timedelta(days=400), ingested_at=T0 + timedelta(minutes=3 * n)) for n in range(8)
    ]
    found_by = detector()
    told = [revision for each in ahead for revision in found_by.take(each)]
    told += found_by.advance(T0 + timedelta(hours=1))
    assert len(opened(told)) == 1
    assert found_by.skipped["future"] == 8
    assert max(incident.changed_at for incident in told) < T0 + timedelta(hours=1)


def test_a_false_alarm_closes_and_does_not_come_back_at_once():
    found_by = detector()
    (incident,) = opened(run(found_by, FLOOD))
    action = IncidentAction(
        action_id="act-1",
        incident_id=incident.incident_id,
        action="false_alarm",
        actor="ada",
        reason="an exercise",
        acted_at=T0 + timedelta(minutes=40),
    )
    (closed,) = found_by.take_action(action)
    assert (closed.state, closed.change) == ("closed", "action") and "ada" in closed.reason
    assert run(found_by, [post(f"n{n}", 50 + n) for n in range(10)]) == []
    assert found_by.take_action(action) == []


def test_after_a_restart_it_goes_on_with_the_same_incident():
    """The incidents' newest revisions and the posts before are read again; what follows is told as without the stop."""
    before, after = FLOOD, [post(f"n{n}", 40 + 3 * n) for n in range(20)]
    unbroken = detector()
    run(unbroken, before)
    expected = run(unbroken, after)
    first = detector()
    newest = run(first, before)[-1]
    second = detector()
    second.restore([newest])
    assert run(second, before) == []
    going_on = run(second, after)
    assert going_on[0].incident_id == newest.incident_id and going_on[0].revision == newest.revision + 1
    assert [each.change for each in going_on] == [each.change for each in expected]


def test_a_deleted_post_stands_for_no_incident_any_more_and_what_it_counted_for_stays():
    found = detector()
    told = run(found, FLOOD)
    evidence = told[-1].evidence[0].post_id
    (revision,) = found.forget(evidence)
    assert (revision.change, revision.revision) == ("evidence", told[-1].revision + 1)
    assert evidence not in {each.post_id for each in revision.evidence}
    assert revision.posts == len(FLOOD) and revision.state == told[-1].state
    assert found.forget(evidence) == found.forget("file:unknown") == []


def test_a_post_that_is_deleted_while_it_waits_is_never_heard():
    found = detector()
    for each in FLOOD:
        found.take(each)
    for each in FLOOD:
        found.forget(each.post.post_id)
    assert found.advance(T0 + timedelta(days=1)) == []


def test_a_flood_beside_nineteen_others_opens_like_one_alone():
    """By the confidence that ships: how many floods the world has on a day says nothing of one of them."""
    towns = [place(f"Town {n}", -170.0 + 16 * n, 10.0, f"C{n}", "1") for n in range(20)]
    posts = [post(f"{n}-{number}", 7 * n + number, [town]) for n, town in enumerate(towns) for number in range(10)]
    found_by = Detector(LearnedConfidence.load(), clock=lambda: T0)
    told = run(found_by, posts)
    assert {incident.place for incident in opened(told)} == {town.name for town in towns}
    alone = run(Detector(LearnedConfidence.load(), clock=lambda: T0), posts[-10:])
    beside = next(incident for incident in opened(told) if incident.place == "Town 19")
    assert beside.posts <= opened(alone)[0].posts + 2

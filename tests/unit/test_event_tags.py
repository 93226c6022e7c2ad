"""Hashtags, names of storms, namesakes, what a team teaches: which incident a report belongs to, and which it is none
of."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.events import IncidentAction, Place, Relevance
from stormpetrel.incidents import DetectionRules
from stormpetrel.incidents.event_tags import EventTags, is_list_of_hashtags, tags_of
from stormpetrel.incidents.false_alarms import FalseAlarms
from stormpetrel.incidents.storm_names import storms_named
from tests.unit.incident_streams import GENOVA, ITALY, MANILA, PALERMO, T0, detector, opened, place, post, run

FLORENCE = place("Florence", 11.25, 43.77, "IT", "16")
RALEIGH = place("Raleigh", -78.64, 35.78, "US", "NC")
SAINT_MARTIN = place("Saint Martin", -63.05, 18.07, "MF", None, "country")
MIAMI = place("Miami", -80.19, 25.77, "US", "FL")
MATI = place("Mati", 126.2, 6.95, "PH", "11")
EARLY = [post("early", -6 * 24 * 60, [MANILA], text="#news of a #flood"), post("day", -60, [MANILA], text="quiet")]


def named(where: Place, text: str) -> Place:
    start = text.index(where.name)
    return where.model_copy(update={"start": start, "end": start + len(where.name)})


def test_a_storm_that_bears_a_towns_name_opens_nothing_there():
    texts = [f"Hurricane Florence comes nearer, {n}" if n % 2 else f"Florence gets stronger, {n}" for n in range(30)]
    posts = [post(n, 2 * n, [named(FLORENCE, text)], text=text, kind="storm") for n, text in enumerate(texts)]
    assert opened(run(detector(), posts)) == []


def test_a_town_that_bears_a_storms_name_is_found_when_it_is_flooded():
    texts = [f"the Arno is in the streets of Florence, {n}" for n in range(20)]
    (incident,) = opened(
        run(detector(), [post(n, 2 * n, [named(FLORENCE, text)], text) for n, text in enumerate(texts)])
    )
    assert incident.place == "Florence"


def test_names_of_storms_are_read_in_hashtags_too():
    text = "#HurricaneFlorence over Raleigh"
    florence = FLORENCE.model_copy(update={"start": 10, "end": 18})
    assert storms_named(post(1, 0, [florence, named(RALEIGH, text)], text)) == {"Florence"}
    assert tags_of("#HurricaneIrma and Cyclone Idai, the storm surge, #Genova") == {"irma", "idai", "genova"}


def test_a_storm_is_one_incident_all_the_way():
    islands = [post(n, 3 * n, [SAINT_MARTIN], f"Hurricane Irma on the island {n}", "storm") for n in range(12)]
    coast = [post(f"f{n}", 600 + 3 * n, [MIAMI], f"Hurricane Irma comes to Miami {n}", "storm") for n in range(12)]
    told = run(detector(), [*EARLY, *islands, *coast])
    assert len({incident.incident_id for incident in told}) == 1


def test_an_echo_under_the_events_own_hashtag_opens_nothing():
    flood = [post(n, 3 * n, text=f"water everywhere {n} #alluvionegenova") for n in range(10)]
    echo = [post(f"e{n}", 60 + 2 * n, [MANILA], f"what a flood {n} #alluvionegenova") for n in range(12)]
    assert [incident.place for incident in opened(run(detector(), [*EARLY, *flood, *echo]))] == ["Genova"]


def test_a_hashtag_that_is_a_word_for_the_hazard_or_long_in_use_joins_nothing():
    early = [post("e", -6 * 24 * 60, [MANILA], "#meteo"), post("f", -5, [MANILA], "#meteo")]
    for tag in ("#flood", "#meteo"):
        there = [post(n, 3 * n, text=f"water {n} {tag}") for n in range(10)]
        elsewhere = [post(f"p{n}", 60 + 3 * n, [PALERMO], f"sea in the streets {n} {tag}") for n in range(10)]
        assert len(opened(run(detector(), [*early, *there, *elsewhere]))) == 2


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_a_tag_is_new_for_three_weeks_at_most(said: list[int]):
    """Minutes at which a tag is said, after those two days in which all tags seem new."""
    tags = EventTags()
    tags.hear(T0, "nothing yet", str)
    start, first, last = T0 + timedelta(days=3), 0, -1
    for minutes in sorted(said):
        if last < 0 or minutes - last > 14 * 24 * 60:
            first = minutes
        is_new = tags.hear(start + timedelta(minutes=minutes), "see #genova2025", str) == ("genova2025",)
        assert is_new == (minutes - first <= 21 * 24 * 60)
        last = minutes


def test_a_list_of_popular_hashtags_reports_nothing():
    texts = [f"FOLLOW {n} #genovaflood #song{n} #star{n} #win #tbt #love" for n in range(20)]
    assert is_list_of_hashtags(texts[0])
    assert run(detector(), [post(n, n, text=text) for n, text in enumerate(texts)]) == []


def test_a_namesake_elsewhere_does_not_count_where_the_post_names_a_country():
    greece = place("Greece", 22.0, 39.0, "GR", None, "country").model_copy(update={"radius_km": 205.0})
    told = run(detector(), [post(n, 2 * n, [MATI, greece], kind="wildfire") for n in range(20)])
    assert {incident.country_code for incident in told} == {"GR"}


def test_an_incident_lies_in_the_country_that_most_reports_name():
    posts = [post(n, 3 * n, [ITALY]) for n in range(8)] + [post("m", 2, [MANILA, ITALY]), post("g", 3, [GENOVA])]
    assert {incident.country_code for incident in run(detector(), posts)} == {"IT"}


def test_posts_that_name_a_whole_wide_region_do_not_split_from_it():
    whole = place("Queensland", 148.3, -22.8, "AU", "04", "admin1").model_copy(update={"radius_km": 700.0})
    brisbane = place("Brisbane", 153.0, -27.5, "AU", "04")
    posts = [post(n, 3 * n, [brisbane if n % 3 else whole]) for n in range(60)]
    told = run(detector(), posts)
    assert len({incident.incident_id for incident in told}) == 1
    assert not {"split", "merged"} & {incident.change for incident in told}


def test_a_label_that_a_team_has_taught_is_a_kind_of_event():
    label = Relevance(collection="posts/l", label="slid", probability=0.9, unsure=False, model_version="1")
    posts = [post(n, 3 * n, relevance=0.1).model_copy(update={"relevance": (label,)}) for n in range(10)]
    assert run(detector(), posts) == []
    (incident,) = opened(run(detector(rules=DetectionRules(label_kinds=(("slid", "landslide"),))), posts))
    assert incident.kind == "landslide"


def test_false_alarms_teach_doubt():
    found_by = detector(0.6)
    (incident,) = opened(run(found_by, [post(n, 3 * n) for n in range(10)]))
    acted_at = T0 + timedelta(minutes=40)
    fields = {"action_id": "act-1", "incident_id": incident.incident_id, "actor": "ada", "acted_at": acted_at}
    found_by.take_action(IncidentAction(action="false_alarm", **fields))
    later = 9 * 24 * 60
    told = run(found_by, [post(f"l{n}", later + 3 * n) for n in range(10)])
    assert opened(told) == [] and {round(each.confidence, 2) for each in told} == {0.43}
    elsewhere = opened(run(found_by, [post(f"p{n}", later + 3 * n, [PALERMO]) for n in range(10)]))
    assert [each.place for each in elsewhere] == ["Palermo"]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_each_false_alarm_of_a_month_takes_its_part_of_the_odds(days: list[int]):
    alarms = FalseAlarms()
    for day in days:
        alarms.note(T0 + timedelta(days=day), "water", "IT.08")
    now = T0 + timedelta(days=60)
    assert alarms.odds_ratio(now, "water", "IT.08") == 1 / (1 + sum(day >= 30 for day in days))
    assert alarms.odds_ratio(now, "earthquake", "IT.08") == alarms.odds_ratio(now, "water", "IT.12") == 1.0

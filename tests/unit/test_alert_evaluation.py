"""How alerts are judged: the rule of the truth, the streams that are played, and the baselines beside them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.alert_baselines import FixedThreshold, GlobalFloodMonitor
from stormpetrel.evaluation.alert_sets import labelled_files
from stormpetrel.evaluation.alert_streams import PlayedEvent, is_related, one_by_one, several_at_once
from stormpetrel.evaluation.alert_truth import OpenedAlert, TrueEvent, match_alerts, read_truth
from stormpetrel.evaluation.alerts import evaluate_alerts, figures
from stormpetrel.evaluation.calibration import calibration, calibration_interval, error_by_chance
from stormpetrel.evaluation.enriched_events import LabelledEnrichedPost
from stormpetrel.evaluation.incident_training import IncidentExamples, learn_confidence
from stormpetrel.evaluation.kind_training import kind_of_event
from stormpetrel.incidents import DetectionRules, Features, LearnedConfidence
from stormpetrel.incidents.confidence import ConfidenceWeights
from stormpetrel.incidents.reports import report_of
from tests.unit.incident_streams import GENOVA, MANILA, PALERMO, T0, place, post

LIGURIA = (7.4, 43.7, 10.1, 44.7)
FEATURES = len(Features._fields)


def event(name: str = "genova_floods", kind: str = "flood", box: tuple[float, ...] = LIGURIA) -> TrueEvent:
    return TrueEvent(name, kind, (box[0], box[1], box[2], box[3]), T0, T0 + timedelta(days=2), 60)


def alert(longitude: float, latitude: float, hours: float = 1, kind: str = "flood", name: str = "a") -> OpenedAlert:
    return OpenedAlert(name, kind, longitude, latitude, T0 + timedelta(hours=hours), 0.9)


@pytest.mark.parametrize(
    ("given", "group"),
    [
        (alert(8.9, 44.4), "first"),
        (alert(8.9, 44.4, kind="storm"), "first"),
        (alert(11.0, 44.4), "first"),  # 72 km beside the box
        (alert(8.9, 44.4, kind="earthquake"), "on_others"),
        (alert(12.5, 41.9), "false"),
        (alert(8.9, 44.4, hours=-1), "false"),
        (alert(8.9, 44.4, hours=49), "false"),
    ],
)
def test_the_rule_of_a_right_alert(given: OpenedAlert, group: str):
    matches = match_alerts([given], [event()])
    of_group = {name: len(getattr(matches, name)) for name in ("first", "duplicates", "on_others", "false")}
    assert of_group == {"first": 0, "duplicates": 0, "on_others": 0, "false": 0, group: 1}


def test_a_second_alert_of_an_event_is_a_duplicate_and_an_event_of_another_kind_is_no_false_alarm():
    crash = event("crash", "accident", (0, 50, 1, 51))
    alerts = [alert(8.9, 44.4, name="a"), alert(9.0, 44.4, 2, name="b"), alert(0.5, 50.5, 3, name="c")]
    matches = match_alerts(alerts, [event(), crash])
    assert matches.first["genova_floods"].alert_id == "a"
    assert [each.alert_id for each in matches.duplicates] == ["b"]
    assert [each.alert_id for each in matches.on_others] == ["c"] and matches.false == ()


def labelled(
    number: int | str, minutes: float, label: str = "Related and informative", **fields
) -> LabelledEnrichedPost:
    return LabelledEnrichedPost(post(number, minutes, **fields), {"informativeness": label, "event": "genova_floods"})


def played(name: str = "genova_floods", where=GENOVA, box=LIGURIA, count: int = 60) -> PlayedEvent:
    posts = tuple(labelled(f"{name}{n}", 5 * n, places=[where]) for n in range(count))
    return PlayedEvent(event(name, box=box), posts)


SICILY = played("sicily_floods", PALERMO, (12, 36.5, 15.7, 38.4))
LUZON = played("luzon_floods", MANILA, (119, 13, 123, 18))


def test_each_event_plays_in_a_week_of_its_own_and_three_at_once_together():
    alone, together = one_by_one([played(), SICILY, LUZON], [], 0), several_at_once([played(), SICILY, LUZON], [], 0)
    begins = [each.since for each in alone.events]
    assert begins[1] - begins[0] == begins[2] - begins[1] == timedelta(weeks=1)
    assert len({each.since for each in together.events}) == 1
    assert len(alone.posts) == len(together.posts) == 180
    assert alone.weeks == pytest.approx(3 + 3 / 7)


def test_unrelated_posts_are_dealt_evenly_and_again_only_after_two_days():
    unrelated = [labelled(f"u{n}", 0, "Not related", relevance=0.1) for n in range(100)]
    stream = one_by_one([played()], unrelated, 8)
    dealt = [each for each in stream.posts if each.truth is None]
    assert len(dealt) == 480
    gaps = {round((b.at - a.at).total_seconds()) for a, b in itertools.pairwise(dealt)}
    assert max(gaps) - min(gaps) <= 1
    assert len({each.post_id for each in dealt}) == 480
    of_one = sorted(each.at for each in dealt if each.post.post.post.post_id == "file:u7")
    assert all(later - earlier >= timedelta(hours=48) for earlier, later in itertools.pairwise(of_one))
    few = one_by_one([played()], unrelated[:3], 8)
    assert 0 < len(few.posts) - 60 <= 3 * 5 + 1
    with pytest.raises(SetupError, match="labelled as unrelated"):
        one_by_one([played()], [], 8)


def sure_confidence() -> LearnedConfidence:
    return LearnedConfidence("test", ConfidenceWeights(np.zeros(FEATURES), 3.0, np.zeros(FEATURES), np.ones(FEATURES)))


def test_the_report_has_all_that_is_asked_for():
    streams = {
        "one_by_one": one_by_one([played(), SICILY], [], 0),
        "three_at_once": several_at_once([SICILY, LUZON], [], 0),
    }
    report = evaluate_alerts(streams, sure_confidence(), lambda each: each.post.post.event_relevance, str)
    assert (report["events"], report["precision"], report["recall"], report["f1"]) == (2, 1.0, 1.0, 1.0)
    assert report["duplicates"] == report["false_alarms_per_week"] == 0
    assert report["recall_by_posts_seen"] == {"5": 1.0, "10": 1.0, "20": 1.0, "50": 1.0}
    found = report["by_event"]["sicily_floods"]
    assert found["found"] and found["kind"] == "flood" and found["posts_seen"] <= 5
    assert found["minutes"] == pytest.approx(5 * (found["posts_seen"] - 1))
    assert set(report["baselines"]) == {"fixed_threshold", "global_flood_monitor"}
    assert report["runs"]["three_at_once"]["recall"] == 1.0
    assert report["ece"] is not None
    json.dumps(report)


def test_an_event_that_is_not_found_counts_against_recall():
    report = figures(one_by_one([played(), SICILY], [], 0), [])
    assert (report["precision"], report["recall"], report["f1"]) == (0.0, 0.0, 0.0)
    assert report["by_event"]["sicily_floods"] == {"found": False, "minutes": None, "posts_seen": None, "kind": "flood"}


@pytest.mark.parametrize("baseline", [FixedThreshold(), GlobalFloodMonitor()])
def test_baselines_alert_once_for_a_burst_and_not_for_a_trickle(baseline):
    def reports(step: float, where):
        made = (
            report_of(
                post(f"{where.name}{n}", step * n, [where]), post(n, step * n).post.created_at, DetectionRules(), str
            )
            for n in range(40)
        )
        return [each for each in made if each]

    burst = [each for report in reports(5, GENOVA) for each in baseline.take(report)]
    assert len(burst) == 1 and abs(burst[0].longitude - 8.93) < 0.01
    town = place("Elsewhere", 20, 50, "PL", "1")
    assert [each for report in reports(2 * 24 * 60, town) for each in baseline.take(report)] == []


def test_labels_of_the_sets_are_read():
    assert is_related({"informativeness": "Not related"}) is False
    assert is_related({"text_info": "informative"}) is True
    assert is_related({"humanitarian_label": "caution_and_advice"}) is True
    assert is_related({"informativeness": "Not applicable"}) is None
    assert kind_of_event("en_cyclone_idai_2019") == "storm" and kind_of_event("2013_Singapore_haze") == "other"


def test_a_truth_that_is_none_is_told(tmp_path: Path):
    file = tmp_path / "truth.jsonl"
    file.write_text('{"event": "a", "kind": "flood"}\n')
    with pytest.raises(SetupError, match="box"):
        read_truth(file)
    file.write_text("")
    with pytest.raises(SetupError, match="no events"):
        read_truth(file)
    with pytest.raises(SetupError, match="no labelled posts"):
        labelled_files(tmp_path)


def test_a_set_is_read_once_and_not_in_its_other_forms(tmp_path: Path):
    line = '{"id": "1", "text": "flood", "created_at": "2013-01-01T00:00:00Z", "informativeness": "Not related"}\n'
    for name in ("set/t26/a_floods.jsonl", "set/t6/a_floods.jsonl", "other/b_floods.jsonl", "other/notes.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(line if "floods" in name else '{"no": "post"}\n')
    assert [file.name for file in labelled_files(tmp_path / "set")] == ["a_floods.jsonl"]
    assert [file.parent.name for file in labelled_files(tmp_path)] == ["other", "t26"]


def test_the_shared_truth_can_be_read(data: Path):
    events = [each for file in sorted((data / "alert_truth").glob("*.jsonl")) for each in read_truth(file)]
    assert len(events) == 26 and all(each.since.tzinfo is UTC or each.since.utcoffset() is not None for each in events)
    assert min(each.since for each in events) > datetime(2012, 1, 1, tzinfo=UTC)


def incident_examples(noise: float = 0.3) -> IncidentExamples:
    """Twelve events with a real and a false incident each, of three sizes, that relevance tells apart."""
    random = np.random.default_rng(7)
    rows, truth, events, incidents = [], [], [], []
    for number, (name, is_true) in enumerate((name, is_true) for name in range(12) for is_true in (True, False)):
        for size in (3, 5, 8):
            values = dict.fromkeys(Features._fields, 0.0)
            values |= {"posts": np.log1p(size), "relevance": 0.6 + 0.3 * is_true + noise * random.normal() / 3}
            rows.append([values[field] for field in Features._fields])
            truth.append(is_true)
            events.append(f"event{name}")
            incidents.append(number)
    return IncidentExamples(
        np.array(rows), np.array(truth), np.array(events, dtype=object), np.full(len(rows), 1 / 3), np.array(incidents)
    )


def test_the_confidence_learns_what_tells_real_incidents_and_says_it_plainly():
    examples = incident_examples()
    weights = learn_confidence(examples)
    names = dict(zip(Features._fields, weights.weights, strict=True))
    assert max(names, key=lambda name: abs(names[name])) == "relevance" and names["relevance"] > 0
    told = np.array([weights.probability(Features(*row)) for row in examples.rows])
    assert calibration(told, examples.truth)["ece"] < 0.1


def test_a_confidence_needs_incidents_of_both_sides():
    examples = incident_examples()
    with pytest.raises(SetupError, match="play a background"):
        learn_confidence(examples.only(examples.truth))


def test_the_confidence_learns_no_weight_against_what_is_known():
    """Of so few incidents it could learn by chance that more languages speak against one."""
    examples = incident_examples(noise=2.0)
    languages = Features._fields.index("languages")
    examples.rows[:, languages] = np.where(examples.truth, 0.7, 1.1)
    weights = dict(zip(Features._fields, learn_confidence(examples).weights, strict=True))
    assert weights.pop("louder_elsewhere") <= 0
    assert min(weights.values()) >= 0 and weights["languages"] == 0


def test_few_examples_show_an_error_where_each_probability_is_right():
    random = np.random.default_rng(2)
    few, many = random.random(40), random.random(4000)
    assert error_by_chance(few) > 3 * error_by_chance(many) > 0


def test_the_interval_of_the_error_is_wider_where_events_bring_many_incidents():
    random = np.random.default_rng(4)
    probabilities = np.repeat(random.random(20), 6)
    truth = np.repeat(random.random(20) < probabilities[::6], 6)
    alone = [str(number) for number in range(120)]
    by_event = [str(number // 6) for number in range(120)]
    low, high = calibration_interval(probabilities, truth, by_event)
    low_alone, high_alone = calibration_interval(probabilities, truth, alone)
    assert low <= calibration(probabilities, truth)["ece"] <= high
    assert high - low > high_alone - low_alone

"""The model that weighs the evidence for places: its probabilities, its files, and what it learns from whole events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.place_points import is_right, point_report
from stormpetrel.evaluation.place_scores import PointTally
from stormpetrel.evaluation.resolver_training import FOLDS, learn, part_of_posts, train_resolver
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.evidence import FEATURES
from stormpetrel.posts.places.geoparser.resolver_model import START, ResolverModel, Weights, load_resolver, shares
from stormpetrel.posts.places.geoparser.toponym_resolver import ToponymResolver
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost
from stormpetrel.posts.places.tagger.recogniser import Mention

PIECES = st.lists(st.tuples(st.sampled_from(FEATURES), st.floats(-3, 3), st.just("")), max_size=5)
SPAIN, ARGENTINA = (37.89, -4.78, "ES"), (-31.42, -64.18, "AR")


def post(event: str, number: int, *names: tuple[str, tuple[float, float, str]], has_event: bool = True) -> LabelledPost:
    text, mentions = f"{number} of {event}:", []
    for name, (latitude, longitude, country) in names:
        mentions.append(GoldMention(len(text) + 1, len(text) + 1 + len(name), "", longitude, latitude, None, country))
        text += f" {name}"
    return LabelledPost(text, tuple(mentions), event, "en", f"2026-01-01T00:{number:02}:00", has_event)


def spanish_events() -> list[LabelledPost]:
    """Four events in Spain: Córdoba is the Spanish one, which is the smaller one."""
    names = ("Córdoba", SPAIN), ("Sevilla", (37.39, -5.97, "ES")), ("Spain", (40.0, -4.0, "ES"))
    return [post(f"event{event}", number, *names) for event in range(FOLDS) for number in range(20)]


@given(st.lists(PIECES, min_size=1, max_size=6), st.floats(-5, 5))
def test_the_shares_of_all_options_add_up_to_one(options: list[list[tuple[str, float, str]]], weight: float) -> None:
    given_shares = shares(options, dict.fromkeys(FEATURES, weight))
    assert sum(given_shares) == pytest.approx(1.0) and all(0 <= share <= 1 for share in given_shares)


def test_the_model_survives_its_files(tmp_path: Path) -> None:
    weights = Weights({"population": 0.5}, {"same_country": 1.25, "lacking": -1.0})
    model = ResolverModel(weights, [START, START, START, weights], {7: 3, 2**63 + 1: 0}, {"trained_on": ["x"]})
    model.save(tmp_path)
    again = load_resolver(tmp_path)
    assert again == model
    assert again.weights_for(2**63 + 1) == START and again.weights_for(5) == weights


@pytest.mark.parametrize("change", [{"alone": {"height": 1.0}}, {"without": None}, {"together": []}])
def test_a_model_of_other_features_is_refused_with_the_remedy(tmp_path: Path, change: dict[str, object]) -> None:
    ResolverModel(START).save(tmp_path)
    document = json.loads((tmp_path / "model.json").read_text()) | change
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(SetupError, match="stormpetrel train resolver"):
        load_resolver(tmp_path)


def test_it_learns_that_the_other_names_of_a_post_decide(small_gazetteer: Gazetteer) -> None:
    mentions = [Mention(name, 0, len(name)) for name in ("Córdoba", "Sevilla", "Spain")]
    by_population = ToponymResolver(small_gazetteer, START).resolve(mentions)[0]
    learned = ToponymResolver(small_gazetteer, learn(spanish_events(), small_gazetteer)).resolve(mentions)[0]
    assert by_population.chosen is not None and by_population.chosen.country_code == "AR"
    assert learned.chosen is not None and learned.chosen.country_code == "ES"


def test_every_event_is_judged_by_weights_that_did_not_learn_from_it(small_gazetteer: Gazetteer) -> None:
    events = spanish_events()
    model = train_resolver(events, small_gazetteer, lambda _: None)
    assert {model.parts[each.text_hash] for each in events} == set(range(FOLDS))
    for event in range(FOLDS):
        assert len({model.parts[each.text_hash] for each in events if each.event == f"event{event}"}) == 1
    report = point_report(events, small_gazetteer, model)
    assert report["held_out_by_training"] == 1.0 and report["right"]["of_all"] > 0.9
    with pytest.raises(SetupError, match="4 events or more"):
        train_resolver(events[:20], small_gazetteer, lambda _: None)


def test_posts_without_events_are_parted_by_their_rarest_country() -> None:
    common = [post("set", number, ("Córdoba", ARGENTINA), has_event=False) for number in range(9)]
    rare = [
        post("set", 20 + number, ("Córdoba", SPAIN), ("Mendoza", ARGENTINA), has_event=False) for number in range(3)
    ]
    groups = [group for _, group in part_of_posts([*common, *rare])]
    assert groups == ["AR"] * 9 + ["ES"] * 3


def test_a_point_is_right_within_161_km_or_in_the_box(small_gazetteer: Gazetteer) -> None:
    (spain,) = small_gazetteer.candidates("Spain")
    far = GoldMention(0, 5, "", 0.0, 42.0)
    assert is_right(far, [spain]) == [False]
    boxed = GoldMention(0, 5, "", 0.0, 42.0, (36.0, 44.0, -9.0, 3.0))
    assert is_right(boxed, [spain]) == [True]
    assert is_right(GoldMention(0, 5, "", -4.5, 40.0), [spain]) == [True]


def test_the_calibration_error_is_the_gap_of_confidence_and_truth() -> None:
    tally = PointTally(mentions=4, right=[True, True, True, False], confidences=[0.75] * 4)
    assert tally.calibration_error() == 0.0
    assert PointTally(mentions=2, right=[False, False], confidences=[0.9, 0.7]).calibration_error() == 0.8
    assert PointTally().calibration_error() is None
    assert tally.shares_right() == {"answered": 1.0, "of_answered": 0.75, "of_all": 0.75}

"""The relevance of posts to kinds of events: how it is learned, held out, kept and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stormpetrel.core.errors import ModelUnavailable, SetupError
from stormpetrel.core.events import EventRelevance, Post
from stormpetrel.evaluation.held_out_kinds import NestedKinds
from stormpetrel.evaluation.kind_training import KindExamples, examples_of, learn_weights, train_kinds
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.posts.event_kinds import KINDS, KINDS_FILE, EventKinds, features, kinds_for
from stormpetrel.posts.event_places import with_event_relevance
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.text.duplicates import DuplicateWindow
from tests.unit.incident_streams import GENOVA, T0, post

EVENTS = ("a_flood", "b_flood", "c_storm", "d_storm", "e_earthquake", "f_earthquake", "g_wildfire", "h_wildfire")
WORDS = {"flood": "a flood", "storm": "a storm", "earthquake": "a quake", "wildfire": "a wildfire", "none": "nothing"}


def examples(seed: int = 0) -> KindExamples:
    """Forty posts an event, half of them related; the vector tells a little, the words more."""
    random = np.random.default_rng(seed)
    texts, events, kinds, vectors = [], [], [], []
    for event in EVENTS:
        kind = event.split("_")[1]
        for number in range(40):
            label = kind if number % 2 else "none"
            texts.append(WORDS[label])
            events.append(event)
            kinds.append(label)
            vectors.append(random.normal(size=8) + (np.arange(8) == [*KINDS, "none"].index(label)))
    rows = features(np.array(vectors, dtype=np.float32), texts)
    return KindExamples(rows, np.array(events, dtype=object), np.array(kinds, dtype=object))


@pytest.fixture(scope="module")
def trained() -> tuple[EventKinds, dict[str, dict[str, float]]]:
    return train_kinds(examples(), "tiny", lambda _: None)


def test_each_kind_is_told_on_events_left_out(trained):
    _, report = trained
    assert set(report) == set(KINDS)
    assert all(figures["ap"] > 0.9 and figures["ece"] < 0.2 for figures in report.values())


def test_a_post_about_an_event_reports_from_the_places_that_it_names():
    text = "Water coming into houses in Genova, people on roofs"
    start = text.index("Genova")
    mentioned = GENOVA.model_copy(update={"role": "mentioned", "start": start, "end": start + len("Genova")})
    plain = post(1, 0, [mentioned], text)
    for probability, role in ((0.49, "mentioned"), (0.5, "affected")):
        relevance = (EventRelevance(kind="flood", probability=probability, model_version="kinds1"),)
        scored = with_event_relevance(plain, relevance)
        assert [place.role for place in scored.places] == [role] and scored.event_relevance == relevance


def test_every_event_has_a_model_that_did_not_learn_from_it(trained):
    kinds, _ = trained
    assert set().union(*(events for events, _ in kinds.without)) == set(EVENTS)
    rest = examples()
    for events, weights in kinds.without:
        outside = rest.only(np.array([event not in events for event in rest.events]))
        np.testing.assert_allclose(weights.weights, learn_weights(outside).weights)
    assert kinds.weights_without("unknown") is kinds.weights


def test_what_was_saved_is_read_again(trained, tmp_path: Path):
    kinds, _ = trained
    file = tmp_path / "kinds.json"
    kinds.save(file)
    again = kinds_for("tiny+gloss1@abc", file)
    assert again is not None and again.version == kinds.version
    vectors = np.ones((2, 8), dtype=np.float32)
    texts = ["a quake", "nothing"]
    told = again.relevance(vectors, texts)
    assert [[each.kind for each in one] for one in told] == [
        [each.kind for each in one] for one in kinds.relevance(vectors, texts)
    ]
    assert max(told[0], key=lambda each: each.probability).kind == "earthquake"


def test_kinds_of_another_text_model_are_not_used(trained, tmp_path: Path):
    kinds, _ = trained
    file = tmp_path / "kinds.json"
    kinds.save(file)
    assert kinds_for("other@abc", file) is None
    assert kinds_for("tiny", tmp_path / "missing.json") is None
    file.write_text('{"kinds": ["flood"]}')
    with pytest.raises(ModelUnavailable, match="stormpetrel train kinds"):
        EventKinds.load(file)


def test_a_storm_is_no_counterexample_for_floods():
    """Storms speak of floods: without them a flood's model is the same."""
    every = examples()
    without_storms = every.only(every.kinds != "storm")
    with_storms, alone = learn_weights(every), learn_weights(without_storms)
    assert np.sign(with_storms.weights[0]).tolist()[:5] == np.sign(alone.weights[0]).tolist()[:5]


def test_nested_kinds_leave_out_both_folds():
    every = examples()
    nested = NestedKinds(every, str)
    assert set().union(*nested.folds) == set(EVENTS)


def test_sets_without_labels_are_refused():
    with pytest.raises(SetupError, match="no labelled posts"):
        examples_of({}, str)


class NoPlaces:
    """A geoparser that finds no places."""

    def budget(self) -> Budget:
        return Budget()

    def mentions(self, texts, languages, budgets):
        return [[] for _ in texts]

    def resolve(self, *_):
        return (), ()

    def note(self, *_):
        return None


class Ones:
    """A text encoder whose vectors say nothing."""

    version = "tiny@1"

    def encode(self, texts):
        return np.ones((len(texts), 8), dtype=np.float32)


def test_the_enricher_tells_kinds_of_originals_and_none_without_a_model(trained):
    kinds, _ = trained
    posts = [
        Post(post_id=f"x:{n}", source="x", text=text, created_at=T0, ingested_at=T0)
        for n, text in enumerate(
            ["There is a quake here now", "There is a quake here now", "Nothing at all to see here"]
        )
    ]
    with_kinds = Enricher(Ones(), NoPlaces(), DuplicateWindow(10, 0.8), kinds=kinds)
    quake, copy, nothing = with_kinds.enrich(posts)
    assert max(quake.event_relevance, key=lambda each: each.probability).kind == "earthquake"
    assert quake.event_relevance[0].model_version == kinds.version
    assert copy.duplicate_of == "x:0" and copy.event_relevance == ()
    assert max((each.probability for each in nothing.event_relevance), default=0.0) < 0.5
    without = Enricher(Ones(), NoPlaces(), DuplicateWindow(10, 0.8)).enrich(posts[:1])
    assert without[0].event_relevance == ()


def test_the_shipped_kinds_can_be_read_and_left_out_of_every_event():
    kinds = EventKinds.load(KINDS_FILE)
    assert len(kinds.learned_from) >= 20
    assert set().union(*(events for events, _ in kinds.without)) == set(kinds.learned_from)

"""One hostile post holds nobody up: what is searched, compared and kept of it is bounded, and the event says so."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.events import EnrichedPost, Post, encode
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.posts.places.budget import CHARACTERS, Budget
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser import evidence
from stormpetrel.posts.places.geoparser.candidates import Found
from stormpetrel.posts.places.geoparser.geoparser import MAX_PLACES, Geoparser
from stormpetrel.posts.places.geoparser.toponym_resolver import NO_TIME, ToponymResolver
from stormpetrel.posts.places.tagger.recogniser import Mention, PlaceRecogniser
from stormpetrel.posts.places.tagger.taggers import AnyTagger
from stormpetrel.posts.text import duplicates
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.process.metrics import POSTS_LIMITED

AT = datetime(2026, 1, 1, tzinfo=UTC)
LENGTH = 20_000  # characters, the most that a post may have


def filled(part: str) -> str:
    return (part * LENGTH)[:LENGTH]


HOSTILE = {
    "brackets": filled("("),
    "quotes": filled('"'),
    "apostrophes": filled("'"),
    "hash signs": filled("#"),
    "hashtags": filled("#SpainFloods"),
    "one hashtag": "#" + filled("Aa")[1:],
    "at signs": filled("@"),
    "users": filled("@a.b "),
    "dots": filled("."),
    "letters with dots": filled("a."),
    "letters with hyphens": filled("a-"),
    "combining marks": filled("\u0301"),
    "one word": filled("a"),
    "one number": filled("1"),
    "links": filled("h://a "),
    "one link": "http://" + filled("a/")[7:],
    "place names": filled("Springfield, Genova, Sevilla, "),
    "right-to-left marks": filled("\u200f\u202eGenova "),
    "zero-width joiners": filled("a\u200d"),
    "emoji": filled("\U0001f30a"),
    "families": filled("\U0001f468\u200d\U0001f469"),
    "ligatures": filled("\ufdfa"),
    "marks of reposts": filled('RT "'),
    "entities": filled("&amp"),
    "one entity": "&#" + filled("9")[2:],
    "one hexadecimal entity": "&#x" + filled("f")[3:],
    "tags": filled("<"),
    "line breaks": filled("\n"),
}


class UnitEncoder:
    version = "unit@1"

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.ones((len(texts), 1), dtype=np.float32)


class CountingTagger:
    """Finds nothing, and notes what it is given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def memory_zone(self) -> Any:
        return nullcontext()

    def pipe(self, texts: Iterator[str], batch_size: int) -> Iterator[Any]:
        for text in texts:
            self.texts.append(text)
            yield SimpleNamespace(ents=())


def steps(seconds: float) -> Callable[[], Budget]:
    """Budgets whose clock goes on by a second each time that it is looked at."""
    return lambda: Budget(seconds=seconds, clock=count().__next__)


def enriched(geoparser: Geoparser, *texts: str) -> list[EnrichedPost]:
    enricher = Enricher(UnitEncoder(), geoparser, DuplicateWindow(100, 0.8), clock=lambda: AT)
    posts = [
        Post(post_id=f"x:{number}", source="file", text=text, created_at=AT, ingested_at=AT)
        for number, text in enumerate(texts)
    ]
    results = enricher.enrich(posts)
    assert all(isinstance(result, EnrichedPost) for result in results), results
    return [result for result in results if isinstance(result, EnrichedPost)]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_tagger_reads_the_beginning_of_a_post_and_no_long_run(small_gazetteer: Gazetteer, text: str) -> None:
    tagger = CountingTagger()
    (post,) = enriched(Geoparser(small_gazetteer, PlaceRecogniser(small_gazetteer, AnyTagger(tagger))), text)
    (searched,) = tagger.texts
    assert len(searched) == CHARACTERS
    # Its tokeniser takes the square of a run's length.
    assert max(map(len, searched.split()), default=0) <= 200
    assert post.post.text == text
    assert "only the first 5,000 of 20,000 characters were searched" in post.limits


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_post_becomes_a_small_event(geoparser: Geoparser, text: str) -> None:
    (post,) = enriched(geoparser, text)
    assert len(post.places) <= MAX_PLACES and len(post.unresolved_names) <= MAX_PLACES
    without_text = post.model_copy(update={"clean_text": "", "post": post.post.model_copy(update={"text": ""})})
    assert len(encode(without_text)) < 300_000


@pytest.mark.parametrize("language", ["en", "it"])
def test_words_of_posts_do_not_stay_in_memory(geoparser: Geoparser, language: str) -> None:
    tagger = geoparser._recogniser._tagger
    strings = (tagger._english if language == "en" else tagger._others)._pipeline.vocab.strings
    geoparser.mentions(["Flood in Genova"], [language])
    before = len(strings)
    texts = [" ".join(f"word{number}x{position}" for position in range(20)) for number in range(20)]
    geoparser.mentions(texts, [language] * len(texts))
    assert len(strings) == before
    (mentions,) = geoparser.mentions(["Flood in Genova and word1x1"], ["en"])
    assert [mention.name for mention in mentions] == ["Genova"]


def test_the_cache_of_names_holds_no_long_ones(small_gazetteer: Gazetteer) -> None:
    held = small_gazetteer._cached_candidates.cache_info().currsize
    assert small_gazetteer.candidates(filled("Genova")) == []
    assert small_gazetteer._cached_candidates.cache_info().currsize == held


def test_many_names_are_compared_with_a_few_others(small_gazetteer: Gazetteer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the names are twice the comparisons, not four times."""
    comparisons = 0
    relations = evidence.relations

    def counted(candidate: Any, other: Any) -> Any:
        nonlocal comparisons
        comparisons += 1
        return relations(candidate, other)

    monkeypatch.setattr(evidence, "relations", counted)
    counts = []
    for names in (300, 600):
        comparisons = 0
        found = Found("exact", tuple(small_gazetteer.candidates("Springfield")))
        resolver = ToponymResolver(small_gazetteer)
        monkeypatch.setattr(resolver._finder, "find", lambda *_, found=found: found)
        resolver.resolve([Mention(f"name {number}", 0, 1) for number in range(names)])
        counts.append(comparisons)
    assert 0 < counts[1] <= 2.1 * counts[0]


def test_a_post_goes_on_with_the_names_that_its_time_suffices_for(small_gazetteer: Gazetteer) -> None:
    text = "Genova Sevilla Mati Neustadt Springfield Genova"
    recogniser = PlaceRecogniser(small_gazetteer)
    unlimited = Geoparser(small_gazetteer, recogniser, budget=steps(1_000_000))
    (whole,) = enriched(unlimited, text)
    kept = []
    before = POSTS_LIMITED.labels("time")._value.get()
    for seconds in range(1, 40):
        (post,) = enriched(Geoparser(small_gazetteer, recogniser, budget=steps(seconds)), text)
        cut = any("time ran out" in limit for limit in post.limits)
        assert cut or (post.places, post.unresolved_names) == (whole.places, whole.unresolved_names)
        kept.append(0 if cut else 1)
    assert whole.limits == () and kept == sorted(kept) and kept[0] == 0 and kept[-1] == 1
    assert POSTS_LIMITED.labels("time")._value.get() - before == kept.count(0)


def test_names_without_time_have_no_point_and_say_why(small_gazetteer: Gazetteer) -> None:
    budget = Budget(seconds=3, clock=count().__next__)
    with budget:
        mentions = [Mention(name, 0, len(name)) for name in ("Genova", "Sevilla", "Mati", "Ål")]
        resolutions = ToponymResolver(small_gazetteer).resolve(mentions, budget=budget)
    assert [resolution.why for resolution in resolutions if not resolution.ranked] == [(NO_TIME,), (NO_TIME,)]
    assert [resolution.mention.name for resolution in resolutions if resolution.chosen] == ["Genova", "Sevilla"]


def test_one_post_does_not_use_up_the_time_of_its_neighbours(small_gazetteer: Gazetteer) -> None:
    geoparser = Geoparser(small_gazetteer, PlaceRecogniser(small_gazetteer), budget=steps(12))
    hostile, usual = enriched(geoparser, filled("Springfield, "), "Flood in Genova")
    assert hostile.limits[-1].startswith("the time ran out")
    assert usual.limits == () and [place.name for place in usual.places] == ["Genoa"]


def test_equal_names_count_once_and_the_most_certain_places_stay_in_order(small_gazetteer: Gazetteer) -> None:
    geoparser = Geoparser(small_gazetteer, PlaceRecogniser(small_gazetteer))
    (post,) = enriched(geoparser, "Genova, Genova! GENOVA is under water, and Sevilla; Neustadt, Neustadt")
    assert [place.name for place in post.places] == ["Genoa", "Sevilla"]
    assert [name.name for name in post.unresolved_names] == ["Neustadt"] and post.limits == ()


def test_of_many_places_the_most_certain_stay(small_gazetteer: Gazetteer) -> None:
    names = ["Genoa" if number % 7 else "Springfield" for number in range(80)]
    text = " ".join(f"{10 + number} km north of {name}" for number, name in enumerate(names))
    (post,) = enriched(Geoparser(small_gazetteer, PlaceRecogniser(small_gazetteer)), text)
    assert len(post.places) == MAX_PLACES
    assert {place.name for place in post.places} == {"Genoa"}, "surer than one of two Springfields"
    starts = [place.start or 0 for place in post.places]
    assert starts == sorted(starts)
    assert [limit for limit in post.limits if limit.startswith(f"{MAX_PLACES} of 80 places")]


def test_the_window_keeps_no_long_texts() -> None:
    window = DuplicateWindow(1000, 0.8)
    tracemalloc.start()
    for number in range(50):
        window.claim(f"x:{number}", "".join(f"{number}{position} word " for position in range(2000))[:LENGTH])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(window) == 50 and held < 50 * LENGTH / 2


def test_posts_of_one_form_with_other_numbers_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    window = DuplicateWindow(1000, 0.8)
    text = "Flood in the old town by the river: {} people were saved last night by the boats of the fire brigade"
    for number in range(200):
        assert window.claim(f"x:{number}", text.format(number)) is None
    compared = 0
    mean = np.mean

    def counted(*arguments: Any) -> Any:
        nonlocal compared
        compared += 1
        return mean(*arguments)

    monkeypatch.setattr(duplicates.np, "mean", counted)
    duplicate = window.claim("x:new", f"Now: {text.format(7)}")
    assert duplicate is not None and duplicate.original_id == "x:7" and compared == 1

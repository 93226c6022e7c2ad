"""What live sources let through: by words, by meaning in the worker, and what becomes of the rest."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from consumers.sources.gated_posts import Gate
from stormpetrel.bootstrap import LEXICON
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.core.events import EnrichedPost, Media, Post, PostDropped
from stormpetrel.core.topics import POSTS_DROPPED, POSTS_ENRICHED, POSTS_RAW
from stormpetrel.log import record_of_event
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.posts.gate.model import GATE_FILE, GateModel, LinearGate
from stormpetrel.posts.gate.relevance import Irrelevant, RelevanceGate
from stormpetrel.posts.gate.word_facts import HAZARD, WordReader
from stormpetrel.posts.gate.words import WordGate
from stormpetrel.posts.gloss.gloss import Glosser
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.verification import log_state
from streams.enrich import EnrichBatch
from tests.unit.faust_events import FaustEvent, process_batch, sender_to
from tests.unit.test_event_kinds import NoPlaces

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUSSIAN = "сегодня мы идём в кино смотреть новый фильм вместе с друзьями"


@pytest.fixture(scope="module")
def reader(glosser: Glosser) -> WordReader:
    return WordReader(glosser.lexicon, LEXICON, ["Dam-break", "ciclovia"])


def fact(reader: WordReader, text: str, name: str) -> float:
    return float(reader.facts(text).numbers[reader.names.index(name)])


@pytest.mark.parametrize(
    "text", ["the flood is in the house today", "alluvione nel ponte e nella strada", "#AlluvioneOggi"]
)
def test_words_of_water_are_counted_in_each_language_and_inside_hashtags(reader: WordReader, text: str) -> None:
    assert fact(reader, text, "water") > 0 and fact(reader, text, HAZARD) > 0
    assert fact(reader, "what a lovely sunday with you", "water") == 0


def test_a_hazard_that_no_list_of_words_has_is_one_by_the_list_of_hazards(reader: WordReader) -> None:
    assert fact(reader, "thick haze over the town this morning", HAZARD) > 0
    assert fact(reader, "#stormwatch", HAZARD) > 0


def test_a_text_in_a_language_without_a_list_is_unread_and_one_of_no_language_is_not(reader: WordReader) -> None:
    assert reader.facts(RUSSIAN).is_unread
    assert not reader.facts("ok").is_unread and not reader.facts("the bridge is closed, stay away from it").is_unread


def by_words(reader: WordReader, threshold: float, **fields: bool) -> WordGate:
    """Weighs the sign of a hazard alone."""
    weights = np.array([float(name == HAZARD) for name in reader.names])
    return WordGate(reader, LinearGate(weights, 0.0, threshold), **fields)


def test_the_gate_by_words_passes_what_scores_enough_what_is_unread_and_the_teams_own_words(reader: WordReader) -> None:
    gate = by_words(reader, 0.5)
    assert gate.lets_through("the flood is here") and not gate.lets_through("a lovely sunday")
    assert gate.lets_through(RUSSIAN) and not by_words(reader, 0.5, unread_pass=False).lets_through(RUSSIAN)
    assert gate.lets_through("la ciclovia di domenica")


def model(reader: WordReader) -> GateModel:
    facts = len(reader.names)
    words, meaning = LinearGate(np.ones(facts), -1.0, 0.5), LinearGate(np.ones(4 + facts), 0.25, -0.5)
    return GateModel("tiny", 4, reader.names, words, meaning, ("a_flood",))


def test_what_was_learned_comes_back_from_its_file_and_other_facts_are_refused(
    reader: WordReader, tmp_path: Path
) -> None:
    model(reader).save(tmp_path / "gate.json")
    loaded = GateModel.load(tmp_path / "gate.json", reader.names)
    assert (loaded.text_model, loaded.learned_from) == ("tiny", ("a_flood",))
    assert loaded.meaning.threshold == -0.5 and np.array_equal(loaded.words.weights, model(reader).words.weights)
    with pytest.raises(ModelUnavailable, match="train gate"):
        GateModel.load(tmp_path / "gate.json", reader.names[1:])
    with pytest.raises(ModelUnavailable, match="train gate"):
        GateModel.load(tmp_path / "missing.json", reader.names)


def test_the_gate_that_ships_weighs_the_facts_of_the_word_list(reader: WordReader) -> None:
    assert GateModel.load(GATE_FILE, reader.names).dimensions == 384


class Encoder:
    """A vector that says whether the text has the word flood."""

    version = "tiny"

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([[1.0, 0, 0, 0] if "flood" in text else [0, 1.0, 0, 0] for text in texts], dtype=np.float32)


@pytest.fixture
def enricher(reader: WordReader) -> Enricher:
    learned = LinearGate(np.r_[1.0, np.zeros(3 + len(reader.names))], 0.0, 0.5)
    gate = RelevanceGate(reader, learned)
    return Enricher(Encoder(), NoPlaces(), DuplicateWindow(100, 0.8), gate=gate)  # type: ignore[arg-type]


def post(number: int, text: str, **fields: object) -> Post:
    return Post(post_id=f"bsky:{number}", source="bluesky", text=text, created_at=AT, ingested_at=AT, **fields)


def test_only_gated_posts_are_dropped_and_a_copy_from_elsewhere_becomes_the_original(enricher: Enricher) -> None:
    dull = "a long and lovely sunday by the sea with you"
    posts = [
        post(1, dull),
        post(2, dull),
        post(3, "the flood has come to our street"),
        post(4, "nothing at all to see"),
    ]
    dropped, copy, flood, other = enricher.enrich(posts, gated={"bsky:1", "bsky:3"})
    assert isinstance(dropped, Irrelevant) and dropped.post.post_id == "bsky:1" and dropped.score < dropped.threshold
    assert isinstance(copy, EnrichedPost) and copy.duplicate_of is None and copy.text_vector is not None
    assert isinstance(flood, EnrichedPost) and isinstance(other, EnrichedPost)
    assert "bsky:1" not in enricher.window


def test_what_cannot_be_judged_passes(enricher: Enricher) -> None:
    pictured = post(1, "look at this", media=(Media(kind="photo", alt_text="a street under water"),))
    posts = [pictured, post(2, RUSSIAN), post(3, "https://example.org"), post(4, "la ciclovia di domenica mattina")]
    results = enricher.enrich(posts, gated={each.post_id for each in posts})
    assert [type(result) for result in results] == [EnrichedPost] * 4


def test_every_post_that_the_worker_drops_is_on_the_log_and_is_not_missed(enricher: Enricher) -> None:
    log = MemoryLog(partitions=1)
    for number, text in enumerate(["a lovely sunday by the sea", "the flood is here now"]):
        log.append(record_of_event(POSTS_RAW, f"bsky:{number}", post(number, text), gate="words"))
    events = [FaustEvent(record) for record in log.records(POSTS_RAW.name)]
    asyncio.run(process_batch(events, EnrichBatch(enricher), sender_to(log, events)))  # type: ignore[arg-type]
    (record,) = log.records(POSTS_DROPPED.name)
    event = record.decode(PostDropped)
    assert (event.post_id, event.reason, event.post) == ("bsky:0", "irrelevant", None) and event.score is not None
    assert [record.key for record in log.records(POSTS_ENRICHED.name)] == [b"bsky:1"]
    assert log_state(MemoryTopicReader(log)).expected == {"bsky:1"}
    assert all(event.acknowledged for event in events)


def test_the_sample_of_dropped_posts_keeps_its_text(enricher: Enricher) -> None:
    log = MemoryLog(partitions=1)
    log.append(record_of_event(POSTS_RAW, "bsky:0", post(0, "a lovely sunday by the sea"), gate="words"))
    events = [FaustEvent(record) for record in log.records(POSTS_RAW.name)]
    work = EnrichBatch(enricher, sampled_share=1.0)
    asyncio.run(process_batch(events, work, sender_to(log, events)))  # type: ignore[arg-type]
    (record,) = log.records(POSTS_DROPPED.name)
    assert record.decode(PostDropped).post == post(0, "a lovely sunday by the sea")


def test_a_post_of_a_file_is_not_judged(enricher: Enricher) -> None:
    log = MemoryLog(partitions=1)
    log.append(record_of_event(POSTS_RAW, "bsky:0", post(0, "a lovely sunday by the sea")))
    events = [FaustEvent(record) for record in log.records(POSTS_RAW.name)]
    asyncio.run(process_batch(events, EnrichBatch(enricher), sender_to(log, events)))  # type: ignore[arg-type]
    assert len(log.records(POSTS_ENRICHED.name)) == 1 and not log.records(POSTS_DROPPED.name)


def test_a_gated_source_marks_what_it_publishes_and_drops_the_rest(reader: WordReader) -> None:
    log = MemoryLog(partitions=1)
    producer = MemoryProducer(log)
    gate = Gate(by_words(reader, 0.5), producer, sampled_share=1.0)
    names = Pseudonyms(bytes(32))
    ungated = PostPublisher(producer, "file", pseudonyms=names)
    for publisher in (ungated, PostPublisher(producer, "file", gate=gate, pseudonyms=names)):
        for number, text in enumerate(["the flood is here", "a lovely sunday"]):
            line = f'{{"id": "{number}", "text": "{text}", "created_at": "2026-01-01T00:00:00Z"}}'
            publisher.take(line.encode(), "test")
        publisher.flush()
    assert [record.header("gate") for record in log.records(POSTS_RAW.name)] == [None, None, "words"]
    (record,) = log.records(POSTS_DROPPED.name)
    assert record.decode(PostDropped).reason == "no_word"

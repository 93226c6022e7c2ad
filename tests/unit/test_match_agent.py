"""The agent of saved searches without Faust and without a broker: matches, poison, faults, and the log read again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stormpetrel.core.events import EnrichedPost, Media, PostDeleted, PostMatched, SavedSearch, SavedSearchDeleted
from stormpetrel.core.ports import Point
from stormpetrel.core.topics import POSTS_ENRICHED, POSTS_MATCHED, POSTS_PHOTOS
from stormpetrel.log import OutgoingRecord, Record, record_of_event
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from stormpetrel.search.percolator import Match, Percolator
from stormpetrel.search.percolator.compiled_search import saved_query
from stormpetrel.search.query import Query
from stormpetrel.search.request import SearchRequest
from streams.app import newest_posts
from streams.match import MatchBatch
from tests.memory_api import NIGHT, TextModel, post
from tests.unit.faust_events import FaustEvent, process_batch, sender_to
from tests.unit.photo_events import described, photo


def saved(text: str, **fields: Any) -> SavedSearch:
    request = SearchRequest(text=text)
    query = saved_query(request, Query(text=TextModel().encode([text])[0]), TextModel.version)
    event = {"saved_search_id": "saved-1", "request": {"text": text}, "query": query, "created_at": NIGHT}
    return SavedSearch(**{**event, **fields})


def agent(*events: SavedSearch | SavedSearchDeleted, percolator: Percolator | None = None) -> MatchBatch:
    batch = MatchBatch(percolator or Percolator(None), TextModel(), None)  # type: ignore[arg-type]
    for event in events:
        batch.apply(event)
    return batch


def log_with(*numbers: int) -> MemoryLog:
    log = MemoryLog(partitions=1)
    for number in numbers:
        event = post(number)
        log.append(record_of_event(POSTS_ENRICHED, event.post.post_id, event, trace=f"t{number}"))
    return log


def run(log: MemoryLog, batch: MatchBatch) -> list[PostMatched]:
    events = [FaustEvent(record) for record in log.records(POSTS_ENRICHED.name)]
    asyncio.run(process_batch(events, batch, sender_to(log, events)))  # type: ignore[arg-type]
    assert all(event.acknowledged for event in events)
    return [record.decode(PostMatched) for record in log.records(POSTS_MATCHED.name)]


def test_a_matching_post_is_written_under_its_search_with_its_trace() -> None:
    log = log_with(0, 1, 2)  # the second one is "Flooded streets in Genova 1"
    (match,) = run(log, agent(saved("Flooded streets in Genova", query=None)))
    assert (match.saved_search_id, match.post_id, match.decided_by) == ("saved-1", "x:1", "score")
    assert match.scores["text"] > 0.35 and match.relevance is None and match.recent_rank == 1
    (record,) = log.records(POSTS_MATCHED.name)
    assert (record.key, record.header("trace")) == (b"saved-1", "t1")


def test_a_log_that_is_read_again_gives_the_same_ids() -> None:
    search = saved("Flooded streets in Genova")
    first, second = (run(log_with(1, 6, 11), agent(search)) for _ in range(2))
    assert [match.match_id for match in first] == [match.match_id for match in second]
    assert len({match.match_id for match in first}) == 3


def test_deleted_posts_and_searches_and_those_of_patches_match_nothing() -> None:
    log = log_with(1)
    log.append(record_of_event(POSTS_ENRICHED, "x:2", PostDeleted(post_id="x:2", source="x", deleted_at=NIGHT)))
    patches = saved("flood", saved_search_id="saved-2", query=None, request={"text": "flood", "sources": ["patches"]})
    needs_an_example = saved("flood", saved_search_id="saved-3", query=None, request={"post_id": "x:1"})
    deleted = SavedSearchDeleted(saved_search_id="saved-1", deleted_at=NIGHT)
    assert run(log, agent(saved("Flooded streets in Genova"), deleted, patches, needs_an_example)) == []


def test_poison_stops_nobody_and_is_left_to_the_index_consumer() -> None:
    log = MemoryLog(partitions=1)
    log.append(OutgoingRecord(POSTS_ENRICHED.name, b"x:bad", b"{", {"schema": b"EnrichedPost"}))
    log.append(OutgoingRecord(POSTS_ENRICHED.name, None, b"", {"schema": b"\xff"}))
    event = post(1)
    log.append(record_of_event(POSTS_ENRICHED, event.post.post_id, event))
    assert [match.post_id for match in run(log, agent(saved("Flooded streets in Genova")))] == ["x:1"]
    assert log.records(POSTS_ENRICHED.dead().name) == []


class Faulty(Percolator):
    """Fails as a whole at a certain post."""

    def match(self, points: Any) -> list[Match]:
        if any(point.id == "x:6" for point in points):
            raise ZeroDivisionError("a fault of ours")
        return super().match(points)


def test_a_fault_at_one_post_costs_that_post_alone() -> None:
    log = log_with(1, 2, 6, 11)
    matches = run(log, agent(saved("Flooded streets in Genova"), percolator=Faulty(None)))
    assert [match.post_id for match in matches] == ["x:1", "x:11"]
    (letter,) = log.records(POSTS_ENRICHED.dead().name)
    assert (letter.header("stage"), letter.header("reason")) == ("match", "ZeroDivisionError: a fault of ours")


def test_a_text_vector_of_another_model_is_no_evidence() -> None:
    other = TextModel()
    other.version = "another@2"  # type: ignore[misc]
    batch = MatchBatch(Percolator(None), other, None)  # type: ignore[arg-type]
    batch.apply(saved("Flooded streets in Genova"))
    assert run(log_with(1), batch) == []


def test_the_words_of_older_posts_are_counted_before_the_first_match(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: list[Point] = []
    percolator = Percolator(None)
    monkeypatch.setattr(percolator, "remember", remembered.extend)
    agent(percolator=percolator).warm(newest_posts(MemoryTopicReader(log_with(1, 2, 3)), 1000))
    assert [point.id for point in remembered] == ["x:1", "x:2", "x:3"]


def with_photo(number: int) -> EnrichedPost:
    event = post(number)
    media = (Media(kind="photo", url="https://p.example/a"),)
    return event.model_copy(update={"post": event.post.model_copy(update={"media": media})})


def of_photos(query: Query, **request: Any) -> SavedSearch:
    saved = saved_query(SearchRequest(**request), query, TextModel.version)
    return SavedSearch(saved_search_id="saved-1", request=request, query=saved, created_at=NIGHT)


def run_photos(log: MemoryLog, batch: MatchBatch) -> list[PostMatched]:
    return [decode(each) for each in batch.match_photos(log.records(POSTS_PHOTOS.name))]


def decode(record: OutgoingRecord) -> PostMatched:
    event: PostMatched = Record(record.topic, 0, 0, record.key, record.value, record.headers).decode(PostMatched)
    return event


def test_a_saved_search_for_photos_meets_a_post_when_its_photos_are_described() -> None:
    seen = photo().vector
    assert seen is not None
    search = of_photos(Query(visual=seen.values(), only=frozenset({"visual"})), vectors={"visual": [1.0, 1.0]})
    batch, log = agent(search), MemoryLog(partitions=1)
    log.append(record_of_event(POSTS_ENRICHED, "x:1", with_photo(1), trace="t1"))
    for post_id in ("x:1", "x:2"):  # the second one's post is not remembered
        log.append(record_of_event(POSTS_PHOTOS, post_id, described(post_id, photo()), trace="t1"))
    assert run(log, batch) == []
    (match,) = run_photos(log, batch)
    assert (match.post_id, match.decided_by) == ("x:1", "score") and match.scores["visual"] == pytest.approx(1)
    log.append(record_of_event(POSTS_ENRICHED, "x:1", PostDeleted(post_id="x:1", source="x", deleted_at=NIGHT)))
    batch.match(log.records(POSTS_ENRICHED.name)[-1:])
    assert run_photos(log, batch) == []


def test_photos_say_nothing_to_searches_that_do_not_look_for_them() -> None:
    batch, log = agent(saved("Flooded streets in Genova")), MemoryLog(partitions=1)
    log.append(record_of_event(POSTS_ENRICHED, "x:1", with_photo(1)))
    log.append(record_of_event(POSTS_PHOTOS, "x:1", described("x:1", photo())))
    assert len(run(log, batch)) == 1 and run_photos(log, batch) == []

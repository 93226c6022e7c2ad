"""The matches in memory: a listener gets what came since its last one, from memory or from the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import PostMatched
from stormpetrel.search import recent_matches
from stormpetrel.search.matched_posts import MatchedPosts
from stormpetrel.search.recent_matches import BEFORE_ALL, RecentMatches
from stormpetrel.search.saved_search_feed import PostFeed

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)


def match(number: int, search: str = "saved-1", at: datetime | None = None) -> PostMatched:
    return PostMatched(
        match_id=f"{number:032x}",
        saved_search_id=search,
        post_id=f"x:{number}",
        decided_by="relevance",
        relevance=0.8,
        scores={"text": 0.5},
        reason="its relevance of 0.80 reaches 0.50",
        recent_rank=1,
        recent_count=1,
        posted_at=AT,
        matched_at=at or now(),
    )


class Log:
    """A MatchHistory of these matches; `reads` counts how often it was read."""

    def __init__(self, *matches: PostMatched) -> None:
        self.matches, self.reads = list(matches), 0

    def of(self, saved_search_id: str) -> Iterable[PostMatched]:
        self.reads += 1
        return [each for each in self.matches if each.saved_search_id == saved_search_id]

    def counts(self) -> Counter[str]:
        self.reads += 1
        return Counter(each.saved_search_id for each in self.matches)


def ids(found: Iterable[PostMatched]) -> list[str]:
    return [each.post_id for each in found]


def filled(log: Log, kept: int = 100) -> RecentMatches:
    recent = RecentMatches(kept, log)
    for each in log.matches:
        recent.apply(each)
    return recent


def test_what_memory_holds_is_not_read_from_the_log() -> None:
    log = Log(*(match(n) for n in range(1, 6)))
    recent = filled(log)
    assert ids(recent.after_id("saved-1", match(3).match_id)) == ["x:4", "x:5"] and log.reads == 0
    assert ids(recent.after_id("saved-1", BEFORE_ALL)) == ["x:1", "x:2", "x:3", "x:4", "x:5"]
    for _ in range(1000):  # listeners that had heard nothing yet, after a restart
        assert list(recent.after_id("saved-2", BEFORE_ALL)) == []
    assert log.reads == 1


def test_what_memory_holds_no_more_is_read_from_the_log_each_match_once() -> None:
    log = Log(*(match(n) for n in range(1, 6)), match(2), match(3))
    recent = filled(log, kept=2)
    assert recent.after_number("saved-1", 0) is None
    assert ids(recent.after_id("saved-1", match(1).match_id)) == ["x:2", "x:3", "x:4", "x:5"]
    assert ids(recent.after_id("saved-1", "f" * 32)) == ["x:1", "x:2", "x:3", "x:4", "x:5"]


def test_a_match_that_comes_again_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = filled(Log(match(1), match(2), match(1)))
    assert [entry.match.post_id for entry in recent.after_number("saved-1", 0) or ()] == ["x:1", "x:2"]
    number, newest_id = recent.newest("saved-1")
    assert newest_id == match(2).match_id and recent.after_number("saved-1", number) == []
    monkeypatch.setattr(recent_matches, "MOST_MATCHES", 3)
    log = Log(match(1), match(2), match(3, "saved-2"), match(4, "saved-3"))
    bounded = filled(log)
    assert ids(bounded.after_id("saved-1", BEFORE_ALL)) == ["x:1", "x:2"] and log.reads == 2  # forgotten: from the log


class Store:
    """Documents by post id; while `available` is False it does not answer."""

    def __init__(self) -> None:
        self.posts: dict[str, Any] = {}
        self.available, self.reads = True, 0

    def read(self, post_ids: Any) -> Any:
        if not self.available:
            raise StoreUnavailable("the store does not answer")
        self.reads += 1
        return {post: {"_id": post, "text": "flood"} for post in post_ids if post in self.posts}, {"x:1": 2}


def test_a_feed_waits_until_the_post_is_indexed_and_keeps_the_order() -> None:
    recent, store = RecentMatches(100, Log()), Store()
    feed = PostFeed("saved-1", recent, MatchedPosts(store.read))
    assert feed.message("listening").id == BEFORE_ALL and feed.poll() == []
    for n in (1, 2):
        recent.apply(match(n))
    store.posts = {"x:2": {}}
    assert feed.poll() == [] and feed.is_waiting
    store.posts |= {"x:1": {}}
    store.available = False
    assert feed.poll() == [] and feed.is_waiting
    store.available = True
    first, second = feed.poll()
    assert (first.data["post_id"], first.data["duplicate_count"], first.id) == ("x:1", 2, match(1).match_id)
    assert second.data["post"] == {"text": "flood"} and not feed.is_waiting
    assert feed.poll() == [] and feed.message("quiet").id == match(2).match_id


def test_a_match_whose_post_is_gone_is_passed_over() -> None:
    recent, store = RecentMatches(100, Log()), Store()
    store.posts = {"x:2": {}}
    feed = PostFeed("saved-1", recent, MatchedPosts(store.read))
    recent.apply(match(1, at=now() - timedelta(minutes=1)))
    recent.apply(match(2))
    assert [message.data["post_id"] for message in feed.poll()] == ["x:2"]


def test_a_feed_that_fell_behind_what_is_held_goes_on_from_the_log() -> None:
    log, store = Log(), Store()
    recent = RecentMatches(2, log)
    store.posts = {f"x:{n}": {} for n in range(1, 8)}
    feed = PostFeed("saved-1", recent, MatchedPosts(store.read))
    back = PostFeed("saved-1", recent, MatchedPosts(store.read), match(2).match_id)
    for n in range(1, 8):
        log.matches.append(match(n))
        recent.apply(match(n))
    assert [message.data["post_id"] for message in feed.poll()] == [f"x:{n}" for n in range(1, 8)]
    assert [message.data["post_id"] for message in back.poll()] == [f"x:{n}" for n in range(3, 8)]


def test_documents_are_read_once_for_all_searches() -> None:
    store = Store()
    store.posts = {"x:1": {}}
    posts = MatchedPosts(store.read)
    assert posts.get(["x:1", "x:1"]).keys() == {"x:1"} and posts.get(["x:1"]).keys() == {"x:1"}
    assert store.reads == 1


def test_a_match_of_a_forgotten_post_is_held_and_read_no_more() -> None:
    log = Log(match(1), match(2), match(3))
    recent = RecentMatches(10, log)
    recent.apply(match(1))
    recent.apply(match(2))
    recent.forget_posts({"x:1", "x:3"}.__contains__)
    recent.apply(match(3))
    assert [each.post_id for each in recent.after_id("saved-1", BEFORE_ALL)] == ["x:2"]

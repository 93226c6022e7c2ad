"""The page on people's data names every topic and every collection, with the times that the code sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stormpetrel.core.events import EnrichedPost, Post, PostDropped
from stormpetrel.core.topics import DAY_MS, FOR_EVER, LIVE_TOPICS, Topic
from stormpetrel.forgetting.proof import POST_TOPICS
from stormpetrel.learning.inference.judging import JUDGED
from stormpetrel.replay import PROJECTED
from stormpetrel.stores.collections import patches_collection, photos_collection, posts_collection

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "personal_data.md").read_text(encoding="utf-8")
TOPICS = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \|", PAGE, re.MULTILINE))
COLLECTIONS = set(re.findall(r"^\| MongoDB `([a-z_]+)` \|", PAGE, re.MULTILINE))
INDEX_COLLECTIONS = set(re.findall(r"^\| Qdrant `([a-z_]+)` \|", PAGE, re.MULTILINE))
WRITTEN = re.compile(r'documents\.upsert\(\s*"([a-z_]+)"')


def test_every_topic_is_named() -> None:
    assert set(TOPICS) == {topic.name for topic in LIVE_TOPICS}


@pytest.mark.parametrize("topic", LIVE_TOPICS, ids=lambda topic: topic.name)
def test_its_time_is_that_of_the_code(topic: Topic) -> None:
    if topic.compacted:
        assert TOPICS[topic.name] == "compacted"
    elif topic.retention_ms == FOR_EVER:
        assert TOPICS[topic.name] == "for ever"
    else:
        assert TOPICS[topic.name] == f"{topic.retention_ms // DAY_MS} days, a tenth more"
        assert topic.bound_ms == topic.retention_ms * 11 // 10


def test_what_carries_texts_of_posts_is_not_kept_for_ever() -> None:
    with_posts = {topic.name for topic in LIVE_TOPICS if {Post, EnrichedPost, PostDropped}.intersection(topic.events)}
    with_texts = {t.name for t in LIVE_TOPICS if any("clean_text" in repr(e.model_json_schema()) for e in t.events)}
    assert with_texts <= with_posts == {each.name for each in POST_TOPICS}
    assert all(topic.retention_ms > 0 for topic in LIVE_TOPICS if topic.name in with_posts)


def test_every_collection_of_the_index_is_named() -> None:
    made = (posts_collection("", ("t", 2), ("v", 2)), patches_collection("", ("s", 2), ("m", 2)), photos_collection(""))
    assert {collection.name.partition("-")[0] for collection in made} == INDEX_COLLECTIONS


def test_every_collection_that_is_written_is_named() -> None:
    sources = [path for folder in ("stormpetrel", "consumers", "api") for path in (ROOT / folder).rglob("*.py")]
    written = {name for path in sources for name in WRITTEN.findall(path.read_text(encoding="utf-8"))}
    assert written | {*PROJECTED, JUDGED} <= COLLECTIONS

"""Events round-trip through the codec; any other bytes are refused with a reason, never with a crash."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stormpetrel.core import events
from stormpetrel.core.errors import MalformedRecord, StormpetrelError, UnknownSchema
from stormpetrel.core.events import (
    EnrichedPost,
    Incident,
    NativePlace,
    NotificationLogged,
    Post,
    PostDeleted,
    TermWeights,
    Vector,
    decode,
    encode,
)
from stormpetrel.posts.payloads import read
from tests.unit import alerting_world

NOW = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
texts = st.text(st.characters(codec="utf-8"), max_size=200)
places = st.builds(NativePlace, longitude=st.floats(-180, 180), latitude=st.floats(-90, 90), name=st.none() | texts)
posts = st.builds(
    Post,
    post_id=st.from_regex(r"x:[0-9]{1,19}", fullmatch=True),
    source=st.sampled_from(["x", "file"]),
    text=texts,
    created_at=moments,
    ingested_at=moments,
    native_place=st.none() | places,
    rule_tags=st.tuples(texts),
    schema_version=st.just(1),
)


@given(posts)
def test_posts_round_trip(post: Post) -> None:
    assert decode(encode(post), Post) == post


@given(posts, st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20), moments)
def test_enriched_posts_round_trip_with_their_vectors_to_the_bit(
    post: Post, values: list[float], moment: datetime
) -> None:
    vector = np.array(values, dtype=np.float32)
    event = EnrichedPost(
        post=post,
        clean_text=post.text,
        language="en",
        language_confidence=0.5,
        enriched_at=moment,
        text_vector=Vector.of(vector, "m@1"),
        terms=TermWeights(indices=(1, 2**32 - 1), values=(0.5, 1.25)),
    )
    decoded = decode(encode(event), EnrichedPost, PostDeleted, schema="EnrichedPost")
    assert decoded == event
    assert decoded.text_vector.values().tobytes() == vector.tobytes()


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_are_refused(raw: bytes) -> None:
    with pytest.raises(StormpetrelError):
        decode(raw, Post)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "data",
    "did",
    "kind",
    "commit",
    "event",
    "payload",
    "account",
    "content",
    "id",
    "text",
    "created_at",
    "errors",
    "includes",
    "collection",
    "operation",
    "rkey",
    "time_us",
    "record",
    "geo",
    "lat",
    "lon",
]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values | st.dictionaries(st.sampled_from(FIELDS), json_values)))
def test_any_record_of_a_source_is_read_skipped_or_malformed(record: dict[str, Any]) -> None:
    import orjson

    try:
        raw = orjson.dumps(record)
    except TypeError:
        return  # an integer of more than 64 bits
    try:
        read(raw, NOW)
    except MalformedRecord as error:
        assert str(error)


def test_an_old_version_is_upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        events.UPGRADES,
        ("PostDeleted", 0),
        lambda old: {"schema_version": 1, "post_id": old["id"], "source": "x", "deleted_at": old["at"]},
    )
    event = decode(b'{"schema_version": 0, "id": "x:1", "at": "2026-01-01T00:00:00Z"}', PostDeleted)
    assert event.post_id == "x:1"


def test_messages_and_incidents_from_before_signals_are_read() -> None:
    incident = alerting_world.incident().model_copy(update={"schema_version": 2})
    assert decode(encode(incident), Incident) == incident.model_copy(update={"schema_version": 3})
    telling = alerting_world.Telling()
    telling.take(alerting_world.rule(group_wait_s=0), incident)
    (entry, *_) = telling.log
    old = json.loads(encode(entry)) | {"schema_version": 1}
    for told in old["message"]["incidents"]:
        del told["signals"]
    assert decode(json.dumps(old).encode(), NotificationLogged) == entry


def test_a_newer_version_and_an_unknown_schema_are_refused() -> None:
    with pytest.raises(UnknownSchema, match="version 2"):
        decode(b'{"schema_version": 2}', Post)
    with pytest.raises(UnknownSchema, match="'Alert'"):
        decode(b"{}", Post, schema="Alert")


def test_a_vector_of_another_size_is_malformed() -> None:
    with pytest.raises(ValidationError, match="2 values, not 3"):
        Vector(model="m", dimensions=3, data=Vector.of(np.zeros(2, np.float32), "m").data)


ids = st.from_regex(r"[1-9][0-9]{3,17}", fullmatch=True)
seconds = st.datetimes(datetime(2006, 1, 1), datetime(2035, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
words = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&"), min_size=1, max_size=200)


def _payloads(number: str, moment: datetime, text: str) -> dict[str, dict[str, object]]:
    timestamp = moment.isoformat().replace("+00:00", "Z")
    record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": timestamp}
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": number, "record": record}
    status = {"id": number, "created_at": timestamp, "content": f"<p>{html.escape(text)}</p>", "account": {"id": "1"}}
    return {
        f"x:{number}": {"data": {"id": number, "text": text, "created_at": timestamp}},
        f"bsky:did:plc:a/{number}": {
            "did": "did:plc:a",
            "time_us": int(moment.timestamp() * 1e6),
            "kind": "commit",
            "commit": commit,
        },
        f"mastodon:{number}": {"event": "update", "payload": json.dumps(status), "stream": ["public"]},
        f"file:{number}": {"id": number, "text": text, "created_at": timestamp},
    }


@given(number=ids, moment=seconds, text=words.filter(str.strip))
def test_every_payload_format_becomes_the_same_post_and_round_trips(number: str, moment: datetime, text: str) -> None:
    for post_id, record in _payloads(number, moment, text).items():
        (post,) = read(json.dumps(record).encode(), NOW)
        assert (post.post_id, post.created_at) == (post_id, moment)
        assert post.text.strip() == text.strip()
        assert decode(encode(post), Post) == post

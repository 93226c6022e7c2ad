"""Whatever a network sends, each format gives posts, a reason to skip the record, or MalformedRecord: nothing else."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Post, PostDeleted, decode, encode
from stormpetrel.posts.payloads import Skipped, read

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = "2021-04-01T15:52:31.000Z"
X = {
    "data": {
        "id": "1460",
        "author_id": "9",
        "created_at": MOMENT,
        "text": "Flood in Genoa",
        "lang": "en",
        "geo": {"place_id": "p1", "coordinates": {"type": "Point", "coordinates": [8.9, 44.4]}},
        "note_tweet": {"text": "Flood in Genoa, and more"},
        "referenced_tweets": [{"type": "retweeted", "id": "7"}, {"type": "replied_to", "id": "8"}],
        "attachments": {"media_keys": ["m1"]},
    },
    "includes": {
        "users": [{"id": "9", "location": "Genova"}],
        "tweets": [{"id": "7", "text": "original", "note_tweet": None}],
        "places": [{"id": "p1", "full_name": "Genoa", "geo": {"bbox": [8.6, 44.3, 9.1, 44.5]}}],
        "media": [{"media_key": "m1", "type": "photo", "url": "https://pbs.twimg.com/a.jpg", "alt_text": "a street"}],
    },
    "matching_rules": [{"id": "1", "tag": "floods"}],
}
X_SEARCH = {**X, "data": [X["data"], X["data"]], "meta": {"result_count": 2}}
X_V1 = {
    "id": 1460,
    "id_str": "1460",
    "created_at": "Thu Apr 01 15:52:31 +0000 2021",
    "text": "Flood in Genoa",
    "full_text": "Flood in Genoa",
    "lang": "en",
    "user": {"id_str": "9", "location": "Genova"},
    "coordinates": {"type": "Point", "coordinates": [8.9, 44.4]},
    "entities": {"media": [{"media_url_https": "https://pbs.twimg.com/a.jpg"}]},
}
BLUESKY = {
    "did": "did:plc:abc",
    "time_us": 1_346_808_182_000_000,
    "kind": "commit",
    "commit": {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3k",
        "record": {
            "text": "Acqua alta",
            "createdAt": MOMENT,
            "langs": ["it"],
            "reply": {"parent": {"uri": "at://did:plc:xyz/app.bsky.feed.post/9z"}},
            "embed": {"media": {"images": [{"alt": "street", "image": {"ref": {"$link": "bafy"}}}], "video": {}}},
        },
    },
}
BLUESKY_DELETE = {**BLUESKY, "commit": {"operation": "delete", "collection": "app.bsky.feed.post", "rkey": "3k"}}
STATUS = {
    "id": "11",
    "created_at": MOMENT,
    "content": "<p>Acqua &amp; fango</p>",
    "spoiler_text": "flood",
    "account": {"id": "3"},
    "language": "it",
    "in_reply_to_id": "10",
    "media_attachments": [{"type": "image", "url": "https://a/b.jpg", "description": "a street"}],
    "reblog": {"id": "9", "content": "<p>original</p>", "media_attachments": []},
    "url": "https://a/@b/11",
}
MASTODON = {"stream": ["public"], "event": "update", "payload": STATUS}
MASTODON_DELETE = {"event": "delete", "payload": "11"}
PLAIN = {
    "id": "a-1",
    "text": "Flood",
    "created_at": MOMENT,
    "lang": "en",
    "author_id": "3",
    "author_place": "Genova",
    "coordinates": {"coordinates": [8.9, 44.4]},
    "media": [{"url": "https://a/b.jpg"}, "https://a/c.jpg"],
    "url": "https://a/1",
}
PLAIN_POINT = {"id": 7, "text": "Flood", "created_at": MOMENT, "longitude": 8.9, "latitude": 44.4}
RECORDS: dict[str, Any] = {
    "x": X,
    "x_search": X_SEARCH,
    "x_v1": X_V1,
    "bluesky": BLUESKY,
    "bluesky_delete": BLUESKY_DELETE,
    "mastodon": MASTODON,
    "mastodon_status": STATUS,
    "mastodon_delete": MASTODON_DELETE,
    "plain": PLAIN,
    "plain_point": PLAIN_POINT,
}
# Values that parsers and calendars stumble over.
EDGES = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\u202e",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2021-02-30",
        "2021-W01-1",
        "at://did:plc:xyz/app.bsky.feed.post/9z",
        "{",
        '{"id": 1}',
        "x" * 30_000,
        "<" * 2000,
        "&#x110000;",
        "&#" + "9" * 5000 + ";",
        2**63 - 1,
        -(2**63),
        2**64 - 1,
        1e308,
        -1e308,
        1e17,
        -62_135_596_800_000_000,
        253_402_300_800_000_000,
        5e-324,
        [[]],
        [None],
        {"": {}},
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=40) | EDGES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values in a record, itself included."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, entry in entries for inner in paths(entry, (*path, key)))]


def with_value(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The record with another value at a place; DELETED removes it."""
    changed = copy.deepcopy(record)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if value is DELETED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed


DELETED = object()


@st.composite
def broken(draw: st.DrawFn, name: str) -> Any:
    """A record of a format with one to three values replaced or removed."""
    record = RECORDS[name]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in paths(record) if path]))
        record = with_value(record, path, draw(st.just(DELETED) | JSON))
        if not paths(record)[1:]:
            break
    return record


def check(raw: bytes) -> None:
    try:
        events = read(raw, NOW)
    except MalformedRecord as error:
        assert str(error)
        return
    if isinstance(events, Skipped):
        assert events.reason
        return
    for event in events:
        assert isinstance(event, Post | PostDeleted)
        assert decode(encode(event), type(event)) == event


@pytest.mark.parametrize("name", RECORDS)
def test_the_records_themselves_are_read(name: str) -> None:
    if name == "x_v1":
        with pytest.raises(MalformedRecord, match="Invalid isoformat"):
            read(json.dumps(RECORDS[name]).encode(), NOW)
        return
    assert not isinstance(read(json.dumps(RECORDS[name]).encode(), NOW), Skipped)


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.data())
def test_a_broken_record_is_read_skipped_or_malformed(name: str, data: st.DataObject) -> None:
    record = data.draw(broken(name))
    check(json.dumps(record).encode())
    # Mastodon frames carry the status as a string of JSON.
    if name == "mastodon" and isinstance(record, dict) and "payload" in record:
        check(json.dumps({**record, "payload": json.dumps(record["payload"])}).encode())


@given(st.binary(max_size=300))
def test_bytes_that_are_no_json_are_malformed(raw: bytes) -> None:
    check(raw)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b'{"data":' + b"[" * 900 + b"]" * 900 + b"}"])
def test_deeply_nested_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedRecord):
        read(raw, NOW)

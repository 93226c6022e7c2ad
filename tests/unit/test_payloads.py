"""Every payload format of every network becomes a Post; a broken payload is refused with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Post, PostDeleted
from stormpetrel.posts.payloads import Skipped, read

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def only_event(record: dict[str, Any]) -> Any:
    events = read(json.dumps(record).encode(), NOW)
    assert not isinstance(events, Skipped)
    (event,) = events
    return event


X: dict[str, Any] = {
    "data": {
        "id": "1460",
        "author_id": "9",
        "created_at": "2021-04-01T15:52:31.000Z",
        "text": "Flood in Genoa",
        "lang": "en",
    },
    "includes": {"users": [{"id": "9", "location": "Genova"}]},
    "matching_rules": [{"id": "1", "tag": "floods"}, {"id": "2", "tag": None}],
}


def test_an_x_object_becomes_a_post() -> None:
    post = only_event(X)
    assert post.post_id == "x:1460"
    assert post.created_at == datetime(2021, 4, 1, 15, 52, 31, tzinfo=UTC)
    assert (post.author_id, post.author_place, post.declared_language) == ("x:9", "Genova", "en")
    assert post.rule_tags == ("floods",)


def test_x_coordinates_are_longitude_first_and_win_over_the_named_place() -> None:
    place = {"id": "p", "full_name": "Genoa, Italy", "geo": {"bbox": [8.0, 44.0, 9.0, 45.0]}}
    geo = {"coordinates": {"type": "Point", "coordinates": [8.93, 44.41]}, "place_id": "p"}
    post = only_event({"data": {**X["data"], "geo": geo}, "includes": {"places": [place]}})
    assert (post.native_place.longitude, post.native_place.latitude) == (8.93, 44.41)
    assert post.native_place.precise
    boxed = only_event({"data": {**X["data"], "geo": {"place_id": "p"}}, "includes": {"places": [place]}})
    assert (boxed.native_place.longitude, boxed.native_place.latitude) == (8.5, 44.5)
    assert not boxed.native_place.precise


def test_an_x_retweet_names_its_original_and_has_its_full_text() -> None:
    data = {**X["data"], "text": "RT @a: Flood in Gen…", "referenced_tweets": [{"type": "retweeted", "id": "77"}]}
    post = only_event({"data": data, "includes": {"tweets": [{"id": "77", "text": "Flood in Genoa, help needed"}]}})
    assert post.repost_of == "x:77"
    assert post.text == "Flood in Genoa, help needed"


def test_an_x_search_response_has_several_posts() -> None:
    events = read(json.dumps({"data": [X["data"], {**X["data"], "id": "2"}]}).encode(), NOW)
    assert not isinstance(events, Skipped)
    assert [event.post_id for event in events] == ["x:1460", "x:2"]


def test_an_x_error_message_is_malformed() -> None:
    with pytest.raises(MalformedRecord, match="error message"):
        read(b'{"errors": [{"title": "operational-disconnect"}]}', NOW)


def bluesky(operation: str, **more: Any) -> dict[str, Any]:
    commit = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": "3k", **more}
    return {"did": "did:plc:abc", "time_us": 1_346_808_182_000_000, "kind": "commit", "commit": commit}


def test_a_bluesky_commit_becomes_a_post() -> None:
    parent = {"uri": "at://did:plc:xyz/app.bsky.feed.post/9z"}
    record = {
        "text": "Acqua alta",
        "createdAt": "2012-09-05T01:23:02.000Z",
        "langs": ["it"],
        "reply": {"parent": parent},
        "embed": {"images": [{"alt": "street", "image": {"ref": {"$link": "bafy"}}}]},
    }
    post = only_event(bluesky("create", record=record))
    assert post.post_id == "bsky:did:plc:abc/3k"
    assert post.reply_to == "bsky:did:plc:xyz/9z"
    assert post.declared_language == "it"
    assert post.media[0].alt_text == "street"


def test_a_bluesky_delete_becomes_a_deletion_and_an_identity_is_skipped() -> None:
    assert only_event(bluesky("delete")) == PostDeleted(
        post_id="bsky:did:plc:abc/3k", source="bluesky", deleted_at=datetime(2012, 9, 5, 1, 23, 2, tzinfo=UTC)
    )
    identity = read(b'{"did": "did:plc:abc", "time_us": 1, "kind": "identity", "identity": {}}', NOW)
    assert identity == Skipped("bluesky: no post in it")


def mastodon(**more: Any) -> dict[str, Any]:
    return {
        "id": "11",
        "created_at": "2012-09-05T14:58:14.000Z",
        "content": "<p>Acqua &amp; fango<br/>a Genova</p>",
        "account": {"id": "3"},
        "language": "it",
        **more,
    }


def test_a_mastodon_frame_and_a_bare_status_become_the_same_post() -> None:
    framed = only_event({"stream": ["public"], "event": "update", "payload": json.dumps(mastodon())})
    assert framed == only_event(mastodon())
    assert framed.text == "Acqua & fango\na Genova"
    assert framed.post_id == "mastodon:11"


def test_a_mastodon_boost_names_what_it_boosts() -> None:
    post = only_event(mastodon(reblog={**mastodon(), "id": "10", "content": "<p>original</p>"}))
    assert (post.repost_of, post.text) == ("mastodon:10", "original")


def test_a_mastodon_delete_becomes_a_deletion() -> None:
    assert only_event({"event": "delete", "payload": "11"}).post_id == "mastodon:11"


def test_a_plain_line_becomes_a_post_and_unknown_fields_are_ignored() -> None:
    post = only_event(
        {"id": "a-1", "text": "Flood", "created_at": "2016-04-17T05:06:32Z", "lat": 44.4, "lon": 8.9, "label": "x"}
    )
    assert isinstance(post, Post)
    assert (post.post_id, post.native_place.longitude) == ("file:a-1", 8.9)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b'{"data": {"author_id": "1"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not an object"),
        (b"{}", "the format is not known"),
        (b'{"data": {"id": "1", "text": "a"}}', "created_at"),
        (b'{"data": {"id": "1", "text": null, "created_at": "2021-04-01T00:00:00Z"}}', "text"),
        (b'{"data": 7}', "wrong type"),
        (b'{"id": "1", "text": "a", "created_at": "yesterday"}', "wrong type or value"),
        (b'{"id": "", "text": "a", "created_at": "2021-04-01T00:00:00Z"}', "id is empty"),
        (b'{"text": "a", "created_at": "2021-04-01T00:00:00Z"}', "'id' is missing"),
        (b'{"id": "1", "text": "a", "created_at": "2021-04-01T00:00:00Z", "lat": 91, "lon": 0}', "latitude"),
        (b'{"event": "update", "payload": "{"}', "wrong type or value"),
        (b'{"did": "d", "kind": "commit", "time_us": 1e300, "commit": {}}', "collection"),
    ],
)
def test_a_broken_payload_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedRecord, match=reason):
        read(raw, NOW)

"""X API v2 objects: filtered-stream messages and search responses (`data`, `includes`, `matching_rules`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Media, NativePlace, Post
from stormpetrel.posts.payloads.fields import Json, identifier, media_kind, moment


def recognises(record: Json) -> bool:
    return "data" in record or ("errors" in record and "text" not in record)


def normalise(record: Json, ingested_at: datetime) -> Iterator[Post]:
    """One post for each tweet in `data`. Raises MalformedRecord for an error message from X."""
    if "data" not in record:
        raise MalformedRecord(f"x: an error message instead of a post: {str(record['errors'])[:300]}")
    tweets = record["data"] if isinstance(record["data"], list) else [record["data"]]
    includes = record.get("includes") or {}
    tags = tuple(str(rule["tag"]) for rule in record.get("matching_rules") or [] if rule.get("tag"))
    for tweet in tweets:
        yield _post(tweet, includes, tags, ingested_at)


def _post(tweet: Json, includes: Json, tags: tuple[str, ...], ingested_at: datetime) -> Post:
    referenced = {reference["type"]: str(reference["id"]) for reference in tweet.get("referenced_tweets") or []}
    user = _included(includes, "users", "id", tweet.get("author_id")) or {}
    return Post(
        post_id=identifier("x", tweet["id"]),
        source="x",
        text=_full_text(tweet, includes, referenced.get("retweeted")),
        created_at=moment(tweet["created_at"]),
        ingested_at=ingested_at,
        author_id=f"x:{tweet['author_id']}" if tweet.get("author_id") else None,
        author_place=user.get("location") or None,
        declared_language=tweet.get("lang"),
        native_place=_native_place(tweet.get("geo") or {}, includes),
        media=tuple(_media(tweet, includes)),
        repost_of=f"x:{referenced['retweeted']}" if "retweeted" in referenced else None,
        reply_to=f"x:{referenced['replied_to']}" if "replied_to" in referenced else None,
        url=f"https://x.com/i/web/status/{tweet['id']}",
        rule_tags=tags,
    )


def _full_text(tweet: Json, includes: Json, retweeted: str | None) -> Any:
    """The text that X truncates in retweets and long posts."""
    original = _included(includes, "tweets", "id", retweeted) or tweet
    return (original.get("note_tweet") or {}).get("text") or original["text"]


def _included(includes: Json, kind: str, key: str, value: Any) -> Json | None:
    return next((entry for entry in includes.get(kind) or [] if value and str(entry.get(key)) == str(value)), None)


def _native_place(geo: Json, includes: Json) -> NativePlace | None:
    place = _included(includes, "places", "id", geo.get("place_id")) or {}
    name = place.get("full_name")
    point = (geo.get("coordinates") or {}).get("coordinates")
    if point:
        return NativePlace(longitude=point[0], latitude=point[1], name=name)
    if not (box := (place.get("geo") or {}).get("bbox")):
        return None
    west, south, east, north = box
    return NativePlace(longitude=(west + east) / 2, latitude=(south + north) / 2, name=name, precise=False)


def _media(tweet: Json, includes: Json) -> Iterator[Media]:
    for key in (tweet.get("attachments") or {}).get("media_keys") or []:
        media = _included(includes, "media", "media_key", key) or {}
        url = media.get("url") or media.get("preview_image_url")
        yield Media(kind=media_kind(media.get("type")), url=url, alt_text=media.get("alt_text"))

"""Bluesky Jetstream events: commits of `app.bsky.feed.post`. Other events are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from stormpetrel.core.events import Media, Post, PostDeleted, PostEvent
from stormpetrel.posts.payloads.fields import Json, moment

POSTS = "app.bsky.feed.post"


def recognises(record: Json) -> bool:
    return "did" in record and "kind" in record


def normalise(record: Json, ingested_at: datetime) -> Iterator[PostEvent]:
    """The post that a commit creates or changes, or its deletion; nothing for other kinds and collections."""
    if record["kind"] != "commit" or (commit := record["commit"])["collection"] != POSTS:
        return
    did, key = record["did"], commit["rkey"]
    post_id = f"bsky:{did}/{key}"
    committed_at = datetime.fromtimestamp(record["time_us"] / 1e6, UTC)
    if commit["operation"] == "delete":
        yield PostDeleted(post_id=post_id, source="bluesky", deleted_at=committed_at)
        return
    content = commit["record"]
    languages = content.get("langs") or []
    yield Post(
        post_id=post_id,
        source="bluesky",
        text=content["text"],
        created_at=moment(content["createdAt"]) if content.get("createdAt") else committed_at,
        ingested_at=ingested_at,
        author_id=f"bsky:{did}",
        declared_language=languages[0] if len(languages) == 1 else None,
        media=tuple(_media(content.get("embed") or {}, did)),
        reply_to=_reply(content.get("reply") or {}),
        url=f"https://bsky.app/profile/{did}/post/{key}",
    )


def _reply(reply: Json) -> str | None:
    uri = (reply.get("parent") or {}).get("uri", "")
    parts = uri.removeprefix("at://").split("/")
    return f"bsky:{parts[0]}/{parts[2]}" if len(parts) == 3 and parts[1] == POSTS else None


def _media(embed: Json, did: str) -> Iterator[Media]:
    media = embed.get("media") or embed
    for image in media.get("images") or []:
        link = ((image.get("image") or {}).get("ref") or {}).get("$link")
        url = f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{link}@jpeg" if link else None
        yield Media(kind="photo", url=url, alt_text=image.get("alt") or None)
    if media.get("video"):
        yield Media(kind="video", alt_text=media.get("alt") or None)

"""Mastodon: streaming frames (`event`, `payload`) and plain statuses, whose content is HTML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import orjson

from stormpetrel.core.events import Media, Post, PostDeleted, PostEvent
from stormpetrel.posts.payloads.fields import Json, identifier, media_kind, moment
from stormpetrel.posts.text.clean import from_html


def recognises(record: Json) -> bool:
    return ("event" in record and "payload" in record) or ("account" in record and "content" in record)


def normalise(record: Json, ingested_at: datetime) -> Iterator[PostEvent]:
    """The status of an `update`, the deletion of a `delete`; nothing for other events (filters, announcements)."""
    if "event" not in record:
        yield _post(record, ingested_at)
    elif record["event"] in ("update", "status.update"):
        payload = record["payload"]
        yield _post(orjson.loads(payload) if isinstance(payload, str) else payload, ingested_at)
    elif record["event"] == "delete":
        # The streaming server's local id: a deletion names no other.
        yield PostDeleted(post_id=identifier("mastodon", record["payload"]), source="mastodon", deleted_at=ingested_at)


def _post(status: Json, ingested_at: datetime) -> Post:
    boosted = status.get("reblog")
    content = boosted or status
    warning = f"{content['spoiler_text']}\n" if content.get("spoiler_text") else ""
    account = status.get("account") or {}
    return Post(
        post_id=identifier("mastodon", status["id"]),
        source="mastodon",
        text=warning + from_html(content["content"]),
        created_at=moment(status["created_at"]),
        ingested_at=ingested_at,
        author_id=f"mastodon:{account['id']}" if account.get("id") else None,
        declared_language=content.get("language"),
        media=tuple(_media(content)),
        repost_of=identifier("mastodon", boosted["id"]) if boosted else None,
        reply_to=identifier("mastodon", status["in_reply_to_id"]) if status.get("in_reply_to_id") else None,
        url=status.get("url") or status.get("uri"),
    )


def _media(status: Json) -> Iterator[Media]:
    for attachment in status.get("media_attachments") or []:
        kind = media_kind(attachment.get("type"))
        yield Media(kind=kind, url=attachment.get("url"), alt_text=attachment.get("description"))

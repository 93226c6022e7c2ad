"""Mastodon: streaming frames (`event`, `payload`) and plain statuses, whose content is HTML.

Ids are the server's own. A frame that names its `server` gives ids that hold for all of them: `mastodon:SERVER/ID`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from stormpetrel.core.events import Media, Post, PostDeleted, PostEvent
from stormpetrel.posts.payloads.fields import Json, identifier, media_kind, moment
from stormpetrel.posts.text.clean import from_html


def recognises(record: Json) -> bool:
    return ("event" in record and "payload" in record) or ("account" in record and "content" in record)


def normalise(record: Json, ingested_at: datetime) -> Iterator[PostEvent]:
    """The status of an `update`, the deletion of a `delete`; nothing for other events (filters, announcements)."""
    server = f"{record['server']}/" if record.get("server") else ""
    if "event" not in record:
        yield _post(record, server, ingested_at)
    elif record["event"] in ("update", "status.update"):
        payload = record["payload"]
        yield _post(orjson.loads(payload) if isinstance(payload, str) else payload, server, ingested_at)
    elif record["event"] == "delete":
        # The streaming server's local id: a deletion names no other.
        post_id = _local_id(record["payload"], server)
        yield PostDeleted(post_id=post_id, source="mastodon", deleted_at=ingested_at)


def _local_id(value: Any, server: str) -> str:
    return identifier("mastodon", f"{server}{identifier('', value)[1:]}")


def _post(status: Json, server: str, ingested_at: datetime) -> Post:
    boosted = status.get("reblog")
    content = boosted or status
    warning = f"{content['spoiler_text']}\n" if content.get("spoiler_text") else ""
    account = status.get("account") or {}
    return Post(
        post_id=_local_id(status["id"], server),
        source="mastodon",
        text=warning + from_html(content["content"]),
        created_at=moment(status["created_at"]),
        ingested_at=ingested_at,
        author_id=f"mastodon:{server}{account['id']}" if account.get("id") else None,
        declared_language=content.get("language"),
        media=tuple(_media(content)),
        repost_of=_local_id(boosted["id"], server) if boosted else None,
        reply_to=_local_id(status["in_reply_to_id"], server) if status.get("in_reply_to_id") else None,
        url=status.get("url") or status.get("uri"),
    )


def _media(status: Json) -> Iterator[Media]:
    for attachment in status.get("media_attachments") or []:
        kind = media_kind(attachment.get("type"))
        yield Media(kind=kind, url=attachment.get("url"), alt_text=attachment.get("description"))

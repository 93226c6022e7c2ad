"""X API v2 compliance events: a post was deleted, edited, taken out of view, or withheld in some countries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stormpetrel.core.events import PostDeleted
from stormpetrel.posts.payloads.fields import Json, identifier, moment

KINDS = frozenset({"delete", "tweet_edit", "drop", "undrop", "withheld"})


def recognises(record: Json) -> bool:
    data = record.get("data")
    return isinstance(data, dict) and len(data) == 1 and not KINDS.isdisjoint(data)


def normalise(record: Json, ingested_at: datetime) -> Iterator[PostDeleted]:
    """The deletions that an event stands for. An edit has all earlier versions deleted: the new one comes by the stream
    of posts. What is withheld in a country, or may be seen again, changes nothing here."""
    (kind, event), *_ = record["data"].items()
    deleted: list[Any] = []
    if kind in ("delete", "drop"):
        deleted = [event["tweet"]["id"]]
    elif kind == "tweet_edit":
        newest = str(event["tweet"]["id"])
        deleted = [version for version in event["edit_tweet_ids"] if str(version) != newest]
    for post in deleted:
        yield PostDeleted(post_id=identifier("x", post), source="x", deleted_at=moment(event["event_at"]))

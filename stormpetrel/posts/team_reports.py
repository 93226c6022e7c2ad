"""A team's own reports as posts. One without an id of its own has its content for an id: sent again, it is the same."""

from __future__ import annotations

import hashlib

import orjson

from stormpetrel.core.events import Post

NETWORK = "team"
DIGEST = 24  # hex digits: two different reports in ten billion share none


def with_id(report: Post, own_id: str | None) -> Post:
    """The report under its id. What it says, when, where and with which photos counts in its content. Who says it does
    not, since whoever tries all names could tell it from the id.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2025, 11, 4, 19, 40, tzinfo=UTC)
    >>> report = Post(post_id="team:?", source="team", text="The underpass is shut", created_at=at, ingested_at=at)
    >>> with_id(report, "17").post_id
    'team:17'
    >>> with_id(report, None).post_id
    'team:bebde26f5e54029341906975'
    """
    if own_id is not None:
        return report.model_copy(update={"post_id": f"{NETWORK}:{own_id.removeprefix(f'{NETWORK}:')}"})
    content = report.model_dump(mode="json", exclude={"post_id", "ingested_at", "author_id"})
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return report.model_copy(update={"post_id": f"{NETWORK}:{digest[:DIGEST]}"})

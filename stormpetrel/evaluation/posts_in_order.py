"""The posts of a set's files with the records that they stand in, the oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Post
from stormpetrel.evaluation.folders import json_records
from stormpetrel.posts.payloads import Skipped, read


def posts_in_order(files: Iterable[Path]) -> list[tuple[dict[str, Any], Post]]:
    """Every record that is a post, in any form, the first of each id, with the post; by time, then by id. Others
    (deletions, broken lines) are passed over."""
    first_of_id: dict[str, tuple[dict[str, Any], Post]] = {}
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for record in json_records(lines):
                try:
                    events = read(json.dumps(record).encode(), now())
                except MalformedRecord:
                    continue
                if not isinstance(events, Skipped) and isinstance(events[0], Post):
                    first_of_id.setdefault(events[0].post_id, (record, events[0]))
    return sorted(first_of_id.values(), key=lambda pair: (pair[1].created_at, pair[1].post_id))

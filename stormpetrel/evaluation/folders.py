"""Where an evaluation looks for its data sets, and how it reads their JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stormpetrel.posts.text.clean import canonical


def data_folders(data: Path) -> list[Path]:
    """The folder itself, then the folders in it, by name."""
    return [data, *sorted(path for path in data.iterdir() if path.is_dir())]


def json_records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines; other lines are passed over."""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def without_repeats(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records with a `text` that none before them has: finding a near-duplicate proves nothing."""
    seen = {""}
    for record in records:
        canonical_text = canonical(str(record.get("text", "")))
        if canonical_text not in seen:
            seen.add(canonical_text)
            yield record

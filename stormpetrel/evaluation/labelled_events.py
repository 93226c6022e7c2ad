"""Events whose posts people labelled, as CrisisLex has them: `t26/EVENT.jsonl`, `t6/EVENT.jsonl`, or files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.encoder import TextEncoder

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
UNRELATED = {"Not related", "off-topic"}
RELATED = {"Related and informative", "Related - but not informative", "on-topic"}


@dataclass(frozen=True)
class Event:
    """An event's posts without their repeats: unit text vectors (n, dimensions), whether each belongs to it, and what
    each is called in the set's humanitarian classes (empty: not said)."""

    name: str
    vectors: NDArray[np.float32]
    truth: Bools
    types: tuple[str, ...] = ()


def _files(folder: Path) -> list[Path]:
    """The files of a folder like `tweets_crisislex`: its `t26`, else its `t6`, else its own."""
    return next((found for part in ("t26", "t6", ".") if (found := sorted((folder / part).glob("*.jsonl")))), [])


def _labelled_files(folder: Path) -> list[Path]:
    """Those whose first record says whether it belongs to its event."""
    found = []
    for file in _files(folder):
        with file.open(encoding="utf-8") as lines:
            if _label(_record(next(lines, ""))) is not None:
                found.append(file)
    return found


def has_events(data: Path) -> bool:
    """Whether the folder, or one in it, has labelled events."""
    return any(_labelled_files(folder) for folder in [data, *sorted(path for path in data.iterdir() if path.is_dir())])


def _label(record: dict[str, Any]) -> str | None:
    """How a record is labelled; None where it says nothing of its event."""
    found = record.get("informativeness") or record.get("label")
    return str(found) if found else None


def read_events(folder: Path, encoder: TextEncoder) -> list[Event]:
    """The labelled events of a folder like `tweets_crisislex`."""
    events = []
    for file in _labelled_files(folder):
        seen: set[str] = set()
        texts, truth, types = [], [], []
        for line in file.read_text(encoding="utf-8").splitlines():
            record = _record(line)
            label = _label(record)
            same = canonical(str(record.get("text", "")))
            if label in RELATED | UNRELATED and same and same not in seen:
                seen.add(same)
                texts.append(str(record["text"]))
                truth.append(label in RELATED)
                types.append(str(record.get("information_type") or ""))
        if texts:
            vectors = encoder.encode([clean(text) for text in texts])
            events.append(Event(file.stem, vectors, np.array(truth, dtype=bool), tuple(types)))
    return events


def _record(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

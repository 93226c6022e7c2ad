"""Events whose posts people labelled, as CrisisLex has them: `t26/EVENT.jsonl`, `t6/EVENT.jsonl`, or files alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.analyst import Bools
from stormpetrel.evaluation.folders import data_folders
from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.encoder import TextEncoder

UNRELATED = {"Not related", "off-topic"}
RELATED = {"Related and informative", "Related - but not informative", "on-topic"}


@dataclass(frozen=True)
class Event:
    """An event's posts without near-duplicates: unit text vectors (n, dimensions), whether each is related to it, and
    each one's humanitarian class in the set (empty: none)."""

    name: str
    vectors: NDArray[np.float32]
    truth: Bools
    types: tuple[str, ...] = ()


def _files(folder: Path) -> list[Path]:
    """The files of a folder like `tweets_crisislex`: its `t26`, else its `t6`, else its own."""
    return next((files for part in ("t26", "t6", ".") if (files := sorted((folder / part).glob("*.jsonl")))), [])


def _labelled_files(folder: Path) -> list[Path]:
    """Those whose first record says whether it is related to its event."""
    labelled = []
    for file in _files(folder):
        with file.open(encoding="utf-8") as lines:
            if _label(_record(next(lines, ""))) is not None:
                labelled.append(file)
    return labelled


def has_events(data: Path) -> bool:
    """Whether the folder, or one in it, has labelled events."""
    return any(_labelled_files(folder) for folder in data_folders(data))


def _label(record: dict[str, Any]) -> str | None:
    """The label of a record; None where it has none."""
    label = record.get("informativeness") or record.get("label")
    return str(label) if label else None


def read_events(folder: Path, encoder: TextEncoder) -> list[Event]:
    """The labelled events of a folder like `tweets_crisislex`."""
    events = []
    for file in _labelled_files(folder):
        seen: set[str] = set()
        texts, truth, types = [], [], []
        for line in file.read_text(encoding="utf-8").splitlines():
            record = _record(line)
            label = _label(record)
            canonical_text = canonical(str(record.get("text", "")))
            if label in RELATED | UNRELATED and canonical_text and canonical_text not in seen:
                seen.add(canonical_text)
                texts.append(str(record["text"]))
                truth.append(label in RELATED)
                types.append(str(record.get("information_type") or ""))
        if texts:
            vectors = encoder.encode([clean(text) for text in texts])
            events.append(Event(file.stem, vectors, np.array(truth, dtype=bool), tuple(types)))
    return events


def _record(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}

"""Events whose posts people labelled, as CrisisLex has them: `t26/EVENT.jsonl`, `t6/EVENT.jsonl`, or files alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.analyst import Bools
from stormpetrel.evaluation.folders import data_folders, json_records, without_repeats
from stormpetrel.posts.text.clean import clean
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


def _labelled_files(folder: Path) -> list[Path]:
    """The files of a folder like `tweets_crisislex` (its `t26`, else its `t6`, else its own) whose first record says
    whether it is related to its event."""
    parts = (sorted((folder / part).glob("*.jsonl")) for part in ("t26", "t6", "."))
    labelled = []
    for file in next(filter(None, parts), []):
        with file.open(encoding="utf-8") as lines:
            if any(_label(record) for record in json_records([next(lines, "")])):
                labelled.append(file)
    return labelled


def has_events(data: Path) -> bool:
    """Whether the folder, or one in it, has labelled events."""
    return any(_labelled_files(folder) for folder in data_folders(data))


def _label(record: dict[str, Any]) -> str:
    """The label of a record; empty where it has none."""
    return str(record.get("informativeness") or record.get("label") or "")


def read_events(folder: Path, encoder: TextEncoder) -> list[Event]:
    """The labelled events of a folder like `tweets_crisislex`."""
    events = []
    for file in _labelled_files(folder):
        records = json_records(file.read_text(encoding="utf-8").splitlines())
        posts = list(without_repeats(record for record in records if _label(record) in RELATED | UNRELATED))
        if posts:
            vectors = encoder.encode([clean(str(post["text"])) for post in posts])
            truth = np.array([_label(post) in RELATED for post in posts])
            types = tuple(str(post.get("information_type") or "") for post in posts)
            events.append(Event(file.stem, vectors, truth, types))
    return events

"""Labelled posts as the worker enriches them, kept in the cache: enriching a set takes minutes, playing it seconds.

A file is enriched in the order of event time by the models that serve, with a window of near-duplicates of its own.
What it became is kept under a name of the file's bytes and of all the models, so that a new model enriches it anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormpetrel.core.events import EnrichedPost, decode, encode
from stormpetrel.evaluation.folders import json_records
from stormpetrel.evaluation.posts_in_order import posts_in_order
from stormpetrel.posts.enrichment import Enricher

BATCH = 64
LABELS = ("event", "informativeness", "label", "text_info", "humanitarian_label", "text_human")
FORM = 1  # of the files in the cache


@dataclass(frozen=True)
class LabelledEnrichedPost:
    """An enriched post, and what its set says of it."""

    post: EnrichedPost
    labels: dict[str, str]


class EnrichedSets:
    """Enriches files of labelled posts once. `open_enricher` makes a fresh enricher; `models` names all that decides
    what it makes of a post."""

    def __init__(
        self, directory: Path, models: Sequence[str], open_enricher: Callable[[], Enricher], say: Callable[[str], None]
    ) -> None:
        self._directory, self._models, self._open, self._say = directory, tuple(models), open_enricher, say

    def posts(self, file: Path) -> list[LabelledEnrichedPost]:
        """The posts of a file of JSON lines, the oldest first; lines that are no posts are passed over."""
        digest = hashlib.sha256(json.dumps([FORM, *self._models]).encode() + file.read_bytes()).hexdigest()[:24]
        kept = self._directory / f"{digest}.jsonl.gz"
        if not kept.exists():
            self._enrich(file, kept)
        with gzip.open(kept, "rt", encoding="utf-8") as lines:
            return [_from_line(record) for record in json_records(lines)]

    def _enrich(self, file: Path, kept: Path) -> None:
        records = posts_in_order([file])
        self._say(f"{file.name}: {len(records)} posts are enriched")
        enricher = self._open()
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        with gzip.open(unfinished, "wt", encoding="utf-8", compresslevel=1) as lines:
            for start in range(0, len(records), BATCH):
                batch = records[start : start + BATCH]
                for (record, _), enriched in zip(batch, enricher.enrich([post for _, post in batch]), strict=True):
                    if isinstance(enriched, EnrichedPost):
                        labels = {name: str(record[name]) for name in LABELS if record.get(name)}
                        lines.write(json.dumps({"labels": labels, "post": encode(_slim(enriched)).decode()}) + "\n")
        unfinished.rename(kept)


def files_digest(paths: Iterable[Path]) -> str:
    """What the bytes of files, and of all files in folders, come to; missing ones count as such."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _slim(enriched: EnrichedPost) -> EnrichedPost:
    """Without what no detector reads."""
    places = tuple(place.model_copy(update={"alternatives": (), "why": ()}) for place in enriched.places)
    return enriched.model_copy(update={"places": places, "unresolved_names": (), "terms": None})


def _from_line(record: dict[str, Any]) -> LabelledEnrichedPost:
    post: EnrichedPost = decode(str(record["post"]).encode(), EnrichedPost)
    return LabelledEnrichedPost(post, record["labels"])

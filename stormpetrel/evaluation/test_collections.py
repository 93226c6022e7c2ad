"""Judged queries from labelled posts: a post asks, and the posts of the same event and the same class answer it.

Reads any folder with JSON lines of `id, text, created_at, event` and a class (`information_type`,
`humanitarian_label`, or `text_human`). Repeats are collapsed: a copy that is found again proves nothing.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.language import detect

CLASSES = ("information_type", "humanitarian_label", "text_human")
UNLABELLED = {"", "Not labeled", "Not applicable", "not_humanitarian", "other_relevant_information"}
FEWEST_RELEVANT = 5
LESSONS_A_QUERY = 2


@dataclass(frozen=True)
class JudgedPost:
    """A post with its label: (event, class), or None where it has no class."""

    id: str
    text: str
    language: str
    at: float
    label: tuple[str, str] | None


@dataclass(frozen=True)
class JudgedSet:
    """A collection, the rows of the posts that ask, and of others that something may be learned from."""

    name: str
    posts: tuple[JudgedPost, ...]
    queries: tuple[int, ...]
    lessons: tuple[int, ...] = ()

    def relevant(self, row: int) -> frozenset[int]:
        """The other posts with the label of this one."""
        wanted = self.posts[row].label
        return frozenset(n for n, post in enumerate(self.posts) if n != row and post.label == wanted)


def read_sets(data: Path, most_queries: int, seed: int = 7, may_be_none: bool = False) -> list[JudgedSet]:
    """The judged sets at `data`: the folder itself, or the set folders in it. Raises SetupError where there is none."""
    folders = sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []
    found = [own] if data.is_dir() and (own := _read(data, most_queries, seed)) else []
    # The folder itself is a set, or holds sets; never both, or its parts would be judged twice.
    found = found or [made for folder in folders if (made := _read(folder, most_queries, seed))]
    if not found and not may_be_none:
        wanted = f"`event` and one of {', '.join(CLASSES)}"
        raise SetupError(f"no judged posts in {data}: give a folder of JSON lines with {wanted} in each record")
    return found


def _read(folder: Path, most_queries: int, seed: int) -> JudgedSet | None:
    files = sorted(folder.glob("*.jsonl")) or sorted(
        file for part in ("t26", "mentions") for file in (folder / part).glob("*.jsonl")
    )
    posts = tuple(_posts(files))
    able = _able(posts)
    queries = tuple(sorted(random.Random(seed).sample(able, min(most_queries, len(able)))))
    rest = sorted(set(able) - set(queries))
    lessons = tuple(sorted(random.Random(seed + 1).sample(rest, min(LESSONS_A_QUERY * len(queries), len(rest)))))
    return JudgedSet(folder.resolve().name, posts, queries, lessons) if queries else None


def _posts(files: list[Path]) -> Iterator[JudgedPost]:
    seen: set[str] = set()
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            record = _judged(line)
            same = canonical(str(record["text"])) if record else ""
            if record and same and same not in seen:
                seen.add(same)
                yield _post(record)


def _judged(line: str) -> dict[str, Any] | None:
    """The record of a line; None where it is broken, or no post of an event with a time."""
    try:
        record = json.loads(line)
        datetime.fromisoformat(str(record["created_at"]))
    except (ValueError, KeyError, TypeError):
        return None
    return record if record.get("event") and record.get("text") and record.get("id") else None


def _post(record: Mapping[str, Any]) -> JudgedPost:
    text = clean(str(record["text"]))
    label = next((str(record[name]) for name in CLASSES if record.get(name)), "")
    at = datetime.fromisoformat(str(record["created_at"])).timestamp()
    language, _ = detect(text, record.get("lang"))
    return JudgedPost(
        str(record["id"]), text, language, at, (str(record["event"]), label) if label not in UNLABELLED else None
    )


def _able(posts: tuple[JudgedPost, ...]) -> list[int]:
    """The rows of posts whose class has enough others."""
    sizes = Counter(post.label for post in posts if post.label)
    return [n for n, post in enumerate(posts) if post.label and sizes[post.label] > FEWEST_RELEVANT]

"""Test collections from labelled posts: a post is the query, and the posts of the same event and class are relevant.

Reads any folder with JSON lines of `id, text, created_at, event` and a class (`information_type`,
`humanitarian_label`, or `text_human`).
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.folders import data_folders, json_records, without_repeats
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.language import detect

CLASSES = ("information_type", "humanitarian_label", "text_human")
FORM = f"give a folder of JSON lines with `event` and one of {', '.join(CLASSES)} in each record"
UNLABELLED = {"", "Not labeled", "Not applicable", "not_humanitarian", "other_relevant_information"}
FEWEST_RELEVANT = 5
TRAINING_QUERIES_A_QUERY = 2


@dataclass(frozen=True)
class LabelledPost:
    """A post with its event, its class ("" where it has none), and its label: (event, class), or None where it has no
    class that tells anything."""

    id: str
    text: str
    language: str
    at: float
    event: str
    class_name: str
    label: tuple[str, str] | None


@dataclass(frozen=True)
class TestCollection:
    """Posts, the rows of those that are queries, and the rows of others that are queries to train on."""

    __test__ = False  # or pytest takes the class for a group of tests

    name: str
    posts: tuple[LabelledPost, ...]
    queries: tuple[int, ...]
    training_queries: tuple[int, ...] = ()

    def relevant(self, row: int) -> frozenset[int]:
        """The other posts with the label of this one."""
        label = self.posts[row].label
        return frozenset(n for n, post in enumerate(self.posts) if n != row and post.label == label)


def read_collections(data: Path, most_queries: int, seed: int = 7, may_be_none: bool = False) -> list[TestCollection]:
    """The test collections at `data`: the folder itself, or the folders in it. Raises SetupError where there is
    none."""
    folder, *inner = data_folders(data) if data.is_dir() else [data]
    # The folder itself is a collection, or holds some; never both, or its parts would be evaluated twice.
    whole = _read(folder, most_queries, seed)
    collections = [whole] if whole else [part for each in inner if (part := _read(each, most_queries, seed))]
    if not collections and not may_be_none:
        raise SetupError(f"no labelled posts in {data}: {FORM}")
    return collections


def _read(folder: Path, most_queries: int, seed: int) -> TestCollection | None:
    return collection_of(folder.resolve().name, read_posts(folder), most_queries, seed)


def collection_of(
    name: str, posts: tuple[LabelledPost, ...], most_queries: int, seed: int = 7
) -> TestCollection | None:
    """A test collection of these posts, its queries drawn at random; None where no label has enough posts."""
    sizes = Counter(post.label for post in posts if post.label)
    candidates = [row for row, post in enumerate(posts) if post.label and sizes[post.label] > FEWEST_RELEVANT]
    queries = tuple(sorted(random.Random(seed).sample(candidates, min(most_queries, len(candidates)))))
    rest = sorted(set(candidates) - set(queries))
    count = min(TRAINING_QUERIES_A_QUERY * len(queries), len(rest))
    training_queries = tuple(sorted(random.Random(seed + 1).sample(rest, count)))
    return TestCollection(name, posts, queries, training_queries) if queries else None


def read_posts(folder: Path) -> tuple[LabelledPost, ...]:
    """All posts of an event in a folder, the first of those with one text: from its JSON lines, or from those in its
    folders `t26` and `mentions`."""
    files = sorted(folder.glob("*.jsonl")) or sorted(
        file for part in ("t26", "mentions") for file in (folder / part).glob("*.jsonl")
    )
    lines = itertools.chain.from_iterable(file.read_text(encoding="utf-8").splitlines() for file in files)
    return tuple(map(_post, without_repeats(filter(_is_post, json_records(lines)))))


def _is_post(record: Mapping[str, Any]) -> bool:
    """Whether this is a post of an event with a time."""
    try:
        datetime.fromisoformat(str(record.get("created_at")))
    except ValueError:
        return False
    return all(record.get(name) for name in ("event", "text", "id"))


def _post(record: Mapping[str, Any]) -> LabelledPost:
    text = clean(str(record["text"]))
    class_name = next((str(record[name]) for name in CLASSES if record.get(name)), "")
    at = datetime.fromisoformat(str(record["created_at"])).timestamp()
    language, _ = detect(text, record.get("lang"))
    event = str(record["event"])
    label = None if class_name in UNLABELLED else (event, class_name)
    return LabelledPost(str(record["id"]), text, language, at, event, class_name, label)

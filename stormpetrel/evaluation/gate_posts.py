"""Labelled posts as the gate sees them: the facts of their words, their text vectors, and whether they are related."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.alert_sets import is_labelled_file
from stormpetrel.evaluation.alert_streams import is_related
from stormpetrel.evaluation.event_folds import event_key
from stormpetrel.evaluation.folders import data_folders, json_records, without_repeats
from stormpetrel.evaluation.kind_training import kind_of_event
from stormpetrel.posts.gate.word_facts import WordReader
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.posts.text.language import detect

PARTS = ("t26", "t6", "mentions", ".")  # of a folder: all that have files of labelled posts
# Labels that say whether a post without use is of its event all the same.
RELATEDNESS = ("informativeness", "label")
MOST_OF_A_FILE = 1500  # posts, so that no set outweighs the others
BATCH = 256
FEWEST_EVENTS = 3  # one to judge, one to choose a threshold on, one to learn from
Bools = NDArray[np.bool_]
Names = NDArray[np.object_]


@dataclass(frozen=True)
class GatePosts:
    """Posts in rows: `facts` (posts, facts), `vectors` (posts, dimensions), whether each is in a language without a
    word list, whether it is related, and its event's key, kind, language, and set."""

    texts: tuple[str, ...]
    facts: NDArray[np.float32]
    vectors: NDArray[np.float32]
    unread: Bools
    related: Bools
    events: Names
    kinds: Names
    languages: Names
    sets: Names

    @property
    def judged_events(self) -> frozenset[str]:
        """Events that have related posts and unrelated ones."""
        names = self.events.astype(str)
        return frozenset(names[self.related].tolist()) & frozenset(names[~self.related].tolist())


def read_gate_posts(
    folders: Iterable[Path], reader: WordReader, encoder: TextEncoder, say: Callable[[str], None]
) -> GatePosts:
    """The labelled posts of folders like tweets_crisislex, or of such folders, without near-duplicates within an event.
    Raises SetupError where fewer than three events have posts of both kinds."""
    files = dict.fromkeys(file for folder in folders for file in _files(folder))
    labelled = [post for file in files for post in _posts(file)]
    if not labelled:
        raise SetupError("no labelled posts: give folders like tweets_crisislex, tweets_idrisi or tweets_crisismmd")
    texts = [str(record["text"]) for record, _, _ in labelled]
    say(f"{len(texts):,} posts of {len(files)} files are read")
    facts = [reader.facts(text) for text in texts]
    vectors = [encoder.encode([clean(text) for text in texts[at : at + BATCH]]) for at in range(0, len(texts), BATCH)]
    names = [str(record.get("event") or file.stem) for record, _, file in labelled]
    posts = GatePosts(
        tuple(texts),
        np.stack([each.numbers for each in facts]),
        np.vstack(vectors),
        np.array([each.is_unread for each in facts]),
        np.array([related for _, related, _ in labelled]),
        np.array([event_key(name) for name in names], dtype=object),
        np.array([kind_of_event(name) for name in names], dtype=object),
        np.array([detect(clean(text))[0] for text in texts], dtype=object),
        np.array([file.parent.name for _, _, file in labelled], dtype=object),
    )
    if len(posts.judged_events) < FEWEST_EVENTS:
        raise SetupError("give at least three events with posts labelled as related and posts labelled as unrelated")
    return posts


def _files(folder: Path) -> Iterator[Path]:
    for inner in data_folders(folder):
        for part in PARTS:
            yield from (file for file in sorted((inner / part).glob("*.jsonl")) if is_labelled_file(file))


def _posts(file: Path) -> list[tuple[dict[str, Any], bool, Path]]:
    """The posts of a file that say whether they are related, a sample of at most `MOST_OF_A_FILE`."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        records = list(without_repeats(record for record in json_records(lines) if record.get("text")))
    labelled = [(record, related, file) for record in records if (related := relatedness(record)) is not None]
    return sorted(labelled, key=lambda post: zlib.crc32(str(post[0]["text"]).encode()))[:MOST_OF_A_FILE]


def relatedness(record: dict[str, Any]) -> bool | None:
    """Whether a record is of its event; None where its set does not say. A post that a set calls not informative or not
    humanitarian may be of the event all the same.

    >>> relatedness({"informativeness": "Not related"}), relatedness({"text_info": "not_informative"})
    (False, None)
    """
    related = is_related({name: str(value) for name, value in record.items() if value})
    return related if related or any(record.get(name) for name in RELATEDNESS) else None

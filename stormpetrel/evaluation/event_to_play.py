"""One event of real posts, whole, to be played through the running system: its posts in the order of time, and the
labels that people gave them.

Sets are read as they are published: CrisisLexT26 and T6 (Olteanu et al. 2014, 2015), IDRISI (Suwaileh et al. 2023),
CrisisMMD (Alam et al. 2018), and any folder laid out like them; each file is an event. Posts that nobody labelled are
played too, and judge nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import Post
from stormpetrel.evaluation.folders import json_records
from stormpetrel.evaluation.labelled_events import RELATED, UNRELATED
from stormpetrel.evaluation.posts_in_order import posts_in_order
from stormpetrel.posts.text.clean import canonical, clean
from stormpetrel.posts.text.language import UNDETERMINED, detect

MOST_POSTS = 3000
FEWEST_LABELLED = 50
FEWEST_OF_A_SIDE = 20
FLOOD = "flood"
LANGUAGE_SHARE = 0.05  # of an event's posts, from which a language is one of the event's
MOST_LANGUAGES = 3
INFORMATIVE, NOT_INFORMATIVE = "informative", "not_informative"
BELONGS = {**dict.fromkeys(RELATED, True), **dict.fromkeys(UNRELATED, False), INFORMATIVE: True, NOT_INFORMATIVE: False}
WHAT_IS_PLAYED = (
    "give a file, or a folder laid out like CrisisLex (t26/EVENT.jsonl), IDRISI (mentions/EVENT.jsonl) or CrisisMMD "
    "(EVENT.jsonl), or with JSON lines of posts in a form that `stormpetrel sources replay` reads"
)


@dataclass(frozen=True)
class EventToPlay:
    """The records of an event, each a post, the oldest first, and those posts by id in the same order.

    `truth` says of the labelled ones whether they bear the label (empty: nobody labelled them). That is `belongs` to
    the event where the set tells those that do from others, else the humanitarian class that is the commonest.
    `languages` are the event's, the commonest first. `left_out` counts the posts beyond the first `MOST_POSTS`.
    """

    name: str
    records: tuple[dict[str, Any], ...]
    posts: Mapping[str, Post]
    truth: Mapping[str, bool] = field(default_factory=dict)
    class_name: str | None = None
    languages: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def is_flood(self) -> bool:
        return FLOOD in self.name.lower()

    def held_out(self) -> frozenset[str]:
        """Half of the labelled posts. Posts of the same text are all in, or all out: what is learned from one must not
        judge its copy."""
        return frozenset(post_id for post_id in self.truth if _falls_out(canonical(self.posts[post_id].text)))


def read_event(path: Path, name: str | None = None) -> EventToPlay:
    """The event of this name at `path`; without a name the flood with the most labelled posts of those that are played
    whole, else the largest event of another kind, else all posts of the path as they are.

    Raises SetupError where there is no such event, or no post at all.
    """
    if not path.exists():
        raise SetupError(f"{path} does not exist: {WHAT_IS_PLAYED}")
    files = [path] if path.is_file() else sorted(path.rglob("*.jsonl"))
    labelled = {file: count for file in files if (count := _labelled_count(file)) >= FEWEST_LABELLED}
    if name is not None:
        return _event(_named(name, files, labelled, path))
    if labelled:
        whole = [file for file, count in labelled.items() if count <= MOST_POSTS] or list(labelled)
        floods = [file for file in whole if FLOOD in file.stem.lower()]
        return _event(max(floods or whole, key=lambda file: (labelled[file], file.stem)))
    event = _played(path.stem, files)
    if not event.posts:
        raise SetupError(f"no posts in {path}: {WHAT_IS_PLAYED}")
    return event


def _named(name: str, files: list[Path], labelled: Mapping[Path, int], path: Path) -> Path:
    choice = [file for file in files if file.stem.lower() == name.lower()]
    if not choice:
        names = ", ".join(sorted({file.stem for file in labelled or files})) or "none"
        raise SetupError(f"no event {name!r} in {path}; there are: {names}")
    return max(
        choice, key=lambda file: (file.stem == name, labelled.get(file, 0) * (labelled.get(file, 0) <= MOST_POSTS))
    )


def _event(file: Path) -> EventToPlay:
    return _played(file.stem, [file])


def _played(name: str, files: list[Path]) -> EventToPlay:
    everything = posts_in_order(files)
    played = everything[:MOST_POSTS]
    truth, class_name = _truth({post.post_id: record for record, post in played})
    posts = {post.post_id: post for _, post in played}
    return EventToPlay(
        name=name,
        records=tuple(record for record, _ in played),
        posts=posts,
        truth=truth,
        class_name=class_name,
        languages=_languages(posts),
        left_out=len(everything) - len(played),
    )


def _labelled_count(file: Path) -> int:
    """How many posts of a file bear a label of a set."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        return len(
            {
                str(record.get("id"))
                for record in json_records(lines)
                if _belongs(record) is not None or _classes(record)
            }
        )


def _belongs(record: Mapping[str, Any]) -> bool | None:
    """Whether people said that the post belongs to the event; None where they did not say."""
    values = (BELONGS.get(str(record.get(name))) for name in ("informativeness", "label", "text_info"))
    return next((value for value in values if value is not None), None)


def _classes(record: Mapping[str, Any]) -> list[str]:
    """The humanitarian classes of a post: some have two."""
    value = record.get("humanitarian_label")
    return value.split(",") if isinstance(value, str) and value else []


def _truth(records: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, bool], str | None]:
    """Whether each labelled post bears the label, and the humanitarian class that is meant; None for belonging."""
    belongs = {post_id: verdict for post_id, record in records.items() if (verdict := _belongs(record)) is not None}
    if _has_two_sides(belongs):
        return belongs, None
    classes = {post_id: names for post_id, record in records.items() if (names := _classes(record))}
    for class_name, _ in Counter(name for names in classes.values() for name in names).most_common():
        bears = {post_id: class_name in names for post_id, names in classes.items()}
        if _has_two_sides(bears):
            return bears, class_name
    return {}, None


def _has_two_sides(truth: Mapping[str, bool]) -> bool:
    return min(sum(truth.values()), len(truth) - sum(truth.values())) >= FEWEST_OF_A_SIDE


def _languages(posts: Mapping[str, Post]) -> tuple[str, ...]:
    found = Counter(detect(clean(post.text), post.declared_language)[0] for post in posts.values())
    common = [code for code, count in found.most_common() if count >= LANGUAGE_SHARE * len(posts)]
    return tuple(code for code in common if code != UNDETERMINED)[:MOST_LANGUAGES]


def _falls_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def period(event: EventToPlay) -> tuple[datetime, datetime]:
    """When the event's first and last post were made."""
    moments = [post.created_at for post in event.posts.values()]
    return min(moments), max(moments)

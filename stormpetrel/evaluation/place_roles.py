"""How well the role of a place is told: `config/place_role_labels/` against the rules, on posts of a folder.

The labels hold ids, spans and roles, never texts. Those of `test.jsonl` are of other events than those of
`development.jsonl`, which the rules were written with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from stormpetrel.core.errors import SetupError
from stormpetrel.core.events import PlaceRole
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.posts.places.geoparser.place_role import roles
from stormpetrel.posts.places.tagger.labelled_mentions import read_recognition
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.language import detect

LABELS_FILE = CONFIG_DIRECTORY / "place_role_labels" / "test.jsonl"
# (labelled role, told role), with the number of such places
Confusion = Counter[tuple[str, str | None]]


@dataclass(frozen=True)
class LabelledRoles:
    """The roles of a post's places: (start, end) in its text to the role."""

    post_id: str
    language: str
    by_span: Mapping[tuple[int, int], PlaceRole]


def role_report(data: Path, labels: Path = LABELS_FILE) -> dict[str, Any] | None:
    """Precision and recall of both roles, over the labelled posts that lie in the folder; None where none does.

    `all_affected` is the precision that a place would have if every place counted as affected. The rules read the
    language that is detected, as the stream does; `by_language` goes by the labelled one.
    """
    labelled = read_role_labels(labels)
    texts = _texts(data, {post.post_id for post in labelled})
    present = [post for post in labelled if post.post_id in texts]
    if not present:
        return None
    by_language: dict[str, Confusion] = {}
    for post in present:
        text = texts[post.post_id]
        told = roles(text, list(post.by_span), detect(clean(text))[0])
        by_language.setdefault(post.language, Counter()).update(zip(post.by_span.values(), told, strict=True))
    total = sum(by_language.values(), Counter[tuple[str, str | None]]())
    return {
        "posts": len(present),
        "posts_elsewhere": len(labelled) - len(present),
        **_scores(total),
        "by_language": {language: _scores(by_language[language]) for language in sorted(by_language)},
    }


def read_role_labels(file: Path) -> list[LabelledRoles]:
    """The labels of a file. Raises SetupError where one cannot be read."""
    try:
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        return [
            LabelledRoles(
                record["id"],
                record["language"],
                {(place["start"], place["end"]): place["role"] for place in record["places"]},
            )
            for record in records
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{file} holds no labels of places' roles ({error!r}); restore it") from error


def has_labelled_names(data: Path) -> bool:
    """Whether a folder has posts with labelled place names."""
    try:
        return bool(read_recognition(data))
    except SetupError:
        return False


def _texts(data: Path, wanted: set[str]) -> dict[str, str]:
    """The texts of the posts with these ids in all JSON-lines files below the folder."""
    texts: dict[str, str] = {}
    for file in sorted(data.rglob("*.jsonl")):
        for record in _records(file.read_text(encoding="utf-8", errors="replace").splitlines()):
            if record.get("id") in wanted and record.get("text"):
                texts.setdefault(str(record["id"]), str(record["text"]))
    return texts


def _records(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            yield record


def _scores(confusion: Confusion) -> dict[str, Any]:
    places = confusion.total()
    scores: dict[str, Any] = {"places": places}
    for role in get_args(PlaceRole):
        told = sum(count for (_, answer), count in confusion.items() if answer == role)
        labelled = sum(count for (label, _), count in confusion.items() if label == role)
        right = confusion[role, role]
        precision, recall = right / max(told, 1), right / max(labelled, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        scores[role] = {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}
    affected = sum(count for (label, _), count in confusion.items() if label == "affected")
    return scores | {"all_affected": round(affected / max(places, 1), 4)}

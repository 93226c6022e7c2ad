"""The tagger as files: the spaCy pipeline, a card for people, and marks of the posts it learned from, so that an
evaluation never asks it about posts that it has seen."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost

CARD, SEEN, README = "card.json", "seen.npy", "README.md"
SEEN_SHARE = 0.05  # of an event's posts; with more of them known, the event is


def text_marks(texts: Iterable[str]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A 64-bit mark of each text, sorted."""
    marks = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") for text in texts]
    return np.unique(np.array(marks, dtype=np.uint64))


def has_seen(directory: Path, posts: Sequence[LabelledPost]) -> bool:
    """Whether the tagger of a folder learned from these posts, or from many of them."""
    if not posts or not (directory / SEEN).is_file():
        return False
    known = np.isin(text_marks(post.text for post in posts), np.load(directory / SEEN))
    return float(known.mean()) > SEEN_SHARE


def write_tagger(directory: Path, pipeline: Any, posts: Sequence[LabelledPost], card: dict[str, Any]) -> None:
    """Writes the pipeline with its card; the folder is whole or as it was."""
    fresh = directory.with_name(f"{directory.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    pipeline.to_disk(fresh)
    _forget_words(fresh)
    np.save(fresh / SEEN, text_marks(post.text for post in posts))
    digest = hashlib.sha256((fresh / "ner" / "model").read_bytes()).hexdigest()[:12]
    told = {**card, "version": f"places-tagger@{digest}"}
    (fresh / CARD).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (fresh / README).write_text(_page(told), encoding="utf-8")
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)


def _forget_words(directory: Path) -> None:
    """Takes the posts' words out of the vocabulary: the model knows words by their hashes, and shipped files hold no
    text of others."""
    import spacy

    file = directory / "vocab" / "strings.json"
    known = set(spacy.blank("en").vocab.strings)
    labels = {"LOC", "U-LOC", "B-LOC", "I-LOC", "L-LOC", "O"}
    kept = [word for word in json.loads(file.read_text(encoding="utf-8")) if word in known or word in labels]
    file.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _page(card: dict[str, Any]) -> str:
    """The card for people."""
    if card["held_out"] is None:
        return f"# {card['version']}\n\nTrained without figures on unseen events: see `stormpetrel eval places`.\n"
    rows = [
        f"| {event} | {found['p']:.3f} | {found['r']:.3f} | {found['f1']:.3f} |"
        for event, found in card["held_out"]["by_event"].items()
    ]
    exact = card["held_out"]["exact"]
    return "\n".join(
        [
            f"# {card['version']}",
            "",
            "Finds names of places in posts about disasters. A spaCy pipeline (`config/places_tagger.cfg`), made by",
            "`stormpetrel train places --data DIR`. Its second input is what the gazetteer says of each word.",
            "",
            "- **Data and licence:** " + card["data"],
            "- **Posts:** " + ", ".join(f"{event} ({count})" for event, count in card["posts"].items()),
            "- **Good for:** English posts. In Arabic it is weak on new events, and the gazetteer's names are joined",
            "  to its own, as in all other languages.",
            '- **Bad at:** nicknames and misspelt names, names inside hashtags, streets without a word like "street",',
            "  organisations named after places, short forms (TX, UAE), posts all in capitals.",
            "",
            "Exact spans on events that the tagger had not seen (one of four trained without each):",
            "",
            "| event | precision | recall | F1 |",
            "|---|---|---|---|",
            *rows,
            f"| all | {exact['p']:.3f} | {exact['r']:.3f} | {exact['f1']:.3f} |",
            "",
        ]
    )

"""The tagger's files: the spaCy pipeline, a model card (Mitchell et al. 2019), and hashes of the training posts. By
them an evaluation avoids posts that the tagger was trained on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost

CARD, HASHES, README = "card.json", "training_hashes.npy", "README.md"
README_TEXT = """# {version}

Finds place names in posts about disasters. A spaCy pipeline (`config/{directory}.cfg`), trained by
`stormpetrel train places --data DIR`. Each word has a gazetteer feature beside its own.

- **Data and licence:** {data}
- **Posts:** {posts}
- **Intended use:** {intended_use}
- **Limitations:** {limitations}

Exact spans on held-out events (four-fold cross-validation over events):

| event | precision | recall | F1 |
|---|---|---|---|
{rows}"""
ENGLISH = {
    "intended_use": "English posts.",
    "limitations": "Nicknames and misspelt names, names inside hashtags, streets without a word like\n"
    '  "street", organisations named after places, abbreviations (TX, UAE), posts all in capitals.',
}
LANGUAGES = {
    "intended_use": "Posts in Arabic, Dutch, Finnish, French, German, Italian, Portuguese, Spanish and Turkish;\n"
    "  in other languages it is a help beside the gazetteer.",
    "limitations": "But for Arabic it has learned from sentences that the project wrote, not from posts of people:\n"
    "  it finds names in contexts like theirs. Names of persons and clubs that are also places, names inside hashtags.",
}
MAX_OVERLAP = 0.05  # share of an event's posts; with more of them in the training data, the event counts as trained on


def _text_hashes(posts: Iterable[LabelledPost]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The 64-bit hashes of the posts' texts, sorted, without repetitions."""
    return np.unique(np.array([post.text_hash for post in posts], dtype=np.uint64))


def was_trained_on(directory: Path, posts: Sequence[LabelledPost]) -> bool:
    """Whether the tagger of a folder was trained on more than 5 % of these posts."""
    if not posts or not (directory / HASHES).is_file():
        return False
    return float(np.isin(_text_hashes(posts), np.load(directory / HASHES)).mean()) > MAX_OVERLAP


def write_tagger(directory: Path, pipeline: Any, posts: Sequence[LabelledPost], card: dict[str, Any]) -> None:
    """Writes the pipeline with its card. The folder is replaced as a whole, or stays as it was."""
    draft = directory.with_name(f"{directory.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    pipeline.to_disk(draft)
    _remove_words(draft)
    np.save(draft / HASHES, _text_hashes(posts))
    digest = hashlib.sha256((draft / "ner" / "model").read_bytes()).hexdigest()[:12]
    card = {**card, "version": f"places-tagger@{digest}"}
    (draft / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (draft / README).write_text(_readme(directory.name, card), encoding="utf-8")
    shutil.rmtree(directory, ignore_errors=True)
    draft.rename(directory)


def _remove_words(directory: Path) -> None:
    """Removes the posts' words from the vocabulary: the model uses only their hashes, and the published files must not
    hold other people's texts."""
    import spacy

    file = directory / "vocab" / "strings.json"
    public = {*spacy.blank("en").vocab.strings, "LOC", "U-LOC", "B-LOC", "I-LOC", "L-LOC", "O"}
    words = [word for word in json.loads(file.read_text(encoding="utf-8")) if word in public]
    file.write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def _readme(directory: str, card: dict[str, Any]) -> str:
    """The model card as Markdown."""
    if card["held_out"] is None:
        return f"# {card['version']}\n\nNot evaluated on held-out events: see `stormpetrel eval places`.\n"
    use = LANGUAGES if directory.endswith("_languages") else ENGLISH
    scores = {**card["held_out"]["by_event"], "all": card["held_out"]["exact"]}
    rows = (f"| {name} | {row['p']:.3f} | {row['r']:.3f} | {row['f1']:.3f} |\n" for name, row in scores.items())
    posts = ", ".join(f"{event} ({count})" for event, count in card["posts"].items())
    facts = {"version": card["version"], "directory": directory, "data": card["data"], "posts": posts, **use}
    return README_TEXT.format(**facts, rows="".join(rows))

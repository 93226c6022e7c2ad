"""What the gazetteer says of each word, as a feature for the tagger: it learns when a known name is a place, and so
finds places of events that it has never seen.

A mark is a position (B, I, L, U: begins, inside, last, alone) and a class: the kind and size of the largest place of
that name. Runs of words are matched longest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold

COMPONENT = "stormpetrel_marks"
LONGEST = 6  # words
NOTHING = "O"
NEVER = frozenset("#@.,;:!?()[]\"'&/|…")
WITHIN = frozenset("-'’.")  # may stand between the words of a name
CLASSES = {"country": "C", "region": "C", "admin1": "A", "admin2": "D"}


class GazetteerMarks:
    """Marks the words of a document, in their `tag_`. The gazetteer is set once the pipeline is loaded."""

    def __init__(self) -> None:
        self.gazetteer: Gazetteer | None = None
        self._mark = lru_cache(50_000)(self._mark_of)
        self._fold = lru_cache(20_000)(fold)

    def __call__(self, doc: Doc) -> Doc:
        for token, mark in zip(doc, self.marks([token.text for token in doc]), strict=True):
            token.tag_ = mark
        return doc

    def to_bytes(self, **_: Any) -> bytes:
        return b""

    def from_bytes(self, _: bytes, **__: Any) -> GazetteerMarks:
        return self

    def to_disk(self, *_: Any, **__: Any) -> None:
        """Nothing of it is in the pipeline's files: the gazetteer has its own."""

    def from_disk(self, *_: Any, **__: Any) -> GazetteerMarks:
        return self

    def marks(self, words: Sequence[str]) -> list[str]:
        """One mark a word."""
        folded = [self._fold(word) for word in words]
        found = [NOTHING] * len(words)
        at = 0
        while at < len(words):
            end, mark = self._longest(words, folded, at)
            if end > at + 1:
                found[at:end] = [f"B-{mark}", *[f"I-{mark}"] * (end - at - 2), f"L-{mark}"]
            elif mark:
                found[at] = f"U-{mark}"
            at = max(end, at + 1)
        return found

    def _longest(self, words: Sequence[str], folded: Sequence[str], at: int) -> tuple[int, str]:
        """(word after the longest name that begins here, its class); (`at`, "") where none does."""
        if self.gazetteer is None:
            raise RuntimeError("the marks have no gazetteer yet")
        if not folded[at] or words[at] in NEVER:
            return at, ""
        text, ends = "", {}
        for place in range(at, min(len(words), at + LONGEST)):
            if not folded[place]:
                if words[place] in WITHIN:
                    continue
                break
            text += f" {folded[place]}" if text else folded[place]
            ends[len(text)] = place + 1
        for name in reversed(self.gazetteer.prefixes(text)):
            if len(name) in ends and (mark := self._mark(name)):
                return ends[len(name)], mark
        stem = folded[at].removesuffix("s").rstrip()
        # "Keralas": people write the genitive without its apostrophe.
        if stem != folded[at] and len(stem) > 3 and (mark := self._mark(stem)):
            return at + 1, f"{mark}s"
        return at, ""

    def _mark_of(self, name: str) -> str:
        assert self.gazetteer is not None
        kind, people, own = self.gazetteer.features(name)
        if not kind or len(name) < 2 or not any(letter.isalpha() for letter in name):
            return ""
        size = CLASSES.get(kind) or next(
            (mark for mark, least in (("X", 1_000_000), ("L", 100_000), ("M", 15_000), ("S", 2000)) if people >= least),
            "T",
        )
        return size if own else f"other-{size}"


@Language.factory(COMPONENT)
def make_marks(nlp: Language, name: str) -> GazetteerMarks:
    return GazetteerMarks()

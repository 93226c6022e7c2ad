"""Gazetteer features for the tagger: with them it learns when a known name is a place, and so finds the places of
events that are not in its training data.

A feature is a position (B, I, L, U: begin, inside, last, unit) and a class: the kind and size of the largest place with
that name. Runs of words are matched longest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from spacy.language import Language
from spacy.tokens import Doc

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, fold

COMPONENT = "gazetteer_features"
MAX_WORDS = 6
OUTSIDE = "O"
NOT_NAMES = frozenset("#@.,;:!?()[]\"'&/|…")
INNER_MARKS = frozenset("-'’.")  # allowed between the words of a name
AREA_CLASSES = {"country": "C", "region": "C", "admin1": "A", "admin2": "D"}
CITY_CLASSES = (("X", 1_000_000), ("L", 100_000), ("M", 15_000), ("S", 2000), ("T", 0))


class GazetteerFeatures:
    """Writes each word's feature to its `tag_`. The gazetteer, which has its own files, is set after loading."""

    def __init__(self) -> None:
        self.gazetteer: Gazetteer | None = None
        self._class = lru_cache(50_000)(self._class_of)
        self._fold = lru_cache(20_000)(fold)

    def __call__(self, doc: Doc) -> Doc:
        for token, feature in zip(doc, self.features([token.text for token in doc]), strict=True):
            token.tag_ = feature
        return doc

    def features(self, words: Sequence[str]) -> list[str]:
        """One feature a word."""
        folded = [self._fold(word) for word in words]
        return positions(len(words), lambda start: self._longest(words, folded, start))

    def _longest(self, words: Sequence[str], folded: Sequence[str], start: int) -> tuple[int, str]:
        """(end of the longest name from this word on, its class); (`start`, "") where no name begins here."""
        assert self.gazetteer is not None
        if not folded[start] or words[start] in NOT_NAMES:
            return start, ""
        text, ends = text_from(words, folded, start)
        for name in reversed(self.gazetteer.prefixes(text)):
            if len(name) in ends and (name_class := self._class(name)):
                return ends[len(name)], name_class
        stem = folded[start].removesuffix("s").rstrip()
        # "Keralas": a genitive without its apostrophe.
        if stem != folded[start] and len(stem) > 3 and (name_class := self._class(stem)):
            return start + 1, f"{name_class}s"
        return start, ""

    def _class_of(self, name: str) -> str:
        assert self.gazetteer is not None
        kind, population, is_main_name = self.gazetteer.features(name)
        if not kind or len(name) < 2 or not any(letter.isalpha() for letter in name):
            return ""
        city_class = next(size for size, minimum in CITY_CLASSES if population >= minimum)
        name_class = AREA_CLASSES.get(kind, city_class)
        return name_class if is_main_name else f"other-{name_class}"


def positions(count: int, longest: Callable[[int], tuple[int, str]]) -> list[str]:
    """One feature a word. `longest` gives the end of the longest name from a word on, and its class."""
    features = [OUTSIDE] * count
    start = 0
    while start < count:
        end, name_class = longest(start)
        if end > start + 1:
            features[start:end] = [f"B-{name_class}", *[f"I-{name_class}"] * (end - start - 2), f"L-{name_class}"]
        elif name_class:
            features[start] = f"U-{name_class}"
        start = max(end, start + 1)
    return features


def text_from(words: Sequence[str], folded: Sequence[str], start: int) -> tuple[str, dict[int, int]]:
    """The folded words from `start` on that may be one name, as a text, and by its length after each word that word's
    end."""
    text, ends = "", {}
    for position in range(start, min(len(words), start + MAX_WORDS)):
        if not folded[position]:
            if words[position] in INNER_MARKS:
                continue
            break
        text += f" {folded[position]}" if text else folded[position]
        ends[len(text)] = position + 1
    return text, ends


@Language.factory(COMPONENT)
def create_gazetteer_features(nlp: Language, name: str) -> GazetteerFeatures:
    return GazetteerFeatures()

"""The cues of `config/place_roles.yaml`: the words of a text that tell whether it reports from its places."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY

CUES_FILE = CONFIG_DIRECTORY / "place_roles.yaml"
WEIGHED = ("hazard", "report", "need", "sympathy", "giving")
BESIDE = ("named_before", "named_after", "origin_before", "leaving", "direction_before")
KINDS = (*WEIGHED, *BESIDE, "between", "origin_endings")
WORD = re.compile(r"[^\W_]+")
# Letters of a hazard that counts anywhere in a hashtag (#keralafloods): short words are parts of others.
SHORTEST_OF_OWN, SHORTEST_OF_ENGLISH, SHORTEST_OF_OTHERS = 4, 5, 6
CLITICS = re.compile(r"^[وف]?(?:[بلك]?ال|لل|[بلك])?(?=\w{3})")  # what Arabic writes together with the next word


class Cue(NamedTuple):
    """A cue of `kind` in the words `first` to `last` of a text."""

    kind: str
    first: int
    last: int


class Phrase(NamedTuple):
    """The words of a cue after its first one."""

    kind: str
    rest: tuple[str, ...]


def fold(word: str) -> str:
    """Without case, accents and vowel signs.

    >>> fold("Été"), fold("Işık")
    ('ete', 'isik')
    """
    if word.isascii():
        return word.lower()
    letters = unicodedata.normalize("NFKD", word.casefold().replace("ı", "i"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


class LanguageCues:
    """The cues of one language. A word's cues are looked up once and remembered."""

    def __init__(self, language: str, phrases: Mapping[str, str]) -> None:
        self.language = language
        self.between = frozenset(fold(word) for word in _entries(phrases, "between"))
        self.origin_endings = tuple(fold(ending) for ending in _entries(phrases, "origin_endings"))
        self._whole: dict[str, list[Phrase]] = defaultdict(list)
        self._beginnings: dict[str, list[Phrase]] = defaultdict(list)
        for kind in (*WEIGHED, *BESIDE):
            for entry in _entries(phrases, kind):
                first, *rest = [fold(word) for word in entry.replace("’", " ").split()]
                by_word = self._beginnings if first.endswith("*") else self._whole
                by_word[first.rstrip("*")].append(Phrase(kind, tuple(rest)))
        self._longest = max(map(len, self._beginnings), default=0)
        self._phrases = lru_cache(maxsize=20_000)(self._look_up)

    def find(self, words: Sequence[str]) -> Iterator[Cue]:
        """The cues in folded words, in order. A longer cue hides shorter ones that begin in it: "donations needed" is
        no need."""
        row = 0
        while row < len(words):
            fitting = [phrase for phrase in self._phrases(words[row]) if _continues(words, row + 1, phrase.rest)]
            length = 1 + max((len(phrase.rest) for phrase in fitting), default=0)
            for phrase in fitting:
                if len(phrase.rest) == length - 1:
                    yield Cue(phrase.kind, row, row + length - 1)
            row += length

    def _look_up(self, word: str) -> tuple[Phrase, ...]:
        forms = {word, CLITICS.sub("", word)} if self.language == "ar" else {word}
        phrases = {phrase for form in forms for phrase in self._whole.get(form, ())}
        for form in forms:
            for beginning in accumulate(form[: self._longest]):
                phrases.update(self._beginnings.get(beginning, ()))
        return tuple(sorted(phrases))

    def hazards(self) -> Iterator[str]:
        """The beginnings and words of hazards that are one word."""
        for by_word in (self._whole, self._beginnings):
            for word, phrases in by_word.items():
                if any(phrase.kind == "hazard" and not phrase.rest for phrase in phrases):
                    yield word


def _entries(phrases: Mapping[str, str], kind: str) -> list[str]:
    return [entry for part in phrases.get(kind, "").split(",") if (entry := part.strip())]


def _continues(words: Sequence[str], first: int, rest: Sequence[str]) -> bool:
    if first + len(rest) > len(words):
        return False
    return all(
        words[first + place].startswith(word[:-1]) if word.endswith("*") else words[first + place] == word
        for place, word in enumerate(rest)
    )


class RoleCues:
    """The cues by language (ISO 639-1), and the hazards within hashtags, which are read in all languages."""

    def __init__(self, languages: Mapping[str, LanguageCues]) -> None:
        self.languages = languages
        self._hashtag_hazards = {language: self._hazards(language) for language in (*languages, "")}

    def in_hashtag(self, hashtag: str, language: str) -> bool:
        """Whether a folded hashtag contains a hazard: of this language, or a longer word of another one."""
        pattern = self._hashtag_hazards.get(language) or self._hashtag_hazards[""]
        return pattern.search(hashtag) is not None

    def _hazards(self, language: str) -> re.Pattern[str]:
        words = set[str]()
        for other, cues in self.languages.items():
            shortest = SHORTEST_OF_ENGLISH if other == "en" else SHORTEST_OF_OTHERS
            shortest = SHORTEST_OF_OWN if other == language else shortest
            words.update(word for word in cues.hazards() if len(word) >= shortest)
        return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)) or "(?!)")


def read_cues(file: Path) -> RoleCues:
    """The cues of a file like `config/place_roles.yaml`. Raises SetupError where it cannot be read."""
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"the cues of places' roles cannot be read: {error}. Restore {file}") from error
    if not isinstance(content, dict) or not all(isinstance(phrases, dict) for phrases in content.values()):
        raise SetupError(f"{file} must hold the cues of each language, as `en: {{hazard: flood*, report: killed}}`")
    for language, phrases in content.items():
        if unknown := sorted(set(phrases) - set(KINDS)):
            raise SetupError(f"{file}: {language} has {', '.join(unknown)}; the kinds of cues are {', '.join(KINDS)}")
    return RoleCues({str(name): LanguageCues(str(name), phrases) for name, phrases in content.items()})


@cache
def project_cues() -> RoleCues:
    """The cues of `config/place_roles.yaml`."""
    return read_cues(CUES_FILE)

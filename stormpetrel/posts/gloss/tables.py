"""The word list: English concepts, and for each language a table of its words with the concept behind each.

A table is lines of `word<TAB>concept`; a word without a concept is one to drop, such as an article. Lines that begin
with `#` are passed over. The project's own tables are in `config/lexicon/`, a user's in a folder of the settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.gloss.word_forms import key_of

CONCEPTS_FILE = "concepts.tsv"
NO_TABLES = frozenset({CONCEPTS_FILE, "wrong_friends.tsv"})
LONGEST_ROW = 200  # characters of a word and its gloss


@dataclass(frozen=True)
class WordTables:
    """`words`: for each language its words (keys of `key_of`) with their English gloss, "" for a word to drop.
    `concepts`: the English words of the list. `digest`: of all this, whatever the order and the comments."""

    words: Mapping[str, Mapping[str, str]]
    concepts: frozenset[str] = frozenset()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        rows = sorted(
            f"{language}\t{word}\t{gloss}" for language, table in self.words.items() for word, gloss in table.items()
        )
        content = "\n".join([*sorted(self.concepts), *rows])
        object.__setattr__(self, "digest", hashlib.sha256(content.encode()).hexdigest()[:8])


def read_tables(directory: Path, user_directory: Path | None = None) -> WordTables:
    """The project's tables with the user's beside them; where both have a word, the project's gloss counts: it was
    chosen for posts. Raises SetupError, with the line, for what is no row."""
    concepts = frozenset(word for word, _ in _rows(directory / CONCEPTS_FILE))
    words: dict[str, dict[str, str]] = {}
    for folder in filter(None, (directory, user_directory)):
        for file in sorted(folder.glob("*.tsv")):
            if file.name in NO_TABLES:
                continue
            table = words.setdefault(file.stem.partition(".")[0], {})
            for word, gloss in _rows(file):
                table.setdefault(word, gloss)
    return WordTables(words, concepts)


def concept_groups(file: Path) -> dict[str, str]:
    """Of each English concept the group that the list has it in: water, weather, damage. Raises SetupError."""
    return dict(_rows(file))


def _rows(file: Path) -> Iterator[tuple[str, str]]:
    """The rows of a table: the key of the word, and what stands beside it."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} cannot be read ({error}): give a text in UTF-8 of `word<TAB>concept`") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        word, tab, gloss = line.partition("\t")
        if not tab or not word.strip() or len(line) > LONGEST_ROW:
            raise SetupError(f"{file}, line {number}: give a word, a tab and its English gloss, or a line with # first")
        yield key_of(word.strip()), gloss.strip()

"""Makes the file of all word forms once, in a separate process: a language's dictionary of inflections takes up to
300 MiB, the file is mapped and takes a few.

python -m stormpetrel.posts.gloss.build DIRECTORY TABLES [USER_TABLES]

The inflections are those of `simplemma` (MIT; its lists come from open dictionaries): every form whose lemma has a
gloss gets that gloss.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.posts.gloss.lexicon import ENGLISH, FORMS_FILE, MANIFEST, RECORD
from stormpetrel.posts.gloss.tables import WordTables, read_tables
from stormpetrel.posts.gloss.word_forms import key_of, spellings

CODE = 2  # raised when the same tables give other glosses
NOT_WORD = re.compile(r"[ '-]")  # between the words of an expression
Forms = dict[str, str]


def gloss_version(tables: WordTables) -> str:
    """Names what a gloss depends on: the tables, the inflections, and this release's way to read texts."""
    inflections = importlib.metadata.version("simplemma").replace(".", "")
    return f"gloss{CODE}.{inflections}.{tables.digest}"


def ensure_lexicon(cache: Path, tables: Path, user_tables: Path | None = None) -> Path:
    """The folder of the word forms; made first where it is missing. Raises SetupError where a table is at fault."""
    target = cache / "lexicon" / gloss_version(read_tables(tables, user_tables))
    if not (target / MANIFEST).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        folders = [str(folder.resolve()) for folder in (target, tables, user_tables) if folder]
        command = [sys.executable, "-m", "stormpetrel.posts.gloss.build", *folders]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise SetupError(f"the word list could not be made: {process.stderr.strip()[-1500:]}")
    return target


def build(directory: Path, tables: WordTables) -> None:
    """Writes the forms of all languages and, last, the manifest."""
    import marisa_trie

    glosses = sorted({"", *tables.concepts, *(gloss for table in tables.words.values() for gloss in table.values())})
    number = {gloss: n for n, gloss in enumerate(glosses)}  # "" is 0
    languages = {**tables.words, ENGLISH: {concept: concept for concept in tables.concepts}}

    def records() -> Iterator[tuple[str, tuple[int]]]:
        for language, table in languages.items():
            for form, gloss in all_forms(language, table).items():
                yield f"{language}\t{form}", (number[gloss],)

    draft = directory.with_name(f"{directory.name}.draft-{os.getpid()}")  # several processes may start at once
    draft.mkdir(parents=True)
    marisa_trie.RecordTrie(RECORD, records()).save(str(draft / FORMS_FILE))
    beginnings = {
        f"{language}\t{re.split(NOT_WORD, word)[0]}"
        for language, table in languages.items()
        for word in table
        if NOT_WORD.search(word)
    }
    manifest = {
        "version": gloss_version(tables),
        "languages": sorted(tables.words),
        "glosses": glosses,
        "beginnings": sorted(beginnings),
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False))
    shutil.rmtree(directory, ignore_errors=True)
    try:
        draft.rename(directory)
    except OSError:  # another process was faster; what it made is the same
        shutil.rmtree(draft)


def all_forms(language: str, table: Mapping[str, str]) -> Forms:
    """All forms of a table's words with their gloss: the words as they stand, what inflects them, then what is spelt
    without accents. An English word that is no concept is there with an empty gloss: it is known to be English."""
    forms: Forms = dict(table)
    for form, gloss in _inflected(language, table):
        forms.setdefault(form, gloss)
    for form, gloss in list(forms.items()):
        for spelling in spellings(form, language):
            forms.setdefault(spelling, gloss)
    return forms


def _inflected(language: str, table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The other forms of the table's lemmas; and of the lemmas of its words, where these are no words of it."""
    lemmas = _lemmas(language)
    wanted: Forms = {}
    for word, english in table.items():
        # German nouns have a capital letter there.
        wanted.setdefault(key_of(lemmas.get(word) or lemmas.get(word.capitalize()) or word), english)
    wanted |= table
    elsewhere = "" if language == ENGLISH else None
    glosses: dict[str, str | None] = {}
    for form, lemma in lemmas.items():  # up to two million: nothing is done twice
        if lemma not in glosses:
            glosses[lemma] = wanted.get(key_of(lemma), elsewhere)
        if (gloss := glosses[lemma]) is not None:
            yield key_of(form), gloss
    yield from ((key_of(lemma), gloss) for lemma, gloss in glosses.items() if gloss is not None)


def _lemmas(language: str) -> Mapping[str, str]:
    """Form -> lemma; empty for a language without inflections."""
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES, DefaultDictionaryFactory

    if language not in SUPPORTED_LANGUAGES:
        return {}
    return DefaultDictionaryFactory(cache_max_size=1).get_dictionary(language)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), read_tables(Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None))
    except SetupError as error:
        sys.exit(str(error))

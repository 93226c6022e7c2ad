"""The languages that messages speak, and their words for what incidents are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Language = Literal["en", "it", "es", "fi", "de", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
TEMPLATES = Path(__file__).parent / "templates"


@cache
def words_of(language: Language) -> dict[str, dict[str, str]]:
    """The words of a language by part (`kinds`, `states`, `severities`, `reasons`, `verdicts`) and by what the code
    calls them."""
    words: dict[str, Any] = yaml.safe_load((TEMPLATES / "words.yaml").read_text(encoding="utf-8"))
    chosen: dict[str, dict[str, str]] = words[language]
    return chosen


def word(language: Language, part: str, name: str) -> str:
    """A language's word; a name that it lacks, such as a team's own kind of event, stays as it is.

    >>> word("fi", "kinds", "flood"), word("fi", "kinds", "avalanche-of-mud")
    ('tulva', 'avalanche of mud')
    """
    return words_of(language).get(part, {}).get(name, name.replace("-", " ").replace("_", " "))

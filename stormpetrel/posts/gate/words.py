"""The gate by words, at the source: what surely is about no crisis is dropped before it is published."""

from __future__ import annotations

from stormpetrel.posts.gate.model import LinearGate
from stormpetrel.posts.gate.word_facts import WordReader

BY_WORDS = "words"  # what the record of a post that it let through says: the worker judges its relevance


class WordGate:
    """Whether the words of a text may be about a crisis. Any thread may ask.

    A text with a word of the team's own passes. One in a language without a word list cannot be judged: it passes where
    `unread_pass`.
    """

    def __init__(self, reader: WordReader, learned: LinearGate, unread_pass: bool = True) -> None:
        self._reader, self._learned, self._unread_pass = reader, learned, unread_pass

    def lets_through(self, text: str, declared: str | None = None) -> bool:
        """Whether the text is to be published."""
        facts = self._reader.facts(text, declared)
        if facts.has_own_word or (facts.is_unread and self._unread_pass):
            return True
        return bool(self._learned.scores(facts.numbers) >= self._learned.threshold)

"""The gate by meaning, in the worker: of the posts that live sources let through, which are about no crisis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.events import Post
from stormpetrel.posts.gate.model import LinearGate
from stormpetrel.posts.gate.word_facts import WordReader


@dataclass(frozen=True)
class Irrelevant:
    """A post that is dropped: its score is below the gate's threshold, both in log-odds."""

    post: Post
    score: float
    threshold: float


class RelevanceGate:
    """Judges posts by their text vectors and words. A post with a word of the team's own passes, and so does what
    cannot be judged: a text in a language without a word list, and a post whose picture has a description, for its text
    alone does not say what it is about."""

    def __init__(self, reader: WordReader, learned: LinearGate) -> None:
        self._reader, self._learned = reader, learned

    def judge(self, post: Post, vector: NDArray[np.float32]) -> Irrelevant | None:
        """What the post is dropped for; None where it passes. `vector`: shape (dimensions,), a unit vector."""
        if any(media.alt_text for media in post.media):
            return None
        facts = self._reader.facts(post.text, post.declared_language)
        if facts.is_unread or facts.has_own_word:
            return None
        score = float(self._learned.scores(np.concatenate([vector, facts.numbers])))
        if score >= self._learned.threshold:
            return None
        return Irrelevant(post, round(score, 4), self._learned.threshold)

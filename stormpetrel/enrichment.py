"""From posts to enriched posts: one micro-batch through language, copies, vectors, terms and places.

Pure but for the state of the duplicate window; knows no broker. The order inside a batch is the order of the
log, so a batch cut differently gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stormpetrel.events import EnrichedPost, Post, Vector
from stormpetrel.places.resolver import PlaceFinder
from stormpetrel.text.clean import clean
from stormpetrel.text.duplicates import Copy, DuplicateWindow
from stormpetrel.text.language import detect
from stormpetrel.text.lexical import document_terms


class Encodes(Protocol):
    """Makes unit vectors of texts; `version` names the exact weights."""

    @property
    def version(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Failure:
    """A post that could not be enriched, and why. It goes to the dead letters."""

    reason: str


def now() -> datetime:
    return datetime.now(UTC)


class Enricher:
    """Holds the model, the gazetteer and the window of known originals. One thread at a time."""

    def __init__(
        self,
        encoder: Encodes,
        places: PlaceFinder,
        window: DuplicateWindow,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._encoder, self._places, self.window, self._clock = encoder, places, window, clock

    def enrich(self, posts: Sequence[Post]) -> list[EnrichedPost | Failure]:
        """One result a post, in order. What goes wrong with one post stays with that post."""
        results: list[EnrichedPost | Failure] = [self._without_vector(post) for post in posts]
        wanting = [
            (index, found)
            for index, found in enumerate(results)
            if isinstance(found, EnrichedPost) and found.copy_of is None and found.clean_text
        ]
        # The same post may stand in a batch twice; it is embedded once.
        texts = list(dict.fromkeys(found.clean_text for _, found in wanting))
        try:
            vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        except Exception as error:
            for index, found in wanting:
                self.window.forget(found.post.post_id)
                results[index] = Failure(f"the text model failed: {error}")
            return results
        for index, found in wanting:
            vector = Vector.of(vectors[found.clean_text], self._encoder.version)
            results[index] = found.model_copy(update={"text_vector": vector})
        return results

    def remember(self, event: EnrichedPost) -> None:
        """Takes an original that was enriched before, here or by another worker, into the window."""
        if event.copy_of is None:
            self.window.claim(event.post.post_id, event.post.text)

    def _without_vector(self, post: Post) -> EnrichedPost | Failure:
        try:
            text = clean(post.text)
            language, probability = detect(text, post.declared_language)
            places = self._places.places(post.text, post.native_place, post.author_place)
            terms = document_terms(text, language)
            copy = self._original(post)
        except Exception as error:
            return Failure(f"{type(error).__name__}: {error}")
        return EnrichedPost(
            post=post,
            clean_text=text,
            language=language,
            language_confidence=probability,
            copy_of=copy.of if copy else None,
            similarity=copy.similarity if copy else None,
            places=places,
            terms=None if copy else terms,
            enriched_at=self._clock(),
        )

    def _original(self, post: Post) -> Copy | None:
        """The post that this one copies: the one it says it repeats, if that is known, or an alike one."""
        if post.repost_of and post.repost_of in self.window:
            return Copy(post.repost_of, 1.0)
        return self.window.claim(post.post_id, post.text)

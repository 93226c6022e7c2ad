"""From posts to enriched posts: one micro-batch through language, copies, vectors, terms and places.

Pure but for the state of the duplicate window; knows no broker. The order inside a batch is the order of the
log, so a batch cut differently gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadPicture
from stormpetrel.core.events import ConceptScore, EnrichedPost, Post, Relevance, Vector
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.tagger.recogniser import Mention
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.duplicates import DuplicateWindow, NearDuplicate
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.vision.model import VisualModel
from stormpetrel.posts.vision.pictures import Picture

log = structlog.get_logger()


class Encodes(Protocol):
    """Makes unit vectors of texts; `version` names the exact weights."""

    @property
    def version(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


# What taught models say of a post, by its id and its text's vector.
RelevanceScorer = Callable[[str, Vector], tuple[Relevance, ...]]
# The first photo of each post: its picture, why it cannot be had, or None where the post has none.
Photos = Callable[[Sequence[Post]], Sequence[Picture | BadPicture | None]]


@dataclass(frozen=True)
class PhotoFeatures:
    """What looks at photos: the model, and where their pixels come from."""

    model: VisualModel
    photos: Photos


@dataclass(frozen=True)
class Failure:
    """A post that could not be enriched, and why. It goes to the dead letters."""

    reason: str


class Enricher:
    """Holds the model, the gazetteer and the window of known originals. One thread at a time."""

    def __init__(
        self,
        encoder: Encodes,
        places: Geoparser,
        window: DuplicateWindow,
        sight: PhotoFeatures | None = None,
        clock: Callable[[], datetime] = now,
        judges: RelevanceScorer | None = None,
    ) -> None:
        self._encoder, self._places, self.window = encoder, places, window
        self._sight, self._clock, self._judges = sight, clock, judges

    def enrich(self, posts: Sequence[Post]) -> list[EnrichedPost | Failure]:
        """One result a post, in order. What goes wrong with one post stays with that post."""
        results = self._without_vectors(posts)
        wanting = [
            (index, found)
            for index, found in enumerate(results)
            if isinstance(found, EnrichedPost) and found.duplicate_of is None and found.clean_text
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
            said = self._judges(found.post.post_id, vector) if self._judges else ()
            results[index] = found.model_copy(update={"text_vector": vector, "relevance": said})
        return self._with_sight(results)

    def _with_sight(self, results: list[EnrichedPost | Failure]) -> list[EnrichedPost | Failure]:
        """The results with what the originals' photos show. A photo that cannot be had keeps no post back."""
        if self._sight is None:
            return results
        wanting = [
            (index, found)
            for index, found in enumerate(results)
            if isinstance(found, EnrichedPost) and found.duplicate_of is None and found.post.media
        ]
        pictures = self._sight.photos([found.post for _, found in wanting]) if wanting else []
        for (index, found), picture in zip(wanting, pictures, strict=True):
            if picture is not None:
                results[index] = found.model_copy(update=self._seen(picture))
        return results

    def _seen(self, picture: Picture | BadPicture) -> dict[str, object]:
        if isinstance(picture, BadPicture) or self._sight is None:
            return {"photo_problem": str(picture)}
        model = self._sight.model
        try:
            (seen,) = model.see([picture])
        except Exception as error:
            return {"photo_problem": f"the visual model failed: {error}"}
        scores = sorted(seen.concepts.items(), key=lambda pair: (-pair[1], pair[0]))
        return {
            "visual_vector": Vector.of(seen.vector, model.version),
            "concepts": tuple(ConceptScore(name=name, score=score) for name, score in scores),
            "concept_model": model.concept_version,
        }

    def remember(self, event: EnrichedPost) -> None:
        """Takes an original that was enriched before, here or by another worker, into the window."""
        if event.duplicate_of is None:
            self.window.claim(event.post.post_id, event.post.text)
            self._places.note(event.post.created_at, event.places)

    def _without_vectors(self, posts: Sequence[Post]) -> list[EnrichedPost | Failure]:
        """All but what shared models make. Names are found in all texts at once, and one by one where that fails."""
        found: Sequence[list[Mention] | None] = [None] * len(posts)
        try:
            languages = [detect(clean(post.text), post.declared_language)[0] for post in posts]
            found = self._places.mentions([post.text for post in posts], languages)
        except Exception as error:
            log.warning("names of places are looked for one by one", reason=str(error))
        return [self._without_vector(post, mentions) for post, mentions in zip(posts, found, strict=True)]

    def _without_vector(self, post: Post, mentions: list[Mention] | None) -> EnrichedPost | Failure:
        try:
            text = clean(post.text)
            language, probability = detect(text, post.declared_language)
            if mentions is None:
                (mentions,) = self._places.mentions([post.text], [language])
            places, unresolved = self._places.resolved(
                post.text, mentions, post.native_place, post.author_place, language
            )
            terms = document_terms(text, language)
            copy = self._original(post)
            if copy is None:
                self._places.note(post.created_at, places)
        except Exception as error:
            return Failure(f"{type(error).__name__}: {error}")
        return EnrichedPost(
            post=post,
            clean_text=text,
            language=language,
            language_confidence=probability,
            duplicate_of=copy.of if copy else None,
            similarity=copy.similarity if copy else None,
            places=places,
            unresolved_names=unresolved,
            terms=None if copy else terms,
            enriched_at=self._clock(),
        )

    def _original(self, post: Post) -> NearDuplicate | None:
        """The post that this one copies: the one it says it repeats, if that is known, or an alike one."""
        if post.repost_of and post.repost_of in self.window:
            return NearDuplicate(post.repost_of, 1.0)
        return self.window.claim(post.post_id, post.text)

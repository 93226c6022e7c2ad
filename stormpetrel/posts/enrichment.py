"""From posts to enriched posts: a micro-batch gets languages, near-duplicates, vectors, terms, places and concepts.

Pure but for the state of the duplicate window and of the recent places; knows no broker. Posts are taken in the order
of the log, so a batch that is cut differently gives the same results.
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
from stormpetrel.posts.gloss.gloss import Glosser, glossed_words
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.tagger.recogniser import Mention
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.duplicates import DuplicateWindow, NearDuplicate
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.vision.model import VisualModel
from stormpetrel.posts.vision.pictures import Picture
from stormpetrel.process.metrics import POSTS_LIMITED

log = structlog.get_logger()


class Encoder(Protocol):
    """Encodes texts as unit vectors; `version` names the exact weights."""

    version: str

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


# The relevance of a post by the trained models, from its id and its text vector.
RelevanceScorer = Callable[[str, Vector], tuple[Relevance, ...]]
# The first photo of each post: its pixels, the error that explains why they are missing, or None without a photo.
Photos = Callable[[Sequence[Post]], Sequence[Picture | BadPicture | None]]


@dataclass(frozen=True)
class PhotoFeatures:
    """Describes posts' photos: the visual model, and the source of the pixels."""

    model: VisualModel
    photos: Photos

    def fields(self, picture: Picture | BadPicture) -> dict[str, object]:
        """The fields of an enriched post that describe its photo; `photo_problem` where it cannot be described."""
        if isinstance(picture, BadPicture):
            return {"photo_problem": str(picture)}
        try:
            (features,) = self.model.extract([picture])
        except Exception as error:
            return {"photo_problem": f"the visual model failed: {error}"}
        concepts = sorted(features.concepts.items(), key=lambda concept: (-concept[1], concept[0]))
        return {
            "visual_vector": Vector.of(features.vector, self.model.version),
            "concepts": tuple(ConceptScore(name=name, score=score) for name, score in concepts),
            "concept_model": self.model.concept_version,
            "photo_relevance": features.relevance,
        }


@dataclass(frozen=True)
class EnrichmentFailure:
    """A post that could not be enriched, and the reason. It goes to the dead-letter topic."""

    reason: str


class Enricher:
    """Enriches posts. Holds the models, the geoparser and the window of originals. For one thread at a time."""

    def __init__(
        self,
        encoder: Encoder,
        geoparser: Geoparser,
        window: DuplicateWindow,
        photo_features: PhotoFeatures | None = None,
        clock: Callable[[], datetime] = now,
        relevance_scorer: RelevanceScorer | None = None,
        glosser: Glosser | None = None,
    ) -> None:
        self._encoder, self._geoparser, self.window = encoder, geoparser, window
        self._photo_features, self._clock, self._relevance_scorer = photo_features, clock, relevance_scorer
        self._glosser = glosser

    def enrich(self, posts: Sequence[Post]) -> list[EnrichedPost | EnrichmentFailure]:
        """One result a post, in order. A failure of one post does not touch the others."""
        results = self._enrich_texts(posts)
        self._add_text_vectors(results)
        self._add_photo_features(results)
        return results

    def remember(self, event: EnrichedPost) -> None:
        """Adds an original that was enriched before, here or by another worker, to the window."""
        if event.duplicate_of is None:
            self.window.claim(event.post.post_id, event.post.text)
            self._geoparser.note(event.post.created_at, event.places)

    def _enrich_texts(self, posts: Sequence[Post]) -> list[EnrichedPost | EnrichmentFailure]:
        """The posts without vectors. Mentions are found in all texts at once, and post by post where that fails."""
        try:
            texts = [clean(post.text) for post in posts]
            tell = self._glosser.language if self._glosser else detect
            languages = [tell(text, post.declared_language) for text, post in zip(texts, posts, strict=True)]
            budgets = [self._geoparser.budget() for _ in posts]
            mentions = self._geoparser.mentions([post.text for post in posts], [code for code, _ in languages], budgets)
        except Exception as error:
            if len(posts) == 1:
                return [EnrichmentFailure(f"{type(error).__name__}: {error}")]
            log.warning("place names are recognised post by post", reason=str(error))
            return [result for post in posts for result in self._enrich_texts([post])]
        return list(map(self._enrich_text, posts, texts, languages, mentions, budgets))

    def _enrich_text(
        self, post: Post, text: str, detected: tuple[str, float], mentions: list[Mention], budget: Budget
    ) -> EnrichedPost | EnrichmentFailure:
        language, probability = detected
        try:
            places, unresolved = self._geoparser.resolve(
                post.text, mentions, post.native_place, post.author_place, language, budget
            )
            terms = document_terms(text, language, glossed_words(self._glosser, text))
            duplicate = self._near_duplicate(post)
            if duplicate is None:
                self._geoparser.note(post.created_at, places)
            for limit in budget.cuts:
                POSTS_LIMITED.labels(limit).inc()
            return EnrichedPost(
                post=post,
                clean_text=text,
                language=language,
                language_confidence=probability,
                duplicate_of=duplicate.original_id if duplicate else None,
                similarity=duplicate.similarity if duplicate else None,
                places=places,
                unresolved_names=unresolved,
                limits=tuple(budget.cuts.values()),
                terms=None if duplicate else terms,
                enriched_at=self._clock(),
            )
        except Exception as error:
            return EnrichmentFailure(f"{type(error).__name__}: {error}")

    def _near_duplicate(self, post: Post) -> NearDuplicate | None:
        """The original of a post: the known one that it declares to repost, or else a similar one."""
        if post.repost_of and post.repost_of in self.window:
            return NearDuplicate(post.repost_of, 1.0)
        return self.window.claim(post.post_id, post.text)

    def _add_text_vectors(self, results: list[EnrichedPost | EnrichmentFailure]) -> None:
        """Adds text vectors and relevance to the originals with words."""
        originals = [(row, original) for row, original in _originals(results) if original.clean_text]
        # The same post may be in a batch twice; it is encoded once.
        texts = list(dict.fromkeys(original.clean_text for _, original in originals))
        try:
            vectors = dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}
        except Exception as error:
            for row, original in originals:
                self.window.forget(original.post.post_id)
                results[row] = EnrichmentFailure(f"the text model failed: {error}")
            return
        for row, original in originals:
            vector = Vector.of(vectors[original.clean_text], self._encoder.version)
            relevance = self._relevance_scorer(original.post.post_id, vector) if self._relevance_scorer else ()
            results[row] = original.model_copy(update={"text_vector": vector, "relevance": relevance})

    def _add_photo_features(self, results: list[EnrichedPost | EnrichmentFailure]) -> None:
        """Adds the features of the originals' photos. A post whose photo is missing goes on without them."""
        originals = [(row, original) for row, original in _originals(results) if original.post.media]
        if self._photo_features is None or not originals:
            return
        pictures = self._photo_features.photos([original.post for _, original in originals])
        for (row, original), picture in zip(originals, pictures, strict=True):
            if picture is not None:
                results[row] = original.model_copy(update=self._photo_features.fields(picture))


def _originals(results: Sequence[EnrichedPost | EnrichmentFailure]) -> list[tuple[int, EnrichedPost]]:
    """The enriched posts that are no near-duplicates, with their rows."""
    return [
        (row, result)
        for row, result in enumerate(results)
        if isinstance(result, EnrichedPost) and result.duplicate_of is None
    ]

"""From posts to enriched posts: a micro-batch gets languages, near-duplicates, vectors, terms and places.

Pure but for the state of the duplicate window and of the recent places; knows no broker. Posts are taken in the order
of the log, so a batch that is cut differently gives the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from stormpetrel.core.clock import now
from stormpetrel.core.events import EnrichedPost, EventRelevance, Post, Relevance, TermWeights, Vector
from stormpetrel.posts.event_kinds import EventKinds
from stormpetrel.posts.event_places import with_event_relevance
from stormpetrel.posts.gate.relevance import Irrelevant, RelevanceGate
from stormpetrel.posts.gloss.gloss import Glosser, glossed_words
from stormpetrel.posts.places.budget import Budget
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.places.tagger.recogniser import Mention
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.duplicates import DuplicateWindow, NearDuplicate
from stormpetrel.posts.text.language import detect
from stormpetrel.posts.text.lexical import document_terms
from stormpetrel.posts.text.reposts import whole_words
from stormpetrel.process.metrics import POSTS_LIMITED

log = structlog.get_logger()


class Encoder(Protocol):
    """Encodes texts as unit vectors; `version` names the exact weights."""

    version: str

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


# The relevance of a post by the trained models, from its id and its text vector.
RelevanceScorer = Callable[[str, Vector], tuple[Relevance, ...]]


@dataclass(frozen=True)
class EnrichmentFailure:
    """A post that could not be enriched, and the reason. It goes to the dead-letter topic."""

    reason: str


# What becomes of a post.
Enriched = EnrichedPost | EnrichmentFailure | Irrelevant


@dataclass(frozen=True)
class _Draft:
    """What is known of a post before its places and its vector: enough for both to be worked on at the same time."""

    post: Post
    text: str
    language: str
    probability: float
    duplicate: NearDuplicate | None


class Enricher:
    """Enriches posts. Holds the models, the geoparser and the window of originals. For one thread at a time; the text
    model has a thread of its own, in which it works while this one looks for places."""

    def __init__(
        self,
        encoder: Encoder,
        geoparser: Geoparser,
        window: DuplicateWindow,
        clock: Callable[[], datetime] = now,
        relevance_scorer: RelevanceScorer | None = None,
        glosser: Glosser | None = None,
        kinds: EventKinds | None = None,
        gate: RelevanceGate | None = None,
    ) -> None:
        self._encoder, self._geoparser, self.window = encoder, geoparser, window
        self._clock, self._relevance_scorer = clock, relevance_scorer
        self._glosser, self._kinds, self._gate = glosser, kinds, gate
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")

    def enrich(self, posts: Sequence[Post], gated: Collection[str] = ()) -> list[Enriched]:
        """One result a post, in order. A failure of one post does not touch the others. Posts whose ids are `gated` are
        dropped where they are about no crisis."""
        drafts = [self._draft(post) for post in posts]
        originals = [draft for draft in drafts if isinstance(draft, _Draft) and draft.duplicate is None and draft.text]
        # The same post may be in a batch twice; it is encoded once.
        texts = list(dict.fromkeys(draft.text for draft in originals))
        encoding = self._encoding.submit(self._vectors, texts)
        try:
            results = self._with_places(drafts)
        finally:
            wait([encoding])  # the model is not for two batches at once
        self._add_text_vectors(results, encoding)
        self._drop_irrelevant(results, gated)
        self._enrich_orphans(posts, results, gated)
        return results

    def remember(self, event: EnrichedPost) -> None:
        """Adds an original that was enriched before, here or by another worker, to the window."""
        if event.duplicate_of is None:
            self.window.claim(event.post.post_id, event.post.text, lambda: self._names(event.post, event.language))
            self._geoparser.note(event.post.created_at, event.places)

    def _draft(self, post: Post) -> _Draft | EnrichmentFailure:
        """The post's text, language and original; claims the post where it is an original itself."""
        try:
            text = clean(post.text)
            tell = self._glosser.language if self._glosser else detect
            language, probability = tell(text, post.declared_language)
            return _Draft(post, text, language, probability, self._near_duplicate(post, language))
        except Exception as error:
            return EnrichmentFailure(f"{type(error).__name__}: {error}")

    def _with_places(self, drafts: Sequence[_Draft | EnrichmentFailure]) -> list[Enriched]:
        """The posts without vectors. Mentions are found in all texts at once, and post by post where that fails."""
        sound = [draft for draft in drafts if isinstance(draft, _Draft)]
        try:
            budgets = [self._geoparser.budget() for _ in sound]
            texts, languages = [draft.post.text for draft in sound], [draft.language for draft in sound]
            mentions = self._geoparser.mentions(texts, languages, budgets)
        except Exception as error:
            if len(drafts) == 1:
                return [self._failure(sound[0].post, error)]
            log.warning("place names are recognised post by post", reason=str(error))
            return [result for draft in drafts for result in self._with_places([draft])]
        enriched = map(self._with_place, sound, mentions, budgets)
        return [next(enriched) if isinstance(draft, _Draft) else draft for draft in drafts]

    def _with_place(self, draft: _Draft, mentions: list[Mention], budget: Budget) -> EnrichedPost | EnrichmentFailure:
        post, duplicate = draft.post, draft.duplicate
        try:
            places, unresolved = self._geoparser.resolve(
                post.text, mentions, post.native_place, post.author_place, draft.language, budget
            )
            if duplicate is None:
                self._geoparser.note(post.created_at, places)
            for limit in budget.cuts:
                POSTS_LIMITED.labels(limit).inc()
            return EnrichedPost(
                post=post,
                clean_text=draft.text,
                language=draft.language,
                language_confidence=draft.probability,
                duplicate_of=duplicate.original_id if duplicate else None,
                similarity=duplicate.similarity if duplicate else None,
                places=places,
                unresolved_names=unresolved,
                limits=tuple(budget.cuts.values()),
                terms=None if duplicate else self._terms(draft),
                enriched_at=self._clock(),
            )
        except Exception as error:
            return self._failure(post, error)

    def _terms(self, draft: _Draft) -> TermWeights | None:
        return document_terms(draft.text, draft.language, glossed_words(self._glosser, draft.text))

    def _failure(self, post: Post, error: Exception) -> EnrichmentFailure:
        """Of a post that is no original any more."""
        self.window.forget(post.post_id)
        return EnrichmentFailure(f"{type(error).__name__}: {error}")

    def _drop_irrelevant(self, results: list[Enriched], gated: Collection[str]) -> None:
        """Those originals of the gated posts that are about no crisis; they are no originals any more."""
        if self._gate is None:
            return
        for row, original in _originals(results):
            if original.post.post_id not in gated or original.text_vector is None:
                continue
            if dropped := self._gate.judge(original.post, original.text_vector.values()):
                self.window.forget(original.post.post_id)
                results[row] = dropped

    def _enrich_orphans(self, posts: Sequence[Post], results: list[Enriched], gated: Collection[str]) -> None:
        """Near-duplicates of a post of the batch that failed or was dropped are enriched again: one of them is the
        original now."""
        gone = {
            post.post_id for post, result in zip(posts, results, strict=True) if not isinstance(result, EnrichedPost)
        }
        for row, result in enumerate(results):
            if isinstance(result, EnrichedPost) and result.duplicate_of in gone:
                (results[row],) = self.enrich([posts[row]], gated)

    def _near_duplicate(self, post: Post, language: str) -> NearDuplicate | None:
        """The original of a post: the known one that it declares to repost, or else a similar one that has the names
        of its places."""
        if post.repost_of and post.repost_of in self.window:
            return NearDuplicate(post.repost_of, 1.0)
        return self.window.claim(post.post_id, post.text, lambda: self._names(post, language))

    def _names(self, post: Post, language: str) -> list[str]:
        """The place names in a post's text. They are asked for where it resembles another one alone."""
        (mentions,) = self._geoparser.mentions([post.text], [language], [self._geoparser.budget()])
        return [whole_words(post.text, mention.start, mention.end) for mention in mentions]

    def _vectors(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vector of each text."""
        return dict(zip(texts, self._encoder.encode(texts), strict=True)) if texts else {}

    def _add_text_vectors(self, results: list[Enriched], encoding: Future[dict[str, NDArray[np.float32]]]) -> None:
        """Adds text vectors and relevance to the originals with words."""
        originals = [(row, original) for row, original in _originals(results) if original.clean_text]
        try:
            vectors = encoding.result()
        except Exception as error:
            for row, original in originals:
                self.window.forget(original.post.post_id)
                results[row] = EnrichmentFailure(f"the text model failed: {error}")
            return
        texts = list(vectors)
        event_relevance = dict(zip(texts, self._event_relevance(texts, vectors), strict=True))
        for row, original in originals:
            vector = Vector.of(vectors[original.clean_text], self._encoder.version)
            relevance = self._relevance_scorer(original.post.post_id, vector) if self._relevance_scorer else ()
            scored = original.model_copy(update={"text_vector": vector, "relevance": relevance})
            results[row] = with_event_relevance(scored, event_relevance[original.clean_text])

    def _event_relevance(
        self, texts: Sequence[str], vectors: Mapping[str, NDArray[np.float32]]
    ) -> Sequence[tuple[EventRelevance, ...]]:
        """The relevance of each text to kinds of events; none where they are not learned."""
        if self._kinds is None or not texts:
            return [() for _ in texts]
        english = [self._glosser.gloss(text).text if self._glosser else text for text in texts]
        return self._kinds.relevance(np.stack([vectors[text] for text in texts]), english)


def _originals(results: Sequence[Enriched]) -> list[tuple[int, EnrichedPost]]:
    """The enriched posts that are no near-duplicates, with their rows."""
    return [
        (row, result)
        for row, result in enumerate(results)
        if isinstance(result, EnrichedPost) and result.duplicate_of is None
    ]

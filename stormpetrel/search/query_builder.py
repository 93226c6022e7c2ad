"""From a request to a query: texts and pictures become vectors.

A part that fails (an unreadable picture, a missing model, a vector of the wrong size, an unknown post) costs its
modalities only, and the answer names the problem; where no other part is left, the problem is raised.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import DocumentReader, VectorReader
from stormpetrel.posts.gloss.gloss import glossed_words
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.lexical import query_terms, word_count
from stormpetrel.posts.vision.concepts import terms_of
from stormpetrel.search.cross_source import (
    WATER_LANGUAGES,
    WATER_SENTENCE,
    WATER_WORDS,
    most_certain_point,
    shows_new_water,
)
from stormpetrel.search.documents import CollectionNames, patch_document, post_document
from stormpetrel.search.patch_lists import DESCRIPTORS
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.search.plain_query import BuiltQuery, plain_query
from stormpetrel.search.query import Area, Query
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.request import SearchRequest

TEXT_MODALITIES, PICTURE_MODALITIES = ("text", "lexical"), ("visual", "concepts")
COLOURS_ALONE = BadQuery(
    "modalities",
    "no visual model is configured, and colours alone do not tell what a photo shows",
    "Set visual_model.name, or name visual or concepts in modalities to compare colours",
)


@dataclass(frozen=True)
class QueryBuilder:
    """Builds queries of lists of `depth` hits."""

    index: VectorReader
    documents: DocumentReader
    collections: CollectionNames
    encoder: QueryEncoder
    depth: int
    threads: Executor
    names: PlaceNames

    def build(self, request: SearchRequest, plain: BuiltQuery | None = None) -> BuiltQuery:
        """The whole query; `plain` is the request's plain query where that was built already.

        Raises the first problem where no part is left.
        """
        plain = plain or self.plain(request)
        built = BuiltQuery(plain.query, plain.patch, near=plain.near)
        picture = self.threads.submit(self.encoder.picture, request.picture) if request.picture else None
        if request.post_id:
            with built.problem_of(*TEXT_MODALITIES, *PICTURE_MODALITIES):
                built.add(**self._post_parts(request.post_id))
        if request.patch_id:
            with built.problem_of(*TEXT_MODALITIES, "space", "time", *DESCRIPTORS):
                self._add_patch(built, request.patch_id)
        built.add(**_replacing(request, plain.query))  # the place and time of the request replace the example's
        if request.text:
            text = clean(request.text) or request.text
            with built.problem_of("text"):
                built.add(text=self.encoder.text(text, request.lang))
            if "concepts" in request.modalities:
                built.add(concepts=self.encoder.concepts_in(text))
        if picture:
            with built.problem_of(*PICTURE_MODALITIES):
                built.add(**picture.result())
        self._leave_out_photos(built, request)
        for name, values in request.vectors.items():
            with built.problem_of(name):
                vector = self.encoder.unit_vector(name, values)
                if name in DESCRIPTORS:
                    built.patch = replace(built.patch, vectors={**built.patch.vectors, name: vector})
                else:
                    built.add(**{name: vector})
        if built.problems and built.query.is_empty and not built.patch.vectors:
            raise next(iter(built.problems.values()))
        return built

    def plain(self, request: SearchRequest, until_ms: int | None = None) -> BuiltQuery:
        """The parts that need neither a model nor a document: see `plain_query`."""
        return plain_query(request, self.names, self.depth, until_ms, self.encoder.glosser)

    def _leave_out_photos(self, built: BuiltQuery, request: SearchRequest) -> None:
        """Without a visual model, photos are compared by their colours: `visual` and `concepts` are then two views of
        one rule, and no evidence. Who names one of them gets it."""
        if self.encoder.understands_photos:
            return
        for name in PICTURE_MODALITIES:
            if name not in request.modalities and getattr(built.query, name) is not None:
                built.problems[name] = COLOURS_ALONE
                built.add(**{name: None})

    def _post_parts(self, post_id: str) -> dict[str, Any]:
        """The example's own vectors, words, place and time; a near-duplicate is replaced by its original."""
        document = post_document(self.documents, post_id)
        original = document.get("duplicate_of")
        if original:
            document = self.documents.get("posts", [original]).get(original, document)
        example_id, text = document["_id"], document["clean_text"]
        vectors = self.index.vectors(self.collections.posts, [example_id], ["text", "visual"]).get(example_id, {})
        text_vector = vectors.get("text")
        if text_vector is None and text and self.encoder.has_text_model:
            text_vector = self.encoder.text(text)
        point = most_certain_point(document)
        return {
            "text": text_vector,
            "terms": query_terms(text, [document["language"]], glossed_words(self.encoder.glosser, text)),
            "words": word_count(text),
            "visual": vectors.get("visual"),
            "concepts": terms_of({concept["name"]: concept["score"] for concept in document.get("concepts", [])}),
            "area": Area(*point) if point else None,
            "at": datetime.fromisoformat(document["created_at"]),
            "exclude": example_id,
        }

    def _add_patch(self, built: BuiltQuery, patch_id: str) -> None:
        """The example's descriptors, place and time; where it shows new water, also what people write of floods."""
        document = patch_document(self.documents, patch_id)
        vectors = self.index.vectors(self.collections.patches, [patch_id], list(self.encoder.patch_descriptors))
        level, own_vectors = str(document["scale_level"]), vectors.get(patch_id, {})
        built.patch = replace(built.patch, vectors=own_vectors, scale_level=level, exclude=patch_id)
        sensed_at = datetime.fromisoformat(document["sensed_at"])
        built.add(area=Area(document["longitude"], document["latitude"]), at=sensed_at)
        if shows_new_water(document):
            built.add(terms=query_terms(WATER_WORDS, list(WATER_LANGUAGES)))
            if self.encoder.has_text_model:
                built.add(text=self.encoder.text(WATER_SENTENCE))


def _replacing(request: SearchRequest, plain: Query) -> dict[str, Any]:
    """The place and time that replace an example's. A place with an end is a filter, and leaves the example's place as
    evidence."""
    parts: dict[str, Any] = {} if plain.at is None else {"at": plain.at}
    example = request.post_id or request.patch_id
    if plain.area is not None and not (example and plain.area.bounded):
        parts["area"] = plain.area
    return parts

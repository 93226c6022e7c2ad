"""The two views of an enriched post: its document for MongoDB, its point for the vector index."""

from __future__ import annotations

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.events import EnrichedPost, Place, TermWeights
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, Point
from stormpetrel.posts.vision.concepts import terms_of

SAID_FROM = 0.5  # probability from which on a model's label stands on a post


def document_of(event: EnrichedPost) -> Document:
    """The post as MongoDB holds it: the event without its vectors, under the post's own id."""
    kept_elsewhere = {"text_vector", "visual_vector", "terms", "post", "schema_version"}
    fields = event.model_dump(mode="json", exclude=kept_elsewhere)
    post = event.post.model_dump(mode="json", exclude={"schema_version"})
    models = {
        "text_model": event.text_vector.model if event.text_vector else None,
        "visual_model": event.visual_vector.model if event.visual_vector else None,
    }
    return {"_id": event.post.post_id, **post, **fields, **models}


def located(event: EnrichedPost) -> list[Place]:
    """The places that are points; a country is none, and its capital would be a place made up."""
    return [place for place in event.places if not place.is_area]


def concept_terms(event: EnrichedPost) -> TermWeights | None:
    """The concepts of the post's photo as a sparse vector."""
    return terms_of({concept.name: concept.score for concept in event.concepts})


def point_of(event: EnrichedPost, indexed_at: int) -> Point:
    """The post as the vector index holds it: its vectors, and what is filtered and ranked by.

    `indexed_at`, milliseconds since 1970, is when it is written: what a standing query asks for the news since.
    """
    payload: Document = {
        "source": event.post.source,
        "language": event.language,
        "kind": "near_duplicate" if event.duplicate_of else "original",
        "duplicate_of": event.duplicate_of,
        "event_time": milliseconds(event.post.created_at),
        "ingested_at": milliseconds(event.post.ingested_at),
        "indexed_at": indexed_at,
        "location": [{"lon": place.longitude, "lat": place.latitude} for place in located(event)],
        "labels": [model_id(said.collection, said.label) for said in event.relevance if said.probability >= SAID_FROM],
        "unsure": [model_id(said.collection, said.label) for said in event.relevance if said.unsure],
    }
    for resolution in RESOLUTIONS:
        found = {cells(place.longitude, place.latitude)[resolution] for place in located(event)}
        payload[f"cells_{resolution}"] = sorted(found)
    dense = {"text": event.text_vector, "visual": event.visual_vector}
    sparse = {"lexical": event.terms, "concepts": concept_terms(event)}
    return Point(
        event.post.post_id,
        payload,
        dense={name: vector.values() for name, vector in dense.items() if vector is not None},
        sparse={name: (terms.indices, terms.values) for name, terms in sparse.items() if terms is not None},
    )

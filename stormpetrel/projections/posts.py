"""Enriched posts in the stores: documents, points of the vector index, and how fresh each modality is."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds, now_ms
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import EnrichedEvent, EnrichedPost, Place, PostDeleted, TermWeights
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, DocumentStore, Point, VectorWriter
from stormpetrel.posts.vision.concepts import terms_of
from stormpetrel.process.metrics import POSTS_INDEXED
from stormpetrel.projections.projection import Projection

log = structlog.get_logger()
LABEL_FROM = 0.5  # probability from which on a model's label stands on a post


def post_document(event: EnrichedPost) -> Document:
    """The post as MongoDB holds it: the event without its vectors, under the post's own id."""
    kept_elsewhere = {"text_vector", "visual_vector", "terms", "post", "schema_version"}
    fields = event.model_dump(mode="json", exclude=kept_elsewhere)
    post = event.post.model_dump(mode="json", exclude={"schema_version"})
    vectors = {"text_model": event.text_vector, "visual_model": event.visual_vector}
    models = {name: vector.model if vector else None for name, vector in vectors.items()}
    return {"_id": event.post.post_id, **post, **fields, **models}


def located_places(event: EnrichedPost) -> list[Place]:
    """The places that are points. A country is none: its middle would be a place made up."""
    return [place for place in event.places if not place.is_area]


def _points(places: Sequence[Place]) -> list[dict[str, float]]:
    return [{"lon": place.longitude, "lat": place.latitude} for place in places]


def concept_terms(event: EnrichedPost) -> TermWeights | None:
    """The concepts of the post's photo as a sparse vector."""
    return terms_of({concept.name: concept.score for concept in event.concepts})


def post_point(event: EnrichedPost, indexed_at: int) -> Point:
    """The post as the vector index holds it: its vectors, and what is filtered and ranked by.

    `indexed_at`, milliseconds since 1970, is when it is written: saved searches ask for what came since.
    """
    places = located_places(event)
    scores = {model_id(score.collection, score.label): score for score in event.relevance}
    payload: Document = {
        "source": event.post.source,
        "language": event.language,
        "kind": "near_duplicate" if event.duplicate_of else "original",
        "duplicate_of": event.duplicate_of,
        "event_time": milliseconds(event.post.created_at),
        "ingested_at": milliseconds(event.post.ingested_at),
        "indexed_at": indexed_at,
        "location": _points(places),
        "towns": _points([place for place in places if place.is_town]),
        "countries": sorted({place.country_code for place in event.places if place.country_code}),
        "divisions": sorted(
            {f"{place.country_code}.{place.admin1_code}" for place in event.places if place.admin1_code}
        ),
        "labels": [label for label, score in scores.items() if score.probability >= LABEL_FROM],
        "unsure": [label for label, score in scores.items() if score.unsure],
    }
    place_cells = [cells(place.longitude, place.latitude) for place in places]
    payload |= {f"cells_{resolution}": sorted({c[resolution] for c in place_cells}) for resolution in RESOLUTIONS}
    dense = {"text": event.text_vector, "visual": event.visual_vector}
    sparse = {"lexical": event.terms, "concepts": concept_terms(event)}
    return Point(
        event.post.post_id,
        payload,
        dense={name: vector.values() for name, vector in dense.items() if vector is not None},
        sparse={name: (terms.indices, terms.values) for name, terms in sparse.items() if terms is not None},
    )


class PostProjection(Projection):
    """Writes posts to both stores; `text` and `visual` are the models whose vectors the index holds."""

    event_types = (EnrichedPost, PostDeleted)
    default = EnrichedPost

    def __init__(
        self, documents: DocumentStore, vectors: VectorWriter, index: str, text: EmbeddingSpec, visual: EmbeddingSpec
    ) -> None:
        self._documents, self._vectors, self._collection = documents, vectors, index
        self._text, self._visual = text, visual

    def checked(self, event: EnrichedEvent) -> EnrichedEvent:
        if isinstance(event, PostDeleted):
            return event
        if event.text_vector and not self._text.matches(event.text_vector):
            raise MalformedRecord(
                f"its vector is of {event.text_vector.model} ({event.text_vector.dimensions} values), this index "
                f"of {self._text}; send the post through the enrich worker again"
            )
        if event.visual_vector and not self._visual.matches(event.visual_vector):
            # The post can still be found by all its other modalities.
            log.warning("a photo's vector is of another model; left out", model=event.visual_vector.model)
            return event.model_copy(update={"visual_vector": None})
        return event

    def write(self, events: Sequence[EnrichedEvent]) -> None:
        """A later event of a post takes the place of an earlier one."""
        newest = {event.post_id if isinstance(event, PostDeleted) else event.post.post_id: event for event in events}
        posts = [event for event in newest.values() if isinstance(event, EnrichedPost)]
        deleted_ids = [post_id for post_id, event in newest.items() if isinstance(event, PostDeleted)]
        # Documents first: what a query finds in the index must have its document.
        self._documents.upsert("posts", [post_document(event) for event in posts])
        indexed_at = now_ms()
        self._vectors.upsert(self._collection, [post_point(event, indexed_at) for event in posts])
        if deleted_ids:
            self._vectors.delete(self._collection, deleted_ids)
            self._documents.delete("posts", deleted_ids)
        self._note_freshness(posts)
        POSTS_INDEXED.labels("written").inc(len(posts))
        POSTS_INDEXED.labels("deleted").inc(len(deleted_ids))

    def _note_freshness(self, events: Sequence[EnrichedPost]) -> None:
        """The newest moments that each modality has seen. Only ever moves on: a replay does not age it."""
        by_modality = {
            "text": [event for event in events if event.text_vector],
            "lexical": [event for event in events if event.terms],
            "visual": [event for event in events if event.visual_vector],
            "concepts": [event for event in events if event.concepts],
            "space": [event for event in events if located_places(event)],
            "time": list(events),
        }
        stored = self._documents.get("freshness", list(by_modality))
        changed: list[Document] = []
        for modality, carriers in by_modality.items():
            if carriers:
                newest = {
                    "event_time": max(milliseconds(event.post.created_at) for event in carriers),
                    "ingested_at": max(milliseconds(event.post.ingested_at) for event in carriers),
                }
                before = stored.get(modality, newest)
                changed.append({"_id": modality, **{name: max(newest[name], before[name]) for name in newest}})
        self._documents.upsert("freshness", changed)

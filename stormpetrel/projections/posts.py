"""Enriched posts in the stores: documents, points of the vector index, and how fresh each modality is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds, now, now_ms
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import EnrichedEvent, EnrichedPost, Place, PostDeleted
from stormpetrel.core.ids import model_id
from stormpetrel.core.ports import Document, DocumentStore, NamedVectorWriter, Point
from stormpetrel.posts.vision.pictures import is_data_url
from stormpetrel.process.metrics import POSTS_INDEXED
from stormpetrel.projections.freshness import note_freshness
from stormpetrel.projections.photos import PostPhotos
from stormpetrel.projections.projection import Projection

LABEL_FROM = 0.5  # probability from which on a model's label stands on a post


def post_document(event: EnrichedPost) -> Document:
    """The post as MongoDB holds it: the event without its vectors, under the post's own id."""
    fields = event.model_dump(mode="json", exclude={"text_vector", "terms", "post", "schema_version"})
    post = event.post.model_dump(mode="json", exclude={"schema_version"})
    for media in post["media"]:
        if is_data_url(media["url"]):
            media["url"] = None  # the picture itself: it is kept under its hash
    text_model = event.text_vector.model if event.text_vector else None
    return {"_id": event.post.post_id, **post, **fields, "text_model": text_model}


def located_places(event: EnrichedPost) -> list[Place]:
    """The places that are points. A country is none: its middle would be a place made up."""
    return [place for place in event.places if not place.is_area]


def _points(places: Sequence[Place]) -> list[dict[str, float]]:
    return [{"lon": place.longitude, "lat": place.latitude} for place in places]


def post_point(event: EnrichedPost, indexed_at: int) -> Point:
    """The post as the vector index holds it, without what its photos add: its vectors, and what is filtered and ranked
    by.

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
    return Point(
        event.post.post_id,
        payload,
        dense={"text": event.text_vector.values()} if event.text_vector else {},
        sparse={"lexical": (event.terms.indices, event.terms.values)} if event.terms else {},
    )


def has_photos(event: EnrichedPost) -> bool:
    """Whether photos of the post may be described: those of a near-duplicate are not."""
    return event.duplicate_of is None and any(media.kind == "photo" for media in event.post.media)


class PostProjection(Projection):
    """Writes posts to both stores; `text` is the model whose vectors the index holds, `photos` the collection of their
    photos."""

    event_types = (EnrichedPost, PostDeleted)
    default = EnrichedPost

    def __init__(
        self, documents: DocumentStore, vectors: NamedVectorWriter, index: str, text: EmbeddingSpec, photos: str
    ) -> None:
        self._documents, self._vectors, self._collection = documents, vectors, index
        self._text, self._photos = text, PostPhotos(documents, vectors, index, photos)

    def checked(self, event: EnrichedEvent) -> EnrichedEvent:
        if isinstance(event, EnrichedPost) and event.text_vector and not self._text.matches(event.text_vector):
            raise MalformedRecord(
                f"its vector is of {event.text_vector.model} ({event.text_vector.dimensions} values), this index "
                f"of {self._text}; send the post through the enrich worker again"
            )
        return event

    def write(self, events: Sequence[EnrichedEvent]) -> None:
        """A later event of a post takes the place of an earlier one."""
        newest = {event.post_id if isinstance(event, PostDeleted) else event.post.post_id: event for event in events}
        posts = [event for event in newest.values() if isinstance(event, EnrichedPost)]
        deleted = {post_id: event for post_id, event in newest.items() if isinstance(event, PostDeleted)}
        self._write(posts)
        if deleted:
            media = {event.post.post_id: bool(event.post.media) for event in events if isinstance(event, EnrichedPost)}
            self._delete(deleted, media)
        self._note_freshness(posts)
        POSTS_INDEXED.labels("written").inc(len(posts))
        POSTS_INDEXED.labels("deleted").inc(len(deleted))

    def _write(self, posts: Sequence[EnrichedPost]) -> None:
        with_photos = [event.post.post_id for event in posts if has_photos(event)]
        self._photos.welcome(with_photos)
        # Documents first: what a query finds in the index must have its document.
        self._documents.upsert("posts", [post_document(event) for event in posts])
        indexed_at = now_ms()
        self._vectors.upsert(self._collection, [post_point(event, indexed_at) for event in posts])
        self._photos.restore(with_photos)

    def _delete(self, deleted: Mapping[str, PostDeleted], has_media: Mapping[str, bool]) -> None:
        """`has_media` is of posts of the same batch, which were not written before they were deleted."""
        ids = list(deleted)
        stored = {post_id: bool(post.get("media")) for post_id, post in self._documents.get("posts", ids).items()}
        # A post that is not known may be one whose photos are on their way.
        without = {post_id for post_id, media in {**stored, **has_media}.items() if not media}
        marked = [post_id for post_id in ids if post_id not in without]
        self._photos.mark_deleted(marked, now())
        self._vectors.delete(self._collection, ids)
        self._documents.delete("posts", ids)
        self._photos.remove(marked)

    def _note_freshness(self, events: Sequence[EnrichedPost]) -> None:
        """The newest moments that each modality has seen, but for those of photos."""
        by_modality = {
            "text": [event for event in events if event.text_vector],
            "lexical": [event for event in events if event.terms],
            "space": [event for event in events if located_places(event)],
            "time": events,
        }
        note_freshness(
            self._documents,
            {
                modality: [(event.post.created_at, event.post.ingested_at) for event in carriers]
                for modality, carriers in by_modality.items()
            },
        )

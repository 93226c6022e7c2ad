"""posts.enriched, patches.described, products.announced, items.labelled -> MongoDB and Qdrant: bulk, idempotent
upserts; offsets move only after both are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from stormpetrel.bootstrap import (
    EmbeddingSpecs,
    embedding_specs_of,
    open_index,
    patch_descriptors_of,
    patches_of,
    posts_of,
)
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import EnrichedPost, PostDeleted, decode
from stormpetrel.core.ports import DocumentStore, VectorWriter
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ITEMS_LABELLED, PATCHES_DESCRIBED, POSTS_ENRICHED, PRODUCTS_ANNOUNCED
from stormpetrel.log.batch_consumer import BatchConsumer, Dead, schema_of
from stormpetrel.process.metrics import INDEX_SECONDS, POSTS_INDEXED
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.projections.patches import PatchIndexer
from stormpetrel.projections.posts import document_of, located, point_of
from stormpetrel.projections.predictions import PredictionWriter
from stormpetrel.stores.mongo import MongoStore

log = structlog.get_logger()
STAGE = "index"


@dataclass
class Batch:
    """What one read of the log comes to: the newest state of each post, and what cannot be read."""

    posts: dict[str, EnrichedPost] = field(default_factory=dict)
    deleted: dict[str, PostDeleted] = field(default_factory=dict)
    dead: Dead = field(default_factory=list)


def sort_out(messages: Sequence[Any], embedding_specs: EmbeddingSpecs) -> Batch:
    """Decodes the messages in order: a later event of a post takes the place of an earlier one."""
    batch = Batch()
    for message in messages:
        schema = schema_of(message, EnrichedPost.name())
        try:
            event = decode(message.value() or b"", EnrichedPost, PostDeleted, schema=schema)
            if isinstance(event, PostDeleted):
                batch.posts.pop(event.post_id, None)
                batch.deleted[event.post_id] = event
                continue
            if event.text_vector and not embedding_specs.text.made(event.text_vector):
                raise MalformedRecord(
                    f"its vector is of {event.text_vector.model} ({event.text_vector.dimensions} values), this index "
                    f"of {embedding_specs.text}; send the post through the enrich worker again"
                )
            if event.visual_vector and not embedding_specs.visual.made(event.visual_vector):
                # The post can still be found by all its other modalities.
                log.warning("a photo's vector is of another model; left out", model=event.visual_vector.model)
                event = event.model_copy(update={"visual_vector": None})
        except StormpetrelError as error:
            batch.dead.append((message, str(error)))
        else:
            batch.deleted.pop(event.post.post_id, None)
            batch.posts[event.post.post_id] = event
    return batch


class Indexer:
    """Writes batches to both stores and keeps the record of how fresh each modality is."""

    def __init__(self, documents: DocumentStore, vectors: VectorWriter, collection: str) -> None:
        self._documents, self._vectors, self._collection = documents, vectors, collection

    def write(self, batch: Batch) -> None:
        """Both stores hold the batch when this returns. Raises StoreUnavailable; writing again is harmless."""
        events, indexed_at = list(batch.posts.values()), int(time.time() * 1000)
        # Documents first: what a query finds in the index must have its document.
        self._documents.upsert("posts", [document_of(event) for event in events])
        self._vectors.upsert(self._collection, [point_of(event, indexed_at) for event in events])
        if batch.deleted:
            self._vectors.delete(self._collection, list(batch.deleted))
            self._documents.delete("posts", list(batch.deleted))
        self._note_freshness(events)

    def _note_freshness(self, events: Sequence[EnrichedPost]) -> None:
        """The newest moments that each modality has seen. Only ever moves on: a replay does not age it."""
        carried = {
            "text": [event for event in events if event.text_vector],
            "lexical": [event for event in events if event.terms],
            "visual": [event for event in events if event.visual_vector],
            "concepts": [event for event in events if event.concepts],
            "space": [event for event in events if located(event)],
            "time": list(events),
        }
        known = self._documents.get("freshness", list(carried))
        changed = []
        for modality, having in carried.items():
            if having:
                newest = {
                    "event_time": max(milliseconds(event.post.created_at) for event in having),
                    "ingested_at": max(milliseconds(event.post.ingested_at) for event in having),
                }
                before = known.get(modality, {})
                changed.append(
                    {"_id": modality, **{name: max(value, before.get(name, value)) for name, value in newest.items()}}
                )
        self._documents.upsert("freshness", changed)


class Work:
    """One read of the log to both stores: posts, then what is seen from above."""

    def __init__(
        self, posts: Indexer, patches: PatchIndexer, predictions: PredictionWriter, embedding_specs: EmbeddingSpecs
    ) -> None:
        self._posts, self._patches, self._predictions, self._embedding_specs = (
            posts,
            patches,
            predictions,
            embedding_specs,
        )

    def __call__(self, messages: Sequence[Any]) -> Dead:
        """The messages that cannot be read. Raises StoreUnavailable; doing it again is harmless."""
        started = time.perf_counter()
        batch = sort_out(
            [message for message in messages if message.topic() == POSTS_ENRICHED.name], self._embedding_specs
        )
        if batch.posts or batch.deleted:
            self._posts.write(batch)
        dead = self._predictions.write([message for message in messages if message.topic() == ITEMS_LABELLED.name])
        elsewhere = (POSTS_ENRICHED.name, ITEMS_LABELLED.name)
        dead += self._patches.write([message for message in messages if message.topic() not in elsewhere])
        POSTS_INDEXED.labels("written").inc(len(batch.posts))
        POSTS_INDEXED.labels("deleted").inc(len(batch.deleted))
        POSTS_INDEXED.labels("dead").inc(len(batch.dead))
        INDEX_SECONDS.observe(time.perf_counter() - started)
        return batch.dead + dead


def run(settings: Settings) -> None:
    """Runs the index consumer until SIGTERM or SIGINT."""
    set_up_log("index")
    readiness = Readiness("the stores and the broker")
    serve_probes(settings.index.probe_port, readiness, settings.probe_host)
    documents = MongoStore(settings.mongo.url, settings.mongo.database)
    vectors, posts, patches = open_index(settings), posts_of(settings), patches_of(settings)
    vectors.migrate(posts)
    vectors.migrate(patches)
    work = Work(
        Indexer(documents, vectors, posts.name),
        PatchIndexer(documents, vectors, patches.name, patch_descriptors_of(settings)),
        PredictionWriter(documents),
        embedding_specs_of(settings),
    )
    topics = [topic.name for topic in (POSTS_ENRICHED, PATCHES_DESCRIBED, PRODUCTS_ANNOUNCED, ITEMS_LABELLED)]
    log.info("index consumer is set up", posts=posts.name, patches=patches.name)
    BatchConsumer(
        settings.kafka, STAGE, topics, work, readiness, settings.index.batch, settings.index.batch_within_s
    ).run()

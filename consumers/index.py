"""posts.enriched, patches.described, products.announced, items.labelled -> MongoDB and Qdrant.

Bulk, idempotent writes; offsets move only after both stores hold a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from stormpetrel.bootstrap import open_index, patch_collection, patch_embeddings, post_collection, post_embeddings
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ITEMS_LABELLED, PATCHES_DESCRIBED, POSTS_ENRICHED, PRODUCTS_ANNOUNCED, Topic
from stormpetrel.log import BatchConsumer, Record, Rejected
from stormpetrel.log.batch_consumer import LONGEST_WORK_S
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.process.metrics import INDEX_SECONDS, POSTS_INDEXED
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.projections import PatchProjection, PostProjection, PredictionProjection, ProductProjection, Projection
from stormpetrel.stores.mongo import MongoStore

log = structlog.get_logger()
STAGE = "index"


class IndexWork:
    """One batch of the log to the stores: each topic's records through its projection, in the order given here."""

    def __init__(self, projections: Mapping[Topic, Projection]) -> None:
        self._projections = projections

    def __call__(self, records: Sequence[Record]) -> list[Rejected]:
        """The records that cannot be read. Raises StoreUnavailable; writing again is harmless."""
        with INDEX_SECONDS.time():
            return [
                rejected
                for topic, projection in self._projections.items()
                for rejected in _project([record for record in records if record.topic == topic.name], projection)
            ]


def _project(records: Sequence[Record], projection: Projection) -> list[Rejected]:
    events, rejected = [], []
    for record in records:
        try:
            event = record.decode(*projection.event_types, default=projection.default)
            events.append(projection.checked(event))
        except StormpetrelError as error:
            rejected.append(Rejected(record, str(error)))
    if events:
        projection.write(events)
    if rejected and records[0].topic == POSTS_ENRICHED.name:
        POSTS_INDEXED.labels("dead").inc(len(rejected))
    return rejected


def run(settings: Settings) -> None:
    """Runs the index consumer until SIGTERM or SIGINT."""
    set_up_log("index")
    readiness = Readiness("the stores and the broker")
    serve_probes(settings.index.probe_port, readiness, settings.probe_host)
    documents, vectors = MongoStore(settings.mongo.url, settings.mongo.database), open_index(settings)
    posts, patches = post_collection(settings), patch_collection(settings)
    vectors.migrate(posts)
    vectors.migrate(patches)
    text, visual = post_embeddings(settings)
    projections: dict[Topic, Projection] = {
        POSTS_ENRICHED: PostProjection(documents, vectors, posts.name, text, visual),
        ITEMS_LABELLED: PredictionProjection(documents),
        PRODUCTS_ANNOUNCED: ProductProjection(documents),
        PATCHES_DESCRIBED: PatchProjection(documents, vectors, patches.name, patch_embeddings(settings)),
    }
    log.info("index consumer is set up", posts=posts.name, patches=patches.name)
    consumer, offsets = KafkaConsumer(settings.kafka, STAGE, LONGEST_WORK_S), GroupOffsets(settings.kafka, STAGE)
    LagMonitor(offsets, list(projections), consumer.assigned, readiness, settings.kafka.stalled_after_s).start()
    work = BatchConsumer(consumer, KafkaProducer(settings.kafka), STAGE, IndexWork(projections), readiness)
    work.run([topic.name for topic in projections], settings.index.batch, settings.index.batch_within_s)

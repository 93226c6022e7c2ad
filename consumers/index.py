"""posts.enriched, posts.photos, items.labelled, products.announced, patches.described, incidents -> MongoDB and Qdrant.

Bulk, idempotent writes; offsets move only after both stores hold a batch. Beside it, in a thread of its own, what is
indexed is judged by the newest models (`consumers/labels.py`), and in another what is over its time is deleted
(`consumers/retention.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from consumers.labels import start_judging
from consumers.retention import start_retention
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_ENRICHED, Topic
from stormpetrel.log import BatchConsumer, Record, Rejected
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.process.metrics import INDEX_SECONDS, POSTS_INDEXED
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.projections import Projection
from stormpetrel.replay import project
from stormpetrel.store_bootstrap import index_projections, migrate_stores, open_index
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
            rejected = [
                each
                for topic, projection in self._projections.items()
                for each in project([record for record in records if record.topic == topic.name], projection)
            ]
        POSTS_INDEXED.labels("dead").inc(sum(each.record.topic == POSTS_ENRICHED.name for each in rejected))
        return rejected


def run(settings: Settings) -> None:
    """Runs the index consumer until SIGTERM or SIGINT."""
    set_up_log("index")
    readiness = Readiness("the stores and the broker")
    serve_probes(settings.index.probe_port, readiness, settings.probe_host)
    documents, vectors = MongoStore.of(settings.mongo), open_index(settings)
    migrate_stores(settings, documents, vectors)
    projections = index_projections(settings, documents, vectors)
    log.info("index consumer is set up", topics=[topic.name for topic in projections])
    consumer, offsets = KafkaConsumer(settings.kafka, STAGE), GroupOffsets(settings.kafka, STAGE)
    LagMonitor(offsets, list(projections), consumer.assigned, readiness, settings.kafka.stalled_after_s).start()
    start_judging(settings, documents, vectors, consumer.assigned)
    start_retention(settings, documents, vectors, consumer.assigned)
    work = BatchConsumer(consumer, KafkaProducer(settings.kafka), STAGE, IndexWork(projections), readiness)
    work.run([topic.name for topic in projections], settings.index.batch, settings.index.batch_within_s)

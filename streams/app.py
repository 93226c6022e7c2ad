"""The worker process: builds the Faust app, warms the duplicate window from the log, runs until SIGTERM."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import structlog

from stormpetrel.bootstrap import open_geoparser, open_text_encoder, open_visual_model, relevance_prior
from stormpetrel.core.errors import ModelUnavailable, StormpetrelError
from stormpetrel.core.events import EnrichedPost
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED, POSTS_ENRICHED, POSTS_RAW
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.connection import faust_brokers
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.enrichment import Enricher, PhotoFeatures
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from streams.batch_agent import attach, sender
from streams.enrich import EnrichBatch
from streams.photos import PhotoReader
from streams.train import TrainBatch

log = structlog.get_logger()
BEAT_S = 5.0


def build_app(settings: Settings, data: Path) -> Any:
    """A Faust app on the configured broker. At least once; `exactly_once` does not hold and is not used."""
    import faust

    return faust.App(
        f"{settings.kafka.group_prefix}-worker",
        broker=faust_brokers(settings.kafka),
        datadir=data,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        # A dead worker's partitions move to the others after this long.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=200,
        producer_acks=-1,
        producer_linger=0.005,
        producer_compression_type="lz4",
        producer_request_timeout=60.0,
        stream_buffer_maxsize=settings.worker.batch * 2,
        loghandlers=[],
    )


def warm_window(enricher: Enricher, reader: TopicReader, capacity: int) -> int:
    """Reads the newest originals back from the log, so that a restart does not forget which post repeats which."""
    tail = max(1, capacity // POSTS_ENRICHED.partitions)
    originals: list[EnrichedPost] = []
    for record in reader.read(POSTS_ENRICHED, tail=tail):
        try:
            event = record.decode(*POSTS_ENRICHED.events, default=EnrichedPost)
        except StormpetrelError:
            continue  # the index consumer dead-letters what cannot be read; here it is only no memory
        if isinstance(event, EnrichedPost) and event.duplicate_of is None:
            originals.append(event)
    for event in sorted(originals, key=lambda event: event.enriched_at):
        enricher.remember(event)
    return len(enricher.window)


def _photo_features(settings: Settings) -> PhotoFeatures | None:
    try:
        model = open_visual_model(settings)
    except ModelUnavailable as error:
        # Posts go on without what their photos show; text, places and times do not wait for a model.
        log.warning("photos are not looked at", reason=str(error))
        return None
    return PhotoFeatures(model, PhotoReader(settings.photos.hosts, settings.photos.within_s))


def run(settings: Settings) -> None:
    """Runs the worker until SIGTERM or SIGINT; offsets of finished batches are committed on the way out."""
    import mode

    set_up_log("worker")
    readiness = Readiness("the text model and the gazetteer")
    serve_probes(settings.worker.probe_port, readiness, settings.probe_host)
    worker, reader, scorer = settings.worker, KafkaTopicReader(settings.kafka), Scorer()
    models = TopicView(reader, MODELS_UPDATED, scorer.take).start()
    encoder, geoparser = open_text_encoder(settings), open_geoparser(settings, learns=True)
    window = DuplicateWindow(worker.duplicate_window, worker.duplicate_similarity)
    enricher = Enricher(encoder, geoparser, window, _photo_features(settings), relevance_scorer=scorer.score)
    known_originals = warm_window(enricher, reader, worker.duplicate_window)
    app = build_app(settings, settings.local.directory / "faust")
    send = sender(app, [POSTS_RAW, POSTS_ENRICHED, ANNOTATIONS, MODELS_UPDATED])
    batch, within_s = worker.batch, worker.batch_within_s
    attach(app, "enrich", POSTS_RAW, EnrichBatch(enricher), send, batch, within_s)
    attach(app, "train", ANNOTATIONS, TrainBatch(reader, relevance_prior(settings)), send, batch, within_s)

    async def beat() -> None:
        readiness.beat()

    async def become_ready(*_: Any, **__: Any) -> None:
        readiness.ready()

    app.timer(interval=BEAT_S)(beat)
    app.on_partitions_assigned.connect(become_ready)
    # The first post after a start is scored by the models that stood before it.
    models.wait_until_caught_up()
    log.info("worker is set up", model=encoder.version, known_originals=known_originals)
    mode.Worker(app, loglevel=logging.WARNING, override_logging=False).execute_from_commandline()

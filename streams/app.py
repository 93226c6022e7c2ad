"""The worker process: builds the Faust app, warms the duplicate window from the log, runs until SIGTERM."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import structlog

from stormpetrel.bootstrap import open_geoparser, open_text_encoder, open_visual_model, relevance_prior
from stormpetrel.core.errors import ModelUnavailable, StormpetrelError
from stormpetrel.core.events import EnrichedPost, PostDeleted, decode
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_ENRICHED
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.log.kafka import read_whole
from stormpetrel.log.model_log import ModelLog
from stormpetrel.posts.enrichment import Enricher, PhotoFeatures
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from streams import enrich
from streams import train as learn
from streams.photos import PhotoReader

log = structlog.get_logger()
MODELS_WITHIN_S = 10.0


def build_app(settings: Settings, data: Path) -> Any:
    """A Faust app on the configured broker. At least once; `exactly_once` does not hold and is not used."""
    import faust

    return faust.App(
        f"{settings.kafka.group_prefix}-worker",
        broker=[f"kafka://{address}" for address in settings.kafka.bootstrap.split(",")],
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


def warm_window(enricher: Enricher, bootstrap: str, capacity: int) -> int:
    """Reads the newest originals back from the log, so that a restart does not forget whose copy is whose."""
    tail = max(1, capacity // POSTS_ENRICHED.partitions)
    recent: list[EnrichedPost] = []
    for message in read_whole(bootstrap, POSTS_ENRICHED.name, tail=tail):
        schema = dict(message.headers() or []).get("schema", EnrichedPost.name().encode()).decode()
        try:
            event = decode(message.value(), EnrichedPost, PostDeleted, schema=schema)
        except StormpetrelError:
            continue  # an unreadable record is the index consumer's to bury; here it is only no memory
        if isinstance(event, EnrichedPost) and event.duplicate_of is None:
            recent.append(event)
    for event in sorted(recent, key=lambda event: event.enriched_at):
        enricher.remember(event)
    return len(enricher.window)


def _sight(settings: Settings) -> PhotoFeatures | None:
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
    encoder = open_text_encoder(settings)
    window = DuplicateWindow(settings.worker.duplicate_window, settings.worker.duplicate_similarity)
    models = Scorer()
    models_log = ModelLog(settings.kafka.bootstrap, models.take)
    enricher = Enricher(encoder, open_geoparser(settings, learns=True), window, _sight(settings), judges=models.score)
    known = warm_window(enricher, settings.kafka.bootstrap, settings.worker.duplicate_window)
    app = build_app(settings, settings.local.directory / "faust")
    enrich.attach(app, enricher, readiness, settings.worker.batch, settings.worker.batch_within_s)
    learning = learn.Learning(settings.kafka.bootstrap, relevance_prior(settings))
    learn.attach(app, learning, settings.worker.batch, settings.worker.batch_within_s)
    # The first post after a start is judged by the models that stood before it.
    models_log.caught_up.wait(MODELS_WITHIN_S)

    @app.on_partitions_assigned.connect
    async def assigned(*_: Any, **__: Any) -> None:
        readiness.ready()

    log.info("worker is set up", model=encoder.version, originals_known=known)
    mode.Worker(app, loglevel=logging.WARNING, override_logging=False).execute_from_commandline()

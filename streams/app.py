"""The worker process: builds the Faust app, warms the duplicate window from the log, runs until SIGTERM."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from stormpetrel.bootstrap import open_gazetteer, open_geoparser, open_glosser, open_text_encoder, open_word_reader
from stormpetrel.core.errors import SetupError, StormpetrelError
from stormpetrel.core.events import EnrichedPost
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import (
    ANNOTATIONS,
    FORGOTTEN,
    MODELS_UPDATED,
    POSTS_BACKFILL,
    POSTS_DROPPED,
    POSTS_ENRICHED,
    POSTS_MATCHED,
    POSTS_PHOTOS,
    POSTS_RAW,
    SAVED_SEARCHES,
)
from stormpetrel.learned_files import opened_or_error, query_relevance, relevance_prior
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.connection import faust_brokers, faust_credentials
from stormpetrel.log.consumer import REJOIN_WITHIN_S
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.enrichment import Enricher
from stormpetrel.posts.event_kinds import kinds_for
from stormpetrel.posts.forgotten import ForgottenRegister
from stormpetrel.posts.gate.model import GATE_FILE, REMEDY, GateModel
from stormpetrel.posts.gate.relevance import RelevanceGate
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.text.duplicates import DuplicateWindow
from stormpetrel.posts.text.encoder import TextEncoder
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.search.percolator import Percolator
from stormpetrel.search.place_names import PlaceNames
from stormpetrel.stores.author_key import open_pseudonyms
from streams.batch_agent import Work, attach, sender
from streams.ending import end_within
from streams.enrich import EnrichBatch
from streams.header_names import accept_any_header_name
from streams.holding_consumer import hold_back, read_without
from streams.match import MatchBatch
from streams.train import TrainBatch

log = structlog.get_logger()
BEAT_S = 1.0
BACKFILL_BATCH = 16  # posts; a new post waits for no more than this


class Works(NamedTuple):
    """What the worker does with records of posts, annotations, enriched posts, and photos."""

    enrich: Work
    train: Work
    match: Work
    match_photos: Work


def build_app(settings: Settings, data: Path) -> Any:
    """A Faust app on the configured broker. At least once; `exactly_once` does not hold and is not used."""
    import faust

    return faust.App(
        f"{settings.kafka.group_prefix}-worker",
        broker=faust_brokers(settings.kafka),
        broker_credentials=faust_credentials(settings.kafka),
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
        broker_rebalance_timeout=REJOIN_WITHIN_S,
        # A connection that swallows bytes is given up after this long; longer than the session, as Faust asks.
        broker_request_timeout=10.0,
        broker_commit_interval=0.5,
        # What is read ahead is bounded: records of one poll, and a buffer a topic. Where the buffer is full, Faust
        # pauses the topic's partitions, and resumes them when it has emptied.
        broker_max_poll_records=settings.worker.batch,
        consumer_max_fetch_size=256 * 1024,
        producer_acks=-1,
        producer_linger=0.005,
        producer_compression_type="lz4",
        producer_request_timeout=15.0,
        producer_max_request_size=1_000_000,
        stream_buffer_maxsize=settings.worker.batch * 2,
        # Its warning, every second for each partition of a topic that is held back, would bury the log. What stands
        # still wrongly is seen by the lag monitor.
        stream_processing_timeout=float(10**9),
        loghandlers=[],
    )


def newest_posts(reader: TopicReader, count: int) -> list[EnrichedPost]:
    """About so many of the newest enriched posts on the log: what a worker remembers after a restart."""
    posts: list[EnrichedPost] = []
    for record in reader.read(POSTS_ENRICHED, tail=max(1, count // POSTS_ENRICHED.partitions)):
        try:
            event = record.decode(*POSTS_ENRICHED.events, default=EnrichedPost)
        except StormpetrelError:
            continue  # the index consumer dead-letters what cannot be read; here it is only no memory
        if isinstance(event, EnrichedPost):
            posts.append(event)
    return posts


def warm_window(enricher: Enricher, posts: Sequence[EnrichedPost]) -> int:
    """Remembers the originals among posts from the log, so that a restart does not forget which post repeats which."""
    originals = [event for event in posts if event.duplicate_of is None]
    for event in sorted(originals, key=lambda event: event.enriched_at):
        try:
            enricher.remember(event)
        except Exception as error:
            # It was enriched once; that it is no memory now must not keep the worker from starting.
            log.warning("an original is not remembered", post=event.post.post_id, reason=repr(error))
    return len(enricher.window)


def _relevance_gate(settings: Settings) -> RelevanceGate | None:
    """What drops posts of live sources that are about no crisis; None where the settings say so, and where it was
    learned with another text model than the configured one, or is not there."""
    if not settings.sources.gate.relevance:
        return None
    reader, consequence = open_word_reader(settings), "posts of live sources pass by their words alone"
    model = opened_or_error(lambda: GateModel.load(GATE_FILE, reader.names), consequence)
    if not isinstance(model, GateModel):
        return None
    if model.text_model != settings.text_model.name:
        log.warning(consequence, reason=f"the gate was learned with {model.text_model}. {REMEDY}")
        return None
    return RelevanceGate(reader, model.meaning)


def _open_models(settings: Settings) -> tuple[TextEncoder, Geoparser]:
    """The text model and the geoparser. Neither waits for the other: a start is time without answers."""
    with ThreadPoolExecutor(1) as opening:
        opened = opening.submit(open_text_encoder, settings)
        geoparser = open_geoparser(settings, learns=True)
    return opened.result(), geoparser


def _enricher(settings: Settings, encoder: TextEncoder, geoparser: Geoparser, scorer: Scorer) -> Enricher:
    """What it does to posts, with everything that it opens but the models."""
    return Enricher(
        encoder,
        geoparser,
        DuplicateWindow(settings.worker.duplicate_window, settings.worker.duplicate_similarity),
        relevance_scorer=scorer.score,
        glosser=open_glosser(settings),
        kinds=kinds_for(encoder.version),
        gate=_relevance_gate(settings),
    )


def _register_of_the_forgotten(settings: Settings, reader: TopicReader) -> ForgottenRegister:
    """Who is forgotten, as the log says it now; it goes on to follow the log."""
    forgotten = ForgottenRegister(open_pseudonyms(settings))
    TopicView(reader, FORGOTTEN, forgotten.apply).start().wait_until_caught_up()
    return forgotten


def _match(settings: Settings, encoder: TextEncoder) -> MatchBatch:
    """What holds enriched posts against saved searches."""
    relevance = query_relevance(encoder.version)
    names = PlaceNames(partial(open_gazetteer, settings))
    return MatchBatch(Percolator(relevance.of if relevance else None), encoder, names)


def run(settings: Settings) -> None:
    """Runs the worker until SIGTERM or SIGINT; offsets of finished batches are committed on the way out."""
    import mode

    set_up_log("worker")
    readiness = Readiness("the text model and the gazetteer")
    serve_probes(settings.worker.probe_port, readiness, settings.probe_host)
    reader, scorer = KafkaTopicReader(settings.kafka), Scorer()
    models = TopicView(reader, MODELS_UPDATED, scorer.take).start()
    encoder, geoparser = _open_models(settings)
    enricher = _enricher(settings, encoder, geoparser, scorer)
    forgotten = _register_of_the_forgotten(settings, reader)
    newest = newest_posts(reader, settings.worker.duplicate_window)
    posts = [event for event in newest if not forgotten.refuses(event.post)]
    known_originals = warm_window(enricher, posts)
    match = _match(settings, encoder)
    match.warm(posts)
    del newest, posts  # up to a hundred megabytes
    searches = TopicView(reader, SAVED_SEARCHES, match.apply).start()
    accept_any_header_name()
    app = build_app(settings, data_folder(settings.local.directory))
    train = TrainBatch(reader, relevance_prior(settings))
    enrich = EnrichBatch(enricher, forgotten.refuses, settings.sources.gate.sampled_share)
    assemble(app, settings, Works(enrich, train, match, match.photos), readiness)
    app.task(train.load_learners_later)
    # The first post after a start meets the models and the saved searches that stood before it.
    models.wait_until_caught_up()
    searches.wait_until_caught_up()
    end_within(app)
    log.info("worker is set up", model=encoder.version, known_originals=known_originals)
    mode.Worker(app, loglevel=logging.WARNING, override_logging=False).execute_from_commandline()


def assemble(app: Any, settings: Settings, works: Works, readiness: Readiness) -> LagMonitor:
    """Adds the agents, and what watches over them, to the app."""
    worker, patience_s = settings.worker, settings.kafka.stalled_after_s
    sent = (
        *(POSTS_RAW, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_DROPPED, POSTS_PHOTOS, POSTS_MATCHED),
        *(ANNOTATIONS, MODELS_UPDATED),
    )
    send = sender(app, sent)
    enrich, train, match, match_photos = works
    attach(app, "enrich", POSTS_RAW, enrich, send, worker.batch, worker.batch_within_s)
    attach(app, "backfill", POSTS_BACKFILL, enrich, send, min(worker.batch, BACKFILL_BATCH), worker.batch_within_s)
    attach(app, "train", ANNOTATIONS, train, send, worker.batch, worker.batch_within_s)
    attach(app, "match", POSTS_ENRICHED, match, send, worker.batch, settings.matching.batch_within_s)
    attach(app, "match_photos", POSTS_PHOTOS, match_photos, send, worker.batch, settings.matching.batch_within_s)
    topics = [POSTS_RAW, POSTS_BACKFILL, ANNOTATIONS, POSTS_ENRICHED, POSTS_PHOTOS]
    offsets = GroupOffsets(settings.kafka, "worker")
    lag = LagMonitor(offsets, topics, lambda: app.consumer.assignment(), readiness, patience_s)
    read_without(app, lag.held_back)

    async def beat() -> None:
        if readiness.waiting_for is None:
            readiness.beat()
            hold_back(POSTS_BACKFILL, lag, worker.batch)

    async def become_ready(*_: Any, **__: Any) -> None:
        readiness.ready()
        # Before the first posts are delivered: until the lag is known, old posts wait.
        hold_back(POSTS_BACKFILL, lag, worker.batch)
        lag.start()

    async def wait_for_partitions(*_: Any, **__: Any) -> None:
        # A rebalance that does not end is not taken for life.
        readiness.waits_for("its partitions")
        readiness.beat(patience_s)

    app.timer(interval=BEAT_S)(beat)
    app.on_partitions_assigned.connect(become_ready)
    app.on_partitions_revoked.connect(wait_for_partitions)
    readiness.beat(patience_s)
    return lag


def data_folder(directory: Path) -> Path:
    """Faust's folder, made where it is missing. Raises SetupError where that cannot be done."""
    folder = directory / "faust"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"the worker cannot make {folder}: {error}; set local.directory to a folder of yours"
        ) from error
    return folder

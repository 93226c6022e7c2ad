"""`stormpetrel sources run`: the live sources of a name, each in a thread of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from functools import partial

import structlog

from consumers.sources.catalogue_of_sources import Opening, openings
from consumers.sources.feeds import FeedSource, SignalPublisher
from consumers.sources.gated_posts import Gate, open_words
from consumers.sources.kept_source import KeptSource
from consumers.sources.live_source import Publisher
from consumers.sources.positions import Positions
from consumers.sources.recent_events import RecentEvents, newest_events
from consumers.sources.source_runner import SourceRunner
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_RAW
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.gate.words import WordGate
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.author_key import open_pseudonyms

log = structlog.get_logger()
PATIENCE_S = 60.0  # for a round of a source's loop
STOP_WITHIN_S = 70.0  # the producer's own patience, and a little


def run(settings: Settings, name: str, probe_port: int | None = None) -> None:
    """Runs the sources of this name. Raises SetupError where one lacks what it needs."""
    makes = openings(settings, name)
    networks = {network_of(opened().name) for opened in makes}
    set_up_log(f"source {name}")
    readiness = Readiness("the first connection")
    serve_probes(settings.sources.probe_port if probe_port is None else probe_port, readiness, settings.probe_host)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    words = open_words(settings) if networks.intersection(settings.sources.gate.networks) else None
    kept = [KeptSource(partial(source_runner, settings, make, words, stopping), stopping) for make in makes]
    for source in kept:
        source.start()
    while not stopping.wait(0.5):
        _watch(readiness, kept)
    for source in kept:
        source.join(STOP_WITHIN_S)


def network_of(name: str) -> str:
    """The network of a source, by its name: `mastodon/SERVER` is of `mastodon`."""
    return name.partition("/")[0]


def source_runner(
    settings: Settings, opening: Opening, words: WordGate | None, stopping: threading.Event
) -> SourceRunner:
    """A source with what takes its messages to the log: a producer of its own, whose flush waits for nobody else."""
    producer = KafkaProducer(settings.kafka)
    reader = KafkaTopicReader(settings.kafka)
    source = opening()
    chosen, recent = settings.sources, RecentEvents(settings.sources.recent)
    publisher: Publisher
    if isinstance(source, FeedSource):
        publisher = SignalPublisher(producer, source.host)
    else:
        network = network_of(source.name)
        gate = Gate(words, producer, chosen.gate.sampled_share) if words and network in chosen.gate.networks else None
        pseudonyms = open_pseudonyms(settings)
        publisher = PostPublisher(producer, network, gate=gate, recent=recent, pseudonyms=pseudonyms)
    return SourceRunner(
        source,
        publisher,
        Positions(producer, reader),
        stopping,
        chosen.commit_every_s,
        chosen.longest_wait_s,
        prepare=lambda: recent.learn(newest_events(reader, POSTS_RAW)),
    )


def _watch(readiness: Readiness, kept: Sequence[KeptSource]) -> None:
    """Ready while one source reads; alive while the loops of all go round."""
    oldest = min(source.looked_at for source in kept)
    if time.monotonic() - oldest < PATIENCE_S:
        readiness.beat(PATIENCE_S)
    if any(source.connected for source in kept):
        readiness.ready()
    else:
        readiness.waits_for("; ".join(f"{source.name}: {source.state}" for source in kept))

"""The demo's night as it would come in: Bluesky's posts through a Jetstream server and the real client, the rest from
the file, in step."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from consumers.sources.bluesky import BlueskySource
from consumers.sources.files import Line
from consumers.sources.positions import Positions
from consumers.sources.source_runner import SourceRunner
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.source_settings import Bluesky
from stormpetrel.local.jetstream import LocalJetstream
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.log.producer import RecordProducer
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.posts.pseudonyms import Pseudonyms

STEP = 50  # records: so far the file may be ahead of the stream, and no further
COMMIT_EVERY_S = 0.02  # each step waits for it
STEP_WITHIN_S = 60.0


class _Confirmed:
    """A Publisher of sources that counts what is on the log."""

    def __init__(self, publisher: PostPublisher) -> None:
        self._publisher = publisher
        self._taken, self.confirmed = 0, 0

    @property
    def counts(self) -> Counter[str]:
        return self._publisher.counts

    def take(self, raw: bytes, provenance: str) -> None:
        self._taken += 1
        self._publisher.take(raw, provenance)

    def flush(self) -> None:
        self._publisher.flush()
        self.confirmed = self._taken


class LiveNight:
    """Plays records in their order. `streamed` of them come through the client, all others by `publisher`."""

    def __init__(self, publisher: PostPublisher, streamer: _Confirmed, jetstream: LocalJetstream) -> None:
        self._publisher, self._streamer, self._jetstream = publisher, streamer, jetstream
        self.streamed = 0

    @property
    def counts(self) -> Counter[str]:
        """What became of the records of both."""
        return self._publisher.counts + self._streamer.counts

    def play(self, records: Iterable[Line]) -> None:
        """Raises StormpetrelError where the client does not follow."""
        for number, line in enumerate(records, start=1):
            event = _commit(line.raw)
            if event is None:
                self._publisher.take(line.raw, line.provenance)
            else:
                self._jetstream.add(event)
                self.streamed += 1
            if number % STEP == 0:
                self._in_step()
        self._in_step()

    def _in_step(self) -> None:
        self._publisher.flush()
        deadline = time.monotonic() + STEP_WITHIN_S
        while self._streamer.confirmed < self.streamed:
            if time.monotonic() > deadline:
                raise StormpetrelError("the Jetstream client does not read what the demo's server sends")
            time.sleep(0.01)


@contextmanager
def live_night(producer: RecordProducer, streaming: RecordProducer, pseudonyms: Pseudonyms) -> Iterator[LiveNight]:
    """A night on these producers, one for each thread. When it ends the log holds all of both."""
    stopping, streamer = threading.Event(), _Confirmed(PostPublisher(streaming, "bluesky", pseudonyms=pseudonyms))
    with LocalJetstream().served() as jetstream:
        source = BlueskySource(Bluesky(hosts=(jetstream.url,), silence_s=600))
        # Each demo begins anew: where it was left is of no use to the next one, and the live source has its own.
        memory = MemoryLog()
        positions = Positions(MemoryProducer(memory), MemoryTopicReader(memory))
        runner = SourceRunner(source, streamer, positions, stopping, COMMIT_EVERY_S)
        thread = threading.Thread(target=runner.run, name="demo's Jetstream client")
        thread.start()
        try:
            yield LiveNight(PostPublisher(producer, "demo", pseudonyms=pseudonyms), streamer, jetstream)
        finally:
            stopping.set()
            thread.join()


def _commit(line: bytes) -> dict[str, Any] | None:
    """The record, where it is one that a Jetstream sends."""
    if not line.startswith(b'{"did"'):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("kind") == "commit" else None

"""One process of sources on one core: posts per second from a Jetstream server, and its memory over a million posts.

Posts per second are posts by the process's own processor time, so that they are those of one core whatever else the
machine does: reading, the gate by words, publishing to a broker that acknowledges.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fixtures import post_files, records, say, texts_of
from consumers.sources.gated_posts import Gate, open_words
from consumers.sources.live_source import Gap, Message, Position
from consumers.sources.positions import Positions
from consumers.sources.recent_events import RecentEvents
from consumers.sources.source_runner import SourceRunner
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import POSTS_RAW, SOURCE_POSITIONS
from stormpetrel.local.stack import Part, this_python
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import OutgoingRecord
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.posts.pseudonyms import Pseudonyms
from tests.chaos.source_kills import own_broker
from tests.source_servers.jetstream import Jetstream, commit, running

STREAMED = 60_000
MILLION = 1_000_000
EVERY = 100_000  # posts between two looks at the memory
WITHIN_S = 1800.0


def run(data: Path | None) -> dict[str, Any]:
    """Posts per second of processor time, what the gate kept, and the resident memory at each 100,000 posts."""
    with tempfile.TemporaryDirectory(prefix="stormpetrel-sources-") as name:
        source, path = post_files(data, Path(name))
        texts = list(dict.fromkeys(texts_of(records(path))))
        return {"texts": source, "throughput": throughput(texts, Path(name)), "memory": memory(texts)}


def throughput(texts: Sequence[str], directory: Path, streamed: int = STREAMED) -> dict[str, Any]:
    """A process of its own reads so many posts, from a server in another."""
    (directory / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.live_sources", str(directory / "texts.json"), str(streamed)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdin is not None
    try:
        with own_broker(directory, say) as (stack, kafka):
            environment = {
                "STORMPETREL_KAFKA__BOOTSTRAP": kafka.bootstrap,
                "STORMPETREL_SOURCES__BLUESKY__HOSTS": json.dumps([server.stdout.readline().strip()]),
                "STORMPETREL_SOURCES__BLUESKY__SILENCE_S": "600",
                "STORMPETREL_SOURCES__PROBE_PORT": "0",
                "STORMPETREL_PRIVACY__KEY_FILE": str(directory / "author.key"),
            }
            reader = KafkaTopicReader(kafka)
            stack.start(Part("bluesky", this_python("sources", "run", "bluesky"), lambda: True, environment))
            process = psutil.Process(stack.processes["bluesky"].pid)
            started = _until_at_least(reader, 0, process)  # the first position: models and words are loaded
            ended = _until_at_least(reader, streamed - 1, process)
            kept = sum(reader.end_offsets(POSTS_RAW).values())
    finally:
        server.stdin.close()
        server.wait(10)
    posts, processor_s = ended[0] - started[0], ended[1] - started[1]
    return {
        "posts": posts,
        "processor_s": round(processor_s, 2),
        "posts_per_s_of_one_core": round(posts / processor_s),
        "wall_s": round(ended[2] - started[2], 1),
        "kept_share": round(kept / streamed, 3),
    }


def _until_at_least(reader: KafkaTopicReader, number: int, process: psutil.Process) -> tuple[int, float, float]:
    """Once a position says that this post was read: which was, the processor time so far, and the clock (s)."""
    first = commit(0)["time_us"]
    step = commit(1)["time_us"] - first
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        positions = [json.loads(record.value)["position"] for record in reader.read(SOURCE_POSITIONS)]
        reached = (int(positions[-1]) - first) // step if positions else -1
        if reached >= number:
            used = process.cpu_times()
            return reached, used.user + used.system, time.monotonic()
        time.sleep(0.2)
    raise TimeoutError(f"post {number} was not read in time")


def memory(texts: Sequence[str], posts: int = MILLION) -> dict[str, Any]:
    """The resident memory (MiB) of this process over so many generated posts, all that a source remembers included."""
    settings = Settings()
    producer, stopping = _Forgetful(), threading.Event()
    recent = RecentEvents(settings.sources.recent)
    gate = Gate(open_words(settings), producer, settings.sources.gate.sampled_share)
    names = Pseudonyms(bytes(32))
    publisher = PostPublisher(producer, "bluesky", gate=gate, recent=recent, pseudonyms=names)
    generated = _Generated(texts, posts, stopping)
    runner = SourceRunner(generated, publisher, Positions(producer, MemoryTopicReader(MemoryLog())), stopping)
    started = time.process_time()
    runner.run()
    seconds = time.process_time() - started
    return {
        "posts": posts,
        "processor_s": round(seconds, 1),
        "posts_per_s_without_a_network": round(posts / seconds),
        "published": producer.count,
        "resident_mib": generated.resident_mib,
        "grown_after_the_second_look_mib": round(generated.resident_mib[-1] - generated.resident_mib[1], 1),
    }


class _Forgetful(RecordProducer):
    """A producer that counts, and keeps nothing."""

    def __init__(self) -> None:
        self.count = 0

    def send(self, record: OutgoingRecord) -> None:
        self.count += 1

    def flush(self, timeout_s: float = 60.0) -> None:
        return

    def deliver(self, records: Sequence[OutgoingRecord], timeout_s: float = 60.0) -> list[Any]:
        return []


class _Generated:
    """A LiveSource of so many posts: real texts, each with words of its own, so that whatever remembers words fills."""

    name, silence_s = "bluesky", 3600.0

    def __init__(self, texts: Sequence[str], posts: int, stopping: threading.Event) -> None:
        self._texts, self._posts, self._stopping = texts, posts, stopping
        self._number = 0
        self._draw = random.Random(1)
        self.resident_mib: list[float] = []

    def connect(self, position: str | None) -> None:
        return

    def read(self, timeout_s: float) -> list[Message]:
        messages = list(self._next(min(500, self._posts - self._number)))
        if self._number % EVERY == 0:
            gc.collect()
            self.resident_mib.append(round(psutil.Process().memory_info().rss / 2**20, 1))
            say(f"{self._number:,} posts: {self.resident_mib[-1]} MiB")
        if self._number >= self._posts:
            self._stopping.set()
        return messages

    def _next(self, count: int) -> Iterator[Message]:
        for _ in range(count):
            text = f"{self._texts[self._number % len(self._texts)]} {self._draw.getrandbits(48):x}"
            yield Message(json.dumps(commit(self._number, text)).encode(), "generated")
            self._number += 1

    @property
    def position(self) -> Position | None:
        return Position(str(self._number))

    @property
    def heard_at(self) -> float:
        return time.monotonic()

    def gap(self) -> Gap | None:
        return None

    def close(self) -> None:
        return


def _serve(texts: Sequence[str], count: int) -> None:
    """A Jetstream of so many posts, until standard input ends."""
    events = [commit(number, texts[number % len(texts)]) for number in range(count)]
    with running(Jetstream(events)) as jetstream:
        print(jetstream.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), int(sys.argv[2]))

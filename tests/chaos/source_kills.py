"""Kills of a live process of sources, and breaks of its networks: nothing may be lost, and nothing stand twice.

    python -m tests.chaos.source_kills --posts 20000 --disconnects 50 --kills 20 --seed 7

starts a broker, a Jetstream and a Mastodon server on this machine, and `stormpetrel sources run live` against them. The
seed draws where connections break and when the process is killed (SIGKILL). Prints what came out as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Kafka
from stormpetrel.core.topics import LIVE_TOPICS, POSTS_RAW, SOURCE_GAPS, SOURCE_POSITIONS
from stormpetrel.local.broker import broker_command
from stormpetrel.local.stack import Part, Stack, free_port, this_python
from stormpetrel.log.admin import apply_topics, broker_answers
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.pseudonyms import Pseudonyms
from tests.source_servers.jetstream import FIRST_US, Jetstream, commit, post_id
from tests.source_servers.jetstream import running as jetstream_running
from tests.source_servers.mastodon import FIRST_ID, MastodonServer, status
from tests.source_servers.mastodon import running as mastodon_running

CACHE = Path(os.environ.get("STORMPETREL_CACHE", Path(__file__).resolve().parents[2] / ".stormpetrel" / "cache"))
APART_US = 20_000  # between two posts: a connection that goes back ten seconds reads 500 of them again
TOKEN = "a-token-of-the-test"
KEY = bytes(range(32))  # of authors' names
AUTHOR_KEY, NAMES = b64encode(KEY).decode(), Pseudonyms(KEY)
BREAKS = ("drop", "half")


@dataclass(frozen=True)
class Plan:
    """How many posts, breaks and kills; half of the posts and breaks are of each network."""

    posts: int
    disconnects: int
    kills: int
    seed: int
    posts_per_s: float = 400.0
    within_s: float = 1800.0


class Networks:
    """Both networks, which break at the drawn posts, and go on no further than they are allowed to."""

    def __init__(self, plan: Plan) -> None:
        self._half, self._wait_s = plan.posts // 2, 2 / plan.posts_per_s
        draw, last = random.Random(plan.seed), self._half * 9 // 10  # the last ones must find somebody who listens
        places = draw.sample(range(10, last), plan.disconnects - plan.disconnects // 2)
        self._breaks = {place: draw.choice(BREAKS) for place in places}
        self._draw = draw
        events = [commit(number) | {"time_us": FIRST_US + number * APART_US} for number in range(self._half)]
        self.jetstream = Jetstream(events, self._misbehave, disorder=3)
        self.mastodon = MastodonServer()
        self.mastodon.token = TOKEN
        self.mastodon.breaks_at = set(draw.sample(range(10, last), plan.disconnects // 2))
        self.frames = 0
        self.may_go_on = threading.Event()

    def _misbehave(self) -> str | None:
        """What the Jetstream does before its next frame."""
        self.frames += 1
        time.sleep(self._wait_s)
        if self.frames > 5:
            self.may_go_on.wait()
        for place in [place for place in self._breaks if place <= self.frames]:
            return self._breaks.pop(place)
        return "repeat" if self._draw.random() < 0.01 else None

    def write_statuses(self, stopping: threading.Event) -> None:
        """Mastodon's posts, one by one."""
        for number in range(self._half):
            if number == 5:
                self.may_go_on.wait()
            self.mastodon.statuses.append(status(number))
            if stopping.wait(self._wait_s):
                return

    def expected(self) -> set[str]:
        """The ids that must stand on the log, once each."""
        host = self.mastodon.url.removeprefix("http://")
        ids = {NAMES.post_id(post_id(number)) for number in range(self._half)}
        return ids | {f"mastodon:{host}/{FIRST_ID + number}" for number in range(self._half)}

    def environment(self, kafka: Kafka) -> dict[str, str]:
        """The settings of the process that reads them."""
        host = self.mastodon.url.removeprefix("http://")
        return {
            "STORMPETREL_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "STORMPETREL_SOURCES__BLUESKY__HOSTS": json.dumps([self.jetstream.url]),
            "STORMPETREL_SOURCES__MASTODON__SERVERS": json.dumps([self.mastodon.url]),
            "STORMPETREL_SOURCES__MASTODON__HASHTAGS": json.dumps(["flood"]),
            "STORMPETREL_SOURCES__MASTODON__TOKENS": json.dumps({host: TOKEN}),
            "STORMPETREL_SOURCES__FEEDS__ADDRESSES": "[]",
            "STORMPETREL_SOURCES__LONGEST_WAIT_S": "1",
            "STORMPETREL_SOURCES__PROBE_PORT": "0",
            "STORMPETREL_PRIVACY__AUTHOR_KEY": AUTHOR_KEY,
        }

    @contextmanager
    def running(self) -> Iterator[Networks]:
        stopping = threading.Event()
        with jetstream_running(self.jetstream), mastodon_running(self.mastodon):
            writer = threading.Thread(target=self.write_statuses, args=(stopping,), daemon=True)
            writer.start()
            try:
                yield self
            finally:
                stopping.set()
                self.may_go_on.set()


@contextmanager
def own_broker(directory: Path, say: Callable[[str], None] = print) -> Iterator[tuple[Stack, Kafka]]:
    """A broker with the topics, and the stack that other processes may be started in."""
    port = free_port()
    kafka = Kafka(bootstrap=f"127.0.0.1:{port}")
    command = broker_command(CACHE, directory, port, free_port())
    with Stack(directory, say) as stack:
        stack.start(Part("kafka", command, lambda: broker_answers(kafka), patience_s=300))
        apply_topics(kafka, LIVE_TOPICS)
        yield stack, kafka


def run(plan: Plan, directory: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Runs the plan on a broker of its own, and returns what came out."""
    started = time.monotonic()
    with own_broker(directory, say) as (stack, kafka), Networks(plan).running() as networks:
        reader = KafkaTopicReader(kafka)
        source = Part("live", this_python("sources", "run", "live"), lambda: True, networks.environment(kafka))
        stack.start(source)
        deadline = started + plan.within_s
        _wait(lambda: len(_positions(reader)) == 2, deadline, "both sources have stored a position")
        networks.may_go_on.set()
        draw = random.Random(plan.seed)
        expected = networks.expected()
        for kill, share in enumerate(sorted(draw.uniform(0.02, 0.95) for _ in range(plan.kills)), start=1):
            _wait(lambda share=share: _count(reader) >= share * plan.posts, deadline, f"kill {kill} is due")  # type: ignore[misc]
            stack.processes["live"].send_signal(signal.SIGKILL)
            stack.processes["live"].wait()
            stack.restart_dead()
            say(f"kill {kill} at {_count(reader)} records")
        _wait(lambda: _count(reader) >= plan.posts and set(_ids(reader)) >= expected, deadline, "everything has come")
        time.sleep(2)  # what would come twice
        counts = _ids(reader)
        return asdict(plan) | {
            "lost": len(expected - set(counts)),
            "doubled": sum(1 for count in counts.values() if count > 1),
            "records": sum(counts.values()),
            "disconnects_made": networks.jetstream.disconnects + networks.mastodon.breaks,
            "gaps": sum(1 for _ in reader.read(SOURCE_GAPS)),
            "dead_letters": sum(1 for _ in reader.read(POSTS_RAW.dead())),
            "seconds": round(time.monotonic() - started),
        }


def _positions(reader: KafkaTopicReader) -> set[bytes]:
    return {record.key or b"" for record in reader.read(SOURCE_POSITIONS)}


def _count(reader: KafkaTopicReader) -> int:
    return sum(reader.end_offsets(POSTS_RAW).values())


def _ids(reader: KafkaTopicReader) -> Counter[str]:
    return Counter((record.key or b"").decode() for record in reader.read(POSTS_RAW))


def _wait(is_so: Callable[[], bool], deadline: float, what: str) -> None:
    while True:
        with contextlib.suppress(StoreUnavailable):  # a partition has no leader yet
            if is_so():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in time: {what}")
        time.sleep(0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--disconnects", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--posts-per-s", type=float, default=400.0)
    parser.add_argument("--within-s", type=float, default=1800.0)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="stormpetrel-sources-") as directory:
        report = run(plan, Path(directory), lambda text: print(text, file=sys.stderr, flush=True))
    json.dump(report, sys.stdout, indent=2)
    print()
    sys.exit(1 if report["lost"] or report["doubled"] else 0)


if __name__ == "__main__":
    main()

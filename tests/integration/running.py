"""The local stack for tests: real servers on free ports, and our own processes to start, kill and stop."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from stormpetrel.bootstrap import LEXICON
from stormpetrel.cli.console import say
from stormpetrel.core.embedding_spec import named_with
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ANNOTATIONS, POSTS_BACKFILL, POSTS_ENRICHED, POSTS_RAW, all_topics
from stormpetrel.local.servers import local_addresses, server_parts
from stormpetrel.local.stack import Part, Stack, child_environment, free_port, this_python
from stormpetrel.log.admin import POST_GROUPS, apply_topics, consumer_lags
from stormpetrel.log.lag import GroupOffsets, Remaining
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.posts.gloss.build import gloss_version
from stormpetrel.posts.gloss.tables import read_tables
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.stores.author_key import open_pseudonyms
from stormpetrel.stores.collections import posts_collection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from stormpetrel.verification import Verification, verify

TEXT_MODEL = named_with("all-MiniLM-L6-v2", gloss_version(read_tables(LEXICON)))
COLLECTION = posts_collection("", (TEXT_MODEL, 384), ("descriptor", 128)).name


def wait_until(holds: Callable[[], bool], seconds: float, what: str | Callable[[], object]) -> None:
    """Returns as soon as `holds`; fails the test where it does not within the time, and says `what` it waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.1)


class RunningSystem:
    """Servers run from enter to exit; processes of ours are started by the tests that need them."""

    def __init__(self, directory: Path, cache: Path) -> None:
        ports = {name: free_port() for name in ("kafka_port", "kafka_controller_port", "mongo_port", "qdrant_port")}
        self.settings = Settings(cache=cache, local={"directory": directory, **ports})  # type: ignore[arg-type]
        # Whatever names authors, a command or a process, finds the same key there.
        self.addresses = local_addresses(self.settings) | {"STORMPETREL_LOCAL__DIRECTORY": str(directory)}
        self.kafka = self.settings.local_kafka
        self.reader = KafkaTopicReader(self.kafka)
        self.directory = directory
        self.stack = Stack(directory, say)
        self.ours: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        self._api_port = 0
        self._client = httpx.Client(timeout=30)

    def __enter__(self) -> RunningSystem:
        self.stack.__enter__()
        try:
            for part in self.servers():
                self.stack.start(part)
            apply_topics(self.kafka, all_topics())
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for name in list(self.ours):
                self.stop(name)
        finally:
            for process in self.ours.values():
                process.kill()
            self.stack.stop()

    def servers(self) -> list[Part]:
        """Broker and stores, in the order in which they start."""
        return server_parts(self.settings)

    def producer(self) -> KafkaProducer:
        return KafkaProducer(self.kafka)

    @property
    def documents(self) -> MongoStore:
        return MongoStore(self.addresses["STORMPETREL_MONGO__URL"], "stormpetrel")

    @property
    def index(self) -> QdrantIndex:
        return QdrantIndex(self.addresses["STORMPETREL_QDRANT__URL"])

    @property
    def pseudonyms(self) -> Pseudonyms:
        return open_pseudonyms(self.settings)

    def start(self, name: str, *arguments: str, wait: bool = True, **variables: str) -> subprocess.Popen[bytes]:
        """Starts a process of ours, by default until it is ready; `variables` are set in its environment."""
        port = free_port()
        variable = {
            "worker": "WORKER__PROBE_PORT",
            "photos": "PHOTOS__PROBE_PORT",
            "index": "INDEX__PROBE_PORT",
            "serve": "API__PORT",
            "scenes": "IMAGERY__PROBE_PORT",
            "source": "CATALOGUE__PROBE_PORT",
            "notify": "ALERTING__PROBE_PORT",
            "detect": "DETECTION__PROBE_PORT",
        }[name.split("-")[0]]
        environment = child_environment({**os.environ, **self.addresses, f"STORMPETREL_{variable}": str(port)})
        environment |= {
            "STORMPETREL_PHOTOS__STORE": str(self.directory / "photos"),
            "STORMPETREL_IMAGERY__DIRECTORY": str(self.directory / "imagery"),
            "STORMPETREL_DETECTION__DIRECTORY": str(self.directory / "detector"),
            "STORMPETREL_IMAGERY__S3_ENDPOINT": "http://127.0.0.1:9",
            **variables,
        }
        with (self.directory / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                this_python(*arguments), env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.ours[name], self.ports[name] = process, port
        if name == "serve":
            self._api_port = port
        if wait:
            self.wait_for(name)
        return process

    def _ready(self, process: subprocess.Popen[bytes], port: int, name: str) -> bool:
        assert process.poll() is None, f"{name} ended with {process.returncode}:\n{self.log(name)}"
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for(self, *names: str, seconds: float = 120) -> None:
        """Returns when these processes of ours are ready."""
        for name in names:
            process, port = self.ours[name], self.ports[name]
            wait_until(
                lambda process=process, port=port, name=name: self._ready(process, port, name),  # type: ignore[misc]
                seconds,
                f"{name} is ready:\n{self.log(name)}",
            )

    def start_pipeline(self) -> None:
        """Worker, index consumer and API, where they do not run yet."""
        self._start_missing(("index", "consume", "index"), ("worker", "worker"), ("serve", "serve"))

    def start_photos(self) -> None:
        """The photos consumer, where it does not run yet."""
        self._start_missing(("photos", "consume", "photos"))

    def _start_missing(self, *processes: tuple[str, ...]) -> None:
        for name, *arguments in processes:
            running = self.ours.get(name)
            if running is None or running.poll() is not None:
                self.start(name, *arguments)

    def kill(self, name: str) -> None:
        """SIGKILL: the process gets no chance to tidy up."""
        process = self.ours.pop(name)
        process.kill()
        process.wait(10)

    def stop(self, name: str) -> int:
        """SIGTERM; the exit code. Fails the test where the process does not end."""
        process = self.ours.pop(name)
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def log(self, name: str) -> str:
        return self.stack.log_end(name)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._api_port}{path}"

    def api(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._client.request(method, self.url(path), **arguments)

    def search(self, **question: Any) -> dict[str, Any]:
        reply = self.api("POST", "/v1/search", json=question)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def replay(self, path: Path, *more: str) -> dict[str, int]:
        """`stormpetrel sources replay`, as a user runs it."""
        return self.counts("sources", "replay", str(path), *more)

    def counts(self, *command: str) -> dict[str, int]:
        """What a command prints as JSON, as a user runs it."""
        done = subprocess.run(
            this_python(*command, "--json"),
            env={**os.environ, **self.addresses},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        counts: dict[str, int] = json.loads(done.stdout)
        return counts

    def wait_until_worked_through(self, seconds: float = 120) -> None:
        """Both consumer groups have committed everything that stands on their topics."""
        wait_until(self._nothing_left, seconds, lambda: f"no lag: {self._remaining()}")

    def _remaining(self) -> dict[tuple[str, int], Remaining]:
        """Of the partitions that have lag."""
        left: dict[tuple[str, int], Remaining] = {}
        for group, topics in (("worker", (POSTS_RAW, POSTS_BACKFILL, ANNOTATIONS)), ("index", (POSTS_ENRICHED,))):
            with closing(GroupOffsets(self.kafka, group)) as offsets:
                for topic in topics:
                    left |= {place: span for place, span in offsets.remaining(topic).items() if span.lag}
        return left

    def _nothing_left(self) -> bool:
        # Twice: between the two looks the worker's last results reach the index consumer.
        return not any(lag for _ in range(2) for lag in self._lags(*POST_GROUPS))

    def lag(self, name: str) -> int:
        """Records that a consumer group has not committed yet."""
        return consumer_lags(self.kafka)[name]

    def wait_until_photos_are_there(self, seconds: float = 120) -> None:
        """All photos that came are described, and stand in both stores."""
        wait_until(
            lambda: not any(lag for _ in range(2) for lag in self._lags("photos", "index")), seconds, "no photo is left"
        )

    def wait_until_in_work(self, name: str, below: int, seconds: float = 60) -> int:
        """Returns as soon as a group has committed some of `below` records and not all; its lag at that moment."""
        lags = [below]

        def in_work() -> bool:
            lags.append(self.lag(name))
            return lags[-1] < below

        wait_until(in_work, seconds, f"{name} is at work")
        assert 0 < lags[-1] < below, f"{name} has nothing left to do: lag {lags}"
        return lags[-1]

    def wait_until_seen(self, seconds: float = 120) -> None:
        """Every announced product is described or dead, and its patches are in both stores."""
        wait_until(
            lambda: not any(lag for _ in range(2) for lag in self._lags("scenes", "patches")),
            seconds,
            "no scene is left",
        )

    def _lags(self, *names: str) -> list[int]:
        lags = consumer_lags(self.kafka)
        return [lags[name] for name in names]

    def verify(self) -> Verification:
        return verify(self.reader, self.documents, self.index, COLLECTION)


class BrokerAlone(RunningSystem):
    """Without the stores, for processes that work on the log alone."""

    def servers(self) -> list[Part]:
        return super().servers()[:1]


def write_posts(path: Path, posts: Sequence[dict[str, Any]]) -> Path:
    """A file of plain JSON lines."""
    path.write_text("".join(json.dumps(post, ensure_ascii=False) + "\n" for post in posts), encoding="utf-8")
    return path

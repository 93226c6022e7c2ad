"""The whole system as the chaos suite runs it: every link goes through a proxy, everything that dies is started again,
and all data lie on a file system that can be filled."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import httpx
from confluent_kafka import Consumer, TopicPartition

from stormpetrel.core.topics import Topic
from stormpetrel.local.stack import Part, free_port
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.chaos.tcp_proxy import TcpProxy, Weather
from tests.integration.running import RunningSystem

OURS = {"index": ("consume", "index"), "worker": ("worker",), "serve": ("serve",), "scenes": ("consume", "scenes")}
SERVERS = ("kafka", "mongo", "qdrant")
DISK_MIB = 3072
# The local vector index optimises its copy after 20,000 fresh points; here it is at it nearly always.
FRESH_MOST = 1000
VECTOR_SERVER = (
    "import stormpetrel.local.vector_engine as engine; engine.FRESH_MOST = {fresh_most}; "
    "from stormpetrel.cli import main; main()"
)


@contextlib.contextmanager
def small_disk(size_mib: int = DISK_MIB) -> Iterator[tuple[Path, bool]]:
    """A folder on a tmpfs of its own, and True; an ordinary folder, and False, where mounting is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="stormpetrel-chaos-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "stormpetrel-chaos", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield folder, is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


class ChaosSystem(RunningSystem):
    """A running system whose processes reach broker and stores through `proxies`, under a supervisor.

    `restarts` counts how often each process was started again. What is `held` is not started again while it is.
    """

    def __init__(
        self, directory: Path, cache: Path, seed: int, can_fill_disk: bool, fresh_most: int = FRESH_MOST
    ) -> None:
        super().__init__(directory, cache)
        self._vector_server = VECTOR_SERVER.format(fresh_most=fresh_most)
        local = self.settings.local
        ports = {"kafka": local.kafka_port, "mongo": local.mongo_port, "qdrant": local.qdrant_port}
        self.proxies = {name: TcpProxy(free_port(), port, seed=seed) for name, port in ports.items()}
        self.addresses |= {
            "STORMPETREL_KAFKA__BOOTSTRAP": f"127.0.0.1:{self.proxies['kafka'].port}",
            "STORMPETREL_MONGO__URL": f"mongodb://127.0.0.1:{self.proxies['mongo'].port}",
            "STORMPETREL_QDRANT__URL": f"http://127.0.0.1:{self.proxies['qdrant'].port}",
        }
        self.can_fill_disk = can_fill_disk
        self.restarts: Counter[str] = Counter()
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._exits = contextlib.ExitStack()

    def servers(self) -> list[Part]:
        """The servers, with a broker that tells its clients the proxy's address."""
        kafka, mongo, qdrant = super().servers()
        file = self.directory / "kafka.properties"
        listener = "advertised.listeners=PLAINTEXT://127.0.0.1:"
        lines = [
            f"{listener}{self.proxies['kafka'].port}" if line.startswith(listener) else line
            for line in file.read_text().splitlines()
        ]
        file.write_text("\n".join(lines) + "\n")
        qdrant.command = [sys.executable, "-c", self._vector_server, *qdrant.command[3:]]
        return [kafka, mongo, qdrant]

    def __enter__(self) -> ChaosSystem:
        for proxy in self.proxies.values():
            self._exits.enter_context(proxy)
        try:
            super().__enter__()
            self.start_pipeline()
            self.start("scenes", *OURS["scenes"])
        except BaseException:
            self._end()
            raise
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._supervisor.join(30)
        self.clear()
        self._end()

    def _end(self) -> None:
        for name in list(self.ours):  # a run is over here: how processes end is tried while it lasts
            self.kill(name)
        self.stack.stop()
        self._exits.close()

    def _supervise(self) -> None:
        while not self._stopping.wait(0.3):
            with self._lock:
                self._restart_dead()

    def _restart_dead(self) -> None:
        """As `stormpetrel up` does it."""
        parts = self.stack.parts
        self.stack.parts = [part for part in parts if part.name not in self._held]
        self.restarts.update(self.stack.restart_dead())
        self.stack.parts = parts
        for name, arguments in OURS.items():
            if name not in self._held and self.ours[name].poll() is not None:
                self.restarts[name] += 1
                self.start(name, *arguments, wait=False)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a process, ours or a server."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            process = self.ours.get(name) or self.stack.processes[name]
            os.kill(process.pid, number)

    def kill_and_hold(self, name: str) -> None:
        """Kills a process that stays gone until it is released."""
        with self._lock:
            self._held.add(name)
        self.signal(name, signal.SIGKILL)

    def release(self, name: str) -> None:
        self._held.discard(name)

    @cached_property
    def documents(self) -> MongoStore:
        """Past the proxy: what a run looks at must not depend on the weather."""
        return MongoStore(f"mongodb://127.0.0.1:{self.settings.local.mongo_port}", "stormpetrel")

    @cached_property
    def index(self) -> QdrantIndex:
        return QdrantIndex(f"http://127.0.0.1:{self.settings.local.qdrant_port}")

    def search_status(self) -> int:
        """The status of one search at the API."""
        query = {"text": "water in the streets", "limit": 5}
        return httpx.post(self.url("/v1/search"), json=query, timeout=20).status_code

    def lags(self, group: str, topic: Topic) -> dict[int, int]:
        """How many records of each partition a consumer group has not committed, as the broker says."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": f"stormpetrel-{group}"})
        try:
            partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            lags = {}
            for committed in consumer.committed(partitions, 30):
                first, end = consumer.get_watermark_offsets(committed, 30)
                lags[committed.partition] = end - (committed.offset if committed.offset >= 0 else first)
            return lags
        finally:
            consumer.close()

    def committed(self, group: str, topic: Topic) -> int:
        """The sum of the offsets that a consumer group has committed. Raises KafkaException."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": f"stormpetrel-{group}"})
        try:
            places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            return sum(max(0, committed.offset) for committed in consumer.committed(places, 5))
        finally:
            consumer.close()

    def lag(self, group: str, topic: Topic) -> int:
        return sum(self.lags(group, topic).values())

    def partitions_left(self, groups: Mapping[str, Sequence[Topic]]) -> dict[str, dict[int, int]]:
        """The partitions that have a lag, by group and topic."""
        lags = {
            f"{group} {topic.name}": self.lags(group, topic) for group, topics in groups.items() for topic in topics
        }
        return {name: left for name, of in lags.items() if (left := {n: lag for n, lag in of.items() if lag})}

    def probe(self, name: str) -> str:
        """What a process says of itself."""
        try:
            return " ".join(
                httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=5).text
                for path in ("/healthz", "/readyz")
            )
        except httpx.HTTPError as error:
            return repr(error)

    def fill_disk(self) -> None:
        """Leaves no byte on the disk of broker and stores."""
        with (self.directory / "balloon").open("wb") as balloon, contextlib.suppress(OSError):
            while True:
                balloon.write(b"\0" * 1_048_576)
                balloon.flush()

    def empty_disk(self) -> None:
        (self.directory / "balloon").unlink(missing_ok=True)

    def clear(self) -> None:
        """Ends every fault that may still hold: frozen processes, weather, a full disk, what is held back."""
        self.empty_disk()
        for proxy in self.proxies.values():
            proxy.set(Weather.CLEAR)
        for name in (*OURS, *SERVERS):
            self.release(name)
            self.signal(name, signal.SIGCONT)

    def not_ready(self) -> list[str]:
        """The processes of ours that do not say that they can work."""
        return [name for name in OURS if not self._says_ready(name)]

    def _says_ready(self, name: str) -> bool:
        with self._lock:
            process, port = self.ours[name], self.ports[name]
        try:
            return self._ready(process, port, name)
        except AssertionError:  # it has just ended
            return False

    def wait_until_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while missing := self.not_ready():
            ends = {name: self.log(name)[-1500:] for name in missing}
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {ends}"
            time.sleep(0.2)

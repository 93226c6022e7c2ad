"""The loop of a consumer that writes in bulk or does long work: read, work, dead-letter, commit; in this order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import structlog

from stormpetrel.core.clock import now_ms
from stormpetrel.core.errors import SetupError, StoreUnavailable, StormpetrelError
from stormpetrel.log.dead_letters import dead_letter_of
from stormpetrel.log.producer import RecordProducer
from stormpetrel.log.record import Record
from stormpetrel.log.work_aside import WorkAside
from stormpetrel.process.metrics import FRESHNESS, LAST_PROGRESS
from stormpetrel.process.probes import Readiness

log = structlog.get_logger()
RETRY_S = (0.5, 1, 2, 5)  # then every 5 s: the consumer retries while a store is down, and skips nothing
LONGEST_WORK_S = 900.0


class Rejected(NamedTuple):
    """A record that cannot be worked on, and why. It goes to the dead letters."""

    record: Record
    reason: str


class RecordConsumer(Protocol):
    """A member of a consumer group: Kafka's, or the one of the log in memory."""

    def subscribe(self, topics: Sequence[str], on_assigned: Callable[[], None]) -> None: ...

    def consume(self, limit: int, timeout_s: float) -> list[Record]:
        """At most `limit` records; fewer, or none, after `timeout_s`."""

    def pause(self, seconds: float) -> None:
        """Takes no record for so long, and stays a member of the group."""

    def commit(self, records: Sequence[Record]) -> None:
        """These records and all before them on their partitions need never come again. Where the group has given the
        partitions to another member meanwhile, or no broker answers, nothing is committed and they do come again."""

    def close(self) -> None: ...


class BatchConsumer:
    """`work` takes records and returns those it rejects. While it raises StoreUnavailable it is called again with the
    same records; SetupError ends the process. Whatever else it raises is the fault of a record: the batch is halved
    until that one is found, and it is rejected. Offsets are committed when all is done and the broker holds the dead
    letters. `work` runs in a thread of its own, always the same, so that long work costs no membership."""

    def __init__(
        self,
        consumer: RecordConsumer,
        producer: RecordProducer,
        stage: str,
        work: Callable[[Sequence[Record]], list[Rejected]],
        readiness: Readiness,
    ) -> None:
        self._consumer, self._producer, self._stage = consumer, producer, stage
        self._work, self._readiness = work, readiness
        self._aside = WorkAside(consumer, f"work of {stage}")
        self.stopping = False

    def stop(self, *_: Any) -> None:
        self.stopping = True

    def run(self, topics: Sequence[str], batch: int, within_s: float) -> None:
        """Runs until SIGTERM or SIGINT; the batch in work is finished and committed first."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self._consumer.subscribe(topics, self._readiness.ready)
        try:
            while not self.stopping:
                self._readiness.beat()
                self.take(batch, within_s)
        finally:
            self._consumer.close()
            self._aside.close()

    def take(self, batch: int, within_s: float) -> None:
        """One batch, from the log to the commit."""
        records = self._consumer.consume(batch, within_s)
        if not records or not self._finish(records):
            return  # stopping while a store is down: nothing is committed, the batch comes again
        self._consumer.commit(records)
        LAST_PROGRESS.set_to_current_time()
        for topic, written_ms in {record.topic: record.timestamp_ms for record in records}.items():
            FRESHNESS.labels(topic).set((now_ms() - written_ms) / 1000)

    def _finish(self, records: Sequence[Record]) -> bool:
        """Tries until the work is done; False where the process is told to stop before."""
        attempt = 0
        while True:
            # Long work says by itself that it lives, or is taken for dead after this.
            self._readiness.beat(LONGEST_WORK_S)
            try:
                self._aside.do(lambda: self._dead_letter(self._work_on(records)))
            except StoreUnavailable as error:
                pause_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                attempt += 1
                self._readiness.waits_for(f"a store: {error}")
                log.warning("a store does not take the batch; trying again", wait_s=pause_s, error=str(error))
                if not self._sleep(pause_s):
                    return False
            else:
                self._readiness.ready()
                return True

    def _work_on(self, records: Sequence[Record]) -> list[Rejected]:
        try:
            return self._work(records)
        except SetupError:
            raise  # this machine lacks something: no record is at fault, and no other one will do better
        except StormpetrelError as error:
            if error.is_temporary:
                raise
            reason = str(error)
        except Exception as error:
            log.exception("a fault of ours, or of a record", stage=self._stage, first=records[0].provenance)
            reason = f"{type(error).__name__}: {error}"
        if len(records) == 1:
            return [Rejected(records[0], reason)]
        # In order: what was written before is written again under the same ids.
        middle = len(records) // 2
        return self._work_on(records[:middle]) + self._work_on(records[middle:])

    def _dead_letter(self, rejected: Sequence[Rejected]) -> None:
        for record, reason in rejected:
            log.warning("record goes to the dead letters", provenance=record.provenance, reason=reason)
            self._producer.send(dead_letter_of(record, reason, self._stage))
        # Only when the broker holds the dead letters may the offsets move: a crash before this line means that the
        # batch comes again, and all writes are by id.
        self._producer.flush()

    def _sleep(self, seconds: float) -> bool:
        """False as soon as the process is told to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.stopping:
                return False
            self._readiness.beat()
            self._consumer.pause(0.1)
        return True

"""A member of a consumer group: takes records of its partitions, and commits by hand when their work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from stormpetrel.core.settings import Kafka
from stormpetrel.log.connection import client_configuration
from stormpetrel.log.record import Record
from stormpetrel.log.unreadable import CODES, UnreadableRecords

log = structlog.get_logger()
# Of records that were fetched and not consumed yet. All partitions share this queue: a record of a quiet topic waits
# behind what was fetched of a busy one before, and 16 MB of posts are a minute of a loaded index consumer.
LARGEST_QUEUE_KB = 4_096
# A group that forms anew waits for its old members: for each until its session ends, and never longer than this. A
# broker that is started again may forget the sessions of the members that it reads from its log (in Kafka 4.1 to 4.3 it
# does so where it loads a group twice at once), and then the whole group waits for a dead member for all of this time.
# So it is short: shorter than the 10 s after which a client gives a request up, and longer than a session.
REJOIN_WITHIN_S = 8.0


class KafkaConsumer:
    """A RecordConsumer on the configured broker. A member that does not `consume` or `pause` for `rejoin_within_s`
    loses its partitions, and joins again when it does."""

    def __init__(self, kafka: Kafka, group: str, rejoin_within_s: float = REJOIN_WITHIN_S) -> None:
        self._consumer = Consumer(
            client_configuration(
                kafka,
                group_id=f"{kafka.group_prefix}-{group}",
                auto_offset_reset="earliest",
                # Offsets are committed by hand, after the work is done.
                enable_auto_commit=False,
                session_timeout_ms=6000,
                heartbeat_interval_ms=2000,
                max_poll_interval_ms=int(rejoin_within_s * 1000),  # librdkafka's rebalance timeout too
                # Spreads the partitions of every topic over all members. cooperative-sticky evens out their number
                # alone, and gave one of two members all partitions of one topic, the other those of another.
                partition_assignment_strategy="roundrobin",
                queued_max_messages_kbytes=LARGEST_QUEUE_KB,
            )
        )
        self._unreadable = UnreadableRecords(self._consumer)
        # Kept here: `Consumer.assignment`, asked by another thread while the group rebalances, may never answer.
        self._assigned: list[tuple[str, int]] = []
        self._generation = self._taken_in = 0  # of the assignment: the newest, and that of the records last taken

    def subscribe(self, topics: Sequence[str], on_assigned: Callable[[], None]) -> None:
        def assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            consumer.assign(partitions)
            self._assigned = [(place.topic, place.partition) for place in partitions]
            self._generation += 1
            self._unreadable.forget()
            # A partition that was paused when the group took it away would come back paused.
            consumer.resume(partitions)
            on_assigned()

        def give_up(*_: Any) -> None:
            self._assigned = []
            self._generation += 1

        self._consumer.subscribe(list(topics), on_assign=assign, on_revoke=give_up, on_lost=give_up)

    def consume(self, limit: int, timeout_s: float) -> list[Record]:
        messages = self._messages(limit, timeout_s)
        self._taken_in = self._generation
        return self._unreadable.records(messages)

    def pause(self, seconds: float) -> None:
        paused = self._consumer.assignment()
        self._consumer.pause(paused)
        for message in self._messages(1, seconds):
            if message.error():
                continue
            # Of a partition that has come to this member just now: it is read again later.
            self._consumer.seek(TopicPartition(message.topic(), message.partition(), message.offset()))
        self._consumer.resume(paused)

    def assigned(self) -> list[tuple[str, int]]:
        """The (topic, partition)s of this member; none once it is closed. Any thread may ask."""
        return list(self._assigned)

    def commit(self, records: Sequence[Record]) -> None:
        last = {(record.topic, record.partition): record.offset for record in sorted(records, key=lambda r: r.offset)}
        if self._taken_in != self._generation:
            # The group has given its partitions out anew while the work was done. Whoever has them now, be it this
            # member, begins at the committed offset. To commit past what is read again would leave an older version of
            # a post in the stores where the process then ends halfway.
            log.warning("the batch is not committed and comes again", error="its partitions were given out anew")
            return
        offsets = [TopicPartition(*place, offset + 1) for place, offset in last.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # The group took this member for dead, or no broker answers. Either way the committed offsets have not
            # moved: the batch comes again, to whoever has its partitions then, and all writes are by id. librdkafka
            # joins the group again by itself.
            log.warning("the batch is not committed and comes again", error=error.args[0].str())

    def _messages(self, limit: int, timeout_s: float) -> list[Any]:
        messages = []
        for message in self._consumer.consume(limit, timeout=timeout_s):
            error = message.error()
            if error is None or error.code() in CODES:
                messages.append(message)
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN):
                log.warning("Kafka", error=error.str())
        return messages

    def close(self) -> None:
        self._assigned = []
        self._consumer.close()

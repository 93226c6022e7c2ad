"""The products that the log knows now. Partners of a product may be on any partition, so all of them are followed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from confluent_kafka import TopicPartition

from stormpetrel.core.errors import StoreUnavailable, StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, decode
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.log.batch_consumer import schema_of
from stormpetrel.log.kafka import bounds, whole_consumer

POLL_S = 0.05  # the client waits for all of it where fewer messages come than are asked for
SILENT_ROUNDS = 600


class KnownProducts:
    """`catch_up` reads on to the log's present end. Of two products that arrive at once on two partitions, the one that
    came to the log later is handled by a consumer that sees both: no pair is missed."""

    def __init__(self, bootstrap: str) -> None:
        # A fetch that waits for messages holds up the questions for offsets behind it, half a second each.
        self._consumer = whole_consumer(bootstrap, **{"fetch.wait.max.ms": 20})
        self._next: dict[int, int] = {}
        self._known: dict[str, ProductAnnounced] = {}

    def catch_up(self) -> Collection[ProductAnnounced]:
        """All products, the withdrawn ones left out. Raises StoreUnavailable where the broker is silent."""
        ends = {
            start.partition: (start.offset, high) for start, high in bounds(self._consumer, PRODUCTS_ANNOUNCED.name)
        }
        starts = {partition: max(low, self._next.get(partition, 0)) for partition, (low, _) in ends.items()}
        left = {partition for partition, (_, high) in ends.items() if starts[partition] < high}
        if left:
            self._consumer.assign([TopicPartition(PRODUCTS_ANNOUNCED.name, p, starts[p]) for p in left])
        silent = 0
        while left:
            messages = [message for message in self._consumer.consume(500, timeout=POLL_S) if not message.error()]
            silent = 0 if messages else silent + 1
            if silent > SILENT_ROUNDS:
                raise StoreUnavailable("the broker is silent; the known products cannot be read")
            for message in messages:
                self._take(message)
                self._next[message.partition()] = message.offset() + 1
            # A compacted log has holes: the position tells how far it was read, not the last message.
            for position in self._consumer.position([TopicPartition(PRODUCTS_ANNOUNCED.name, p) for p in left]):
                if position.offset >= ends[position.partition][1]:
                    self._next[position.partition] = position.offset
                    left.discard(position.partition)
        self._consumer.unassign()
        return self._known.values()

    def _take(self, message: Any) -> None:
        try:
            event = decode(message.value() or b"", ProductAnnounced, ProductWithdrawn, schema=schema_of(message, ""))
        except StormpetrelError:
            return  # the scenes consumer buries it
        if isinstance(event, ProductAnnounced):
            self._known[event.product_name] = event
        else:
            self._known.pop(event.product_name, None)

    def close(self) -> None:
        self._consumer.close()

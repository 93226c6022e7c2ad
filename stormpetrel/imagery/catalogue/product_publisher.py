"""The last step of every source of products: a notice becomes an event on `products.announced`, or a dead letter."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import orjson

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.process.metrics import PRODUCTS_TOLD

REMEMBERED = 50_000
Told = ProductAnnounced | ProductWithdrawn


class ProductPublisher:
    """Counts what it did: `published`, `again` (told already, in the same revision), `passed` (a product that is not
    worked on) and `dead`."""

    def __init__(self, producer: EventProducer, source: str) -> None:
        self._producer, self._source = producer, source
        self.counts: Counter[str] = Counter()
        self._told: OrderedDict[str, str] = OrderedDict()

    def take(self, record: Any, read: Callable[[Any], Told | None], provenance: str) -> Told | None:
        """Publishes what `read` makes of a record; what it cannot read is a dead letter with the record's JSON."""
        try:
            event = read(record)
        except StormpetrelError as error:
            if error.is_temporary:
                raise
            raw = record if isinstance(record, bytes) else orjson.dumps(record, default=str)
            self._producer.dead_letter(PRODUCTS_ANNOUNCED, raw, str(error), f"source {self._source}", provenance)
            self._count("dead")
            return None
        if event is None:
            self._count("passed")
            return None
        if isinstance(event, ProductAnnounced) and self._told.get(event.product_name) == event.revision:
            self._count("again")  # a catalogue that is polled tells the same for days
            return event
        self.publish(event)
        return event

    def publish(self, event: Told) -> None:
        if isinstance(event, ProductAnnounced):
            self._told[event.product_name] = event.revision
            self._told.move_to_end(event.product_name)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        else:
            self._told.pop(event.product_name, None)
        self._producer.publish(PRODUCTS_ANNOUNCED, event.product_name, event)
        self._count("published")

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise."""
        self._producer.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        PRODUCTS_TOLD.labels(self._source, outcome).inc()

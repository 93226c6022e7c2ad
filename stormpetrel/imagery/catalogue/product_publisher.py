"""The last step of every source of products: a notice becomes an event on `products.announced`, or a dead letter."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import orjson

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, encode
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.log.kafka import Publisher, dead_letter_headers
from stormpetrel.process.metrics import CATALOGUE_NOTIFICATIONS

REMEMBERED = 50_000
Told = ProductAnnounced | ProductWithdrawn


class ProductPublisher:
    """Counts what it did: `published`, `again` (told already, in the same revision), `passed` (a product that is not
    worked on) and `dead`."""

    def __init__(self, publisher: Publisher, source: str) -> None:
        self._publisher, self._source = publisher, source
        self.counts: Counter[str] = Counter()
        self._told: OrderedDict[str, str] = OrderedDict()

    def take(self, record: Any, read: Callable[[Any], Told | None], origin: str) -> Told | None:
        """Publishes what `read` makes of a record; what it cannot read is a dead letter with the record's JSON."""
        try:
            event = read(record)
        except StormpetrelError as error:
            if error.is_temporary:
                raise
            headers = dead_letter_headers(str(error), f"source {self._source}", origin)
            raw = record if isinstance(record, bytes) else orjson.dumps(record, default=str)
            self._publisher.dead_letter(PRODUCTS_ANNOUNCED.name, raw, headers)
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
        self._publisher.publish(PRODUCTS_ANNOUNCED.name, event.product_name, event, encode(event))
        self._count("published")

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise."""
        self._publisher.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        CATALOGUE_NOTIFICATIONS.labels(self._source, outcome).inc()

"""The last step of every source of products: a notice becomes an event on `products.announced`, or a dead letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from stormpetrel.errors import StormpetrelError
from stormpetrel.events import ProductAnnounced, ProductWithdrawn, encode
from stormpetrel.health import PRODUCTS_TOLD
from stormpetrel.stores.kafka import Publisher, dead_letter_headers
from stormpetrel.topics import PRODUCTS_ANNOUNCED

Told = ProductAnnounced | ProductWithdrawn


class ProductPublisher:
    """Counts what it did: `published`, `passed` (a product that is not worked on) and `dead`."""

    def __init__(self, publisher: Publisher, source: str) -> None:
        self._publisher, self._source = publisher, source
        self.counts: Counter[str] = Counter()

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
        self.publish(event)
        return event

    def publish(self, event: Told) -> None:
        self._publisher.publish(PRODUCTS_ANNOUNCED.name, event.product_name, event, encode(event))
        self._count("published")

    def flush(self) -> None:
        """Returns when the broker holds everything. Raises StoreUnavailable otherwise."""
        self._publisher.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        PRODUCTS_TOLD.labels(self._source, outcome).inc()

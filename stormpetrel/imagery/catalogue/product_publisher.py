"""The last step of every catalogue source: a record becomes an event on `products.announced`, or a dead letter."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.process.metrics import CATALOGUE_NOTIFICATIONS

REMEMBERED_PRODUCTS = 50_000
COMPACT = json.JSONEncoder(default=str, separators=(",", ":"))
ProductEvent = ProductAnnounced | ProductWithdrawn


class ProductPublisher:
    """Publishes products, and counts outcomes in `counts`: `published`, `again` (an unchanged revision), `passed`
    (a product that is not supported) and `dead`."""

    def __init__(self, producer: EventProducer, source: str) -> None:
        self._producer, self._source = producer, source
        self.counts: Counter[str] = Counter()
        self._revisions: OrderedDict[str, str] = OrderedDict()

    def take(self, record: Any, read: Callable[[Any], ProductEvent | None], provenance: str) -> ProductEvent | None:
        """Publishes the event that `read` makes of a record. A record that it cannot read becomes a dead letter.

        Raises what `read` raises where that is temporary.
        """
        try:
            event = read(record)
        except StormpetrelError as error:
            if error.is_temporary:
                raise
            # Not orjson: it refuses the very integers and texts that a record may be refused for.
            raw = record if isinstance(record, bytes) else COMPACT.encode(record).encode()
            self._producer.dead_letter(PRODUCTS_ANNOUNCED, raw, str(error), f"source {self._source}", provenance)
            self._count("dead")
            return None
        if event is None:
            self._count("passed")
        elif isinstance(event, ProductAnnounced) and self._revisions.get(event.product_name) == event.revision:
            self._count("again")  # a polled catalogue lists the same products for days
        else:
            self.publish(event)
        return event

    def publish(self, event: ProductEvent) -> None:
        self._revisions.pop(event.product_name, None)
        if isinstance(event, ProductAnnounced):
            self._revisions[event.product_name] = event.revision
        if len(self._revisions) > REMEMBERED_PRODUCTS:
            self._revisions.popitem(last=False)
        self._producer.publish(PRODUCTS_ANNOUNCED, event.product_name, event)
        self._count("published")

    def flush(self) -> None:
        """Returns when the broker has everything. Raises StoreUnavailable otherwise."""
        self._producer.flush()

    def _count(self, outcome: str) -> None:
        self.counts[outcome] += 1
        CATALOGUE_NOTIFICATIONS.labels(self._source, outcome).inc()

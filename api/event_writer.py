"""What the search and imagery routes write to the log."""

from __future__ import annotations

import threading
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.core.events import encode
from stormpetrel.core.topics import SAVED_SEARCHES
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.log.kafka import Publisher
from stormpetrel.search.saved_search_register import SavedSearchEvent


class EventWriter:
    """One producer for the whole process. One request writes at a time: a flush reports the failures of all that was
    published before it, and each request must learn of its own."""

    def __init__(self, producer: Publisher) -> None:
        self._producer, self._lock = producer, threading.Lock()

    def write_saved_search(self, event: SavedSearchEvent) -> None:
        """Returns when the broker holds the event. Raises StoreUnavailable."""
        with self._lock:
            self._producer.publish(SAVED_SEARCHES.name, event.saved_search_id, event, encode(event))
            self._producer.flush()

    def write_notification(self, record: dict[str, Any]) -> str:
        """Returns the outcome when the broker holds the notification's event, or its dead letter. Raises
        StoreUnavailable."""
        with self._lock:
            publisher = ProductPublisher(self._producer, "push")
            publisher.take(record, lambda entry: cdse.notification(entry, now()), "push")
            publisher.flush()
        return next(iter(publisher.counts))

"""The standing queries as the log has them: read from its beginning when the process starts, followed from there."""

from __future__ import annotations

import threading

from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted
from stormpetrel.core.topics import SAVED_SEARCHES
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.producer import KafkaProducer


class SavedSearchLog:
    """Known to every API process within a second. Writing goes to the log first."""

    def __init__(self, reader: TopicReader, producer: KafkaProducer) -> None:
        self._saved_searches: dict[str, SavedSearch] = {}
        self._lock = threading.Lock()
        self._view = TopicView(reader, SAVED_SEARCHES, self._take, producer).start()

    def write(self, event: SavedSearch | SavedSearchDeleted) -> None:
        """Raises StoreUnavailable where the broker does not take it."""
        self._view.write([(event.saved_search_id, event)])

    def get(self, saved_search_id: str) -> SavedSearch:
        """Raises NotFound."""
        # A process that has just started has not read the log to its end yet.
        self._view.wait_until_caught_up()
        with self._lock:
            found = self._saved_searches.get(saved_search_id)
        if found is None:
            raise NotFound(f"no subscription {saved_search_id!r}; POST /v1/saved-searches makes one")
        return found

    def knows(self, saved_search_id: str) -> bool:
        with self._lock:
            return saved_search_id in self._saved_searches

    def all(self) -> list[SavedSearch]:
        self._view.wait_until_caught_up()
        with self._lock:
            return sorted(self._saved_searches.values(), key=lambda event: (event.created_at, event.saved_search_id))

    def close(self) -> None:
        self._view.close()

    def _take(self, event: SavedSearch | SavedSearchDeleted) -> None:
        with self._lock:
            if isinstance(event, SavedSearch):
                self._saved_searches[event.saved_search_id] = event
            else:
                self._saved_searches.pop(event.saved_search_id, None)

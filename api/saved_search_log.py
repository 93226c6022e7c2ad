"""The standing queries as the log has them: read from its beginning when the process starts, followed from there."""

from __future__ import annotations

import threading

import structlog

from stormpetrel.core.errors import NotFound, StormpetrelError
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted, decode, encode
from stormpetrel.core.topics import SAVED_SEARCHES
from stormpetrel.log.kafka import Publisher, follow

log = structlog.get_logger()
FIRST_READ_S = 10.0


class SavedSearchLog:
    """Known to every API process within a second. Writing goes to the log first."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._known: dict[str, SavedSearch] = {}
        self._lock = threading.Lock()
        self._stop, self._read = threading.Event(), threading.Event()
        self._publisher = Publisher(bootstrap)
        threading.Thread(target=self._follow, daemon=True, name="saved_searches").start()

    def add(self, event: SavedSearch) -> None:
        """Raises StoreUnavailable where the broker does not take it."""
        self._publish(event.saved_search_id, event)
        with self._lock:
            self._known[event.saved_search_id] = event

    def end(self, event: SavedSearchDeleted) -> None:
        """Raises StoreUnavailable where the broker does not take it."""
        self._publish(event.saved_search_id, event)
        with self._lock:
            self._known.pop(event.saved_search_id, None)

    def get(self, saved_search_id: str) -> SavedSearch:
        """Raises NotFound."""
        # A process that has just started has not read the log to its end yet.
        self._read.wait(FIRST_READ_S)
        with self._lock:
            found = self._known.get(saved_search_id)
        if found is None:
            raise NotFound(f"no subscription {saved_search_id!r}; POST /v1/saved-searches makes one")
        return found

    def knows(self, saved_search_id: str) -> bool:
        with self._lock:
            return saved_search_id in self._known

    def all(self) -> list[SavedSearch]:
        self._read.wait(FIRST_READ_S)
        with self._lock:
            return sorted(self._known.values(), key=lambda event: (event.created_at, event.saved_search_id))

    def close(self) -> None:
        self._stop.set()

    def _publish(self, key: str, event: SavedSearch | SavedSearchDeleted) -> None:
        self._publisher.publish(SAVED_SEARCHES.name, key, event, encode(event))
        self._publisher.flush(FIRST_READ_S)

    def _follow(self) -> None:
        for message in follow(self._bootstrap, SAVED_SEARCHES.name, self._stop.is_set):
            if message is None:
                self._read.set()
                continue
            schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
            try:
                event = decode(message.value() or b"", SavedSearch, SavedSearchDeleted, schema=schema)
            except StormpetrelError as error:
                log.warning("a subscription cannot be read", offset=message.offset(), reason=str(error))
                continue
            with self._lock:
                if isinstance(event, SavedSearch):
                    self._known[event.saved_search_id] = event
                else:
                    self._known.pop(event.saved_search_id, None)

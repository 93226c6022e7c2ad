"""Follows the saved searches on the log: read from its beginning when the process starts, then as events come."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted, decode
from stormpetrel.core.topics import SAVED_SEARCHES
from stormpetrel.log.kafka import follow
from stormpetrel.search.saved_search_register import SavedSearchEvent, SavedSearchRegister

log = structlog.get_logger()
FIRST_READ_S = 10.0


class SavedSearchLog:
    """Keeps `register` up to date within a second, in a thread of its own, until it is closed."""

    def __init__(self, bootstrap: str, write: Callable[[SavedSearchEvent], None]) -> None:
        self._bootstrap = bootstrap
        self._stop, self._read = threading.Event(), threading.Event()
        self.register = SavedSearchRegister(write, lambda: self._read.wait(FIRST_READ_S))
        threading.Thread(target=self._follow, daemon=True, name="saved_searches").start()

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        for message in follow(self._bootstrap, SAVED_SEARCHES.name, self._stop.is_set):
            if message is None:
                self._read.set()
                continue
            schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
            try:
                self.register.apply(decode(message.value() or b"", SavedSearch, SavedSearchDeleted, schema=schema))
            except StormpetrelError as error:
                log.warning("a saved search cannot be read", offset=message.offset(), reason=str(error))

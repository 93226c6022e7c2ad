"""The taught models as the log has them: read from its beginning when a process starts, followed from there."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import ModelUpdated, decode
from stormpetrel.core.topics import MODELS_UPDATED
from stormpetrel.log.kafka import follow

log = structlog.get_logger()


class ModelLog:
    """Gives every ModelUpdated to `take`, in a thread of its own, until it is closed. `caught_up` is set once the
    models that stood on the log at the start are taken."""

    def __init__(self, bootstrap: str, take: Callable[[ModelUpdated], None]) -> None:
        self._bootstrap, self._take = bootstrap, take
        self._stop, self.caught_up = threading.Event(), threading.Event()
        threading.Thread(target=self._follow, daemon=True, name="models").start()

    def close(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        for message in follow(self._bootstrap, MODELS_UPDATED.name, self._stop.is_set):
            if message is None:
                self.caught_up.set()
                continue
            try:
                self._take(decode(message.value() or b"", ModelUpdated, schema=ModelUpdated.name()))
            except StormpetrelError as error:
                log.warning("a model cannot be read", offset=message.offset(), reason=str(error))

"""The annotations topic: read from its beginning when the process starts, followed from there, and written to."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import structlog

from stormpetrel.core.errors import StoreUnavailable, StormpetrelError
from stormpetrel.core.events import Annotation, AnnotationUndone, LabelDefined, decode, encode
from stormpetrel.core.topics import ANNOTATIONS
from stormpetrel.learning.annotations.annotation_journal import AnnotationEvent, AnnotationJournal
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.log.kafka import Publisher, follow

log = structlog.get_logger()
FIRST_READ_S = 30.0
READ_BACK_S = 10.0
CATALOGUE_KEY = "catalogue"  # of users' labels


class AnnotationLog:
    """Applies the topic's events to `journal`, and writes the journal's to the topic."""

    def __init__(self, bootstrap: str, catalogue: Catalogue) -> None:
        self._bootstrap, self._publisher = bootstrap, Publisher(bootstrap)
        self._stop, self._read, self._changed = threading.Event(), threading.Event(), threading.Condition()
        self.journal = AnnotationJournal(catalogue, self._publish, lambda: self._read.wait(FIRST_READ_S))
        threading.Thread(target=self._follow, daemon=True, name="annotations").start()

    def close(self) -> None:
        self._stop.set()

    def _publish(self, events: Sequence[AnnotationEvent]) -> None:
        for event in events:
            key = CATALOGUE_KEY if isinstance(event, LabelDefined) else event.collection
            self._publisher.publish(ANNOTATIONS.name, key, event, encode(event))
        self._publisher.flush(READ_BACK_S)
        deadline = time.monotonic() + READ_BACK_S
        with self._changed:
            while not all(self.journal.holds(event) for event in events):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise StoreUnavailable("the annotations are on the log, but it cannot be read; they are kept")

    def _follow(self) -> None:
        for message in follow(self._bootstrap, ANNOTATIONS.name, self._stop.is_set):
            if message is None:
                self._read.set()
                continue
            try:
                self._apply(message)
            except StormpetrelError as error:
                log.warning("an annotation cannot be read", offset=message.offset(), reason=str(error))

    def _apply(self, message: Any) -> None:
        schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
        self.journal.apply(decode(message.value() or b"", Annotation, AnnotationUndone, LabelDefined, schema=schema))
        with self._changed:
            self._changed.notify_all()

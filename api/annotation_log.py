"""The annotations as the log has them: read from its beginning when the process starts, followed from there.

Writing goes to the log first, and an answer is given when what was written has come back from it: so every process has
the same ledgers in the same order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog

from stormpetrel.core.errors import BadQuery, StoreUnavailable, StormpetrelError
from stormpetrel.core.events import Annotation, AnnotationUndone, LabelDefined, decode, encode
from stormpetrel.core.topics import ANNOTATIONS
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.log.kafka import Publisher, follow

log = structlog.get_logger()
FIRST_READ_S = 30.0
SEEN_WITHIN_S = 10.0
OWN_LABELS = "catalogue"  # the key of users' labels
Said = Annotation | AnnotationUndone | LabelDefined
Result = TypeVar("Result")


class AnnotationLog:
    """The ledgers of all collections and the catalogue with users' labels. All access is under one lock."""

    def __init__(self, bootstrap: str, catalogue: Catalogue) -> None:
        self._bootstrap, self.catalogue = bootstrap, catalogue
        self._annotation_stores: dict[str, AnnotationStore] = {}
        self._changed = threading.Condition()
        self._stop, self._read = threading.Event(), threading.Event()
        self._publisher = Publisher(bootstrap)
        threading.Thread(target=self._follow, daemon=True, name="annotations").start()

    def write(self, events: Sequence[Said]) -> None:
        """Returns when the log holds all events and they have come back from it. Raises StoreUnavailable."""
        for event in events:
            key = OWN_LABELS if isinstance(event, LabelDefined) else event.collection
            self._publisher.publish(ANNOTATIONS.name, key, event, encode(event))
        self._publisher.flush(SEEN_WITHIN_S)
        deadline = time.monotonic() + SEEN_WITHIN_S
        with self._changed:
            while not all(self._holds(event) for event in events):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise StoreUnavailable("the annotations are on the log, but it cannot be read; they are kept")

    def reading(self, collection: str, work: Callable[[AnnotationStore], Result]) -> Result:
        """What `work` makes of a collection's ledger; nothing changes meanwhile."""
        self._read.wait(FIRST_READ_S)
        with self._changed:
            return work(self._annotation_stores.get(collection) or AnnotationStore(collection))

    def annotation_store(self, collection: str) -> AnnotationStore:
        """A collection's ledger as it stands now; what comes meanwhile does not change it."""
        return self.reading(collection, lambda annotation_store: annotation_store.copy())

    def collections(self) -> list[str]:
        """The collections that anything was said of."""
        self._read.wait(FIRST_READ_S)
        with self._changed:
            return sorted(self._annotation_stores)

    def find(self, annotation_id: str) -> Annotation | None:
        """An annotation of any collection, undone or not."""
        self._read.wait(FIRST_READ_S)
        with self._changed:
            found = (annotation_store.get(annotation_id) for annotation_store in self._annotation_stores.values())
            return next((held for held in found if held is not None), None)

    def close(self) -> None:
        self._stop.set()

    def _holds(self, event: Said) -> bool:
        if isinstance(event, LabelDefined):
            return any(label.id == event.label and label.title == event.title for label in self.catalogue.labels)
        annotation_store = self._annotation_stores.get(event.collection)
        if annotation_store is None:
            return False
        if isinstance(event, AnnotationUndone):
            return annotation_store.is_undone(event.annotation_id)
        return annotation_store.get(event.annotation_id) is not None

    def _follow(self) -> None:
        for message in follow(self._bootstrap, ANNOTATIONS.name, self._stop.is_set):
            if message is None:
                self._read.set()
                continue
            try:
                self._take(message)
            except StormpetrelError as error:
                log.warning("an annotation cannot be read", offset=message.offset(), reason=str(error))

    def _take(self, message: Any) -> None:
        schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
        event = decode(message.value() or b"", Annotation, AnnotationUndone, LabelDefined, schema=schema)
        with self._changed:
            if isinstance(event, LabelDefined):
                try:
                    self.catalogue.define(event)
                except BadQuery as error:  # the catalogue of this release has it otherwise
                    log.warning("a user's label is left out", label=event.label, reason=str(error))
            else:
                self._annotation_stores.setdefault(event.collection, AnnotationStore(event.collection)).take(event)
            self._changed.notify_all()

"""The annotations of all collections and the label catalogue, as the log has them: in the same order everywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import Annotation, AnnotationForgotten, AnnotationUndone, LabelDefined
from stormpetrel.core.ids import Collection
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.label_catalogue import Catalogue

log = structlog.get_logger()
AnnotationEvent = Annotation | AnnotationUndone | AnnotationForgotten | LabelDefined
Result = TypeVar("Result")


class AnnotationJournal:
    """All access is under one lock. `publish` writes events to the log and returns when they have come back from it;
    `wait_until_read` returns when the log was read once to its end."""

    def __init__(
        self,
        catalogue: Catalogue,
        publish: Callable[[Sequence[AnnotationEvent]], None],
        wait_until_read: Callable[[], object],
    ) -> None:
        self._catalogue, self._publish, self._wait_until_read = catalogue, publish, wait_until_read
        self._stores: dict[Collection, AnnotationStore] = {}
        self._lock = threading.Lock()

    def apply(self, event: AnnotationEvent) -> None:
        """Takes an event from the log. One that comes again changes nothing."""
        with self._lock:
            if not isinstance(event, LabelDefined):
                collection = Collection.parse(event.collection)
                self._stores.setdefault(collection, AnnotationStore(collection)).take(event)
                return
            try:
                self._catalogue.define(event)
            except BadQuery as error:  # this release's catalogue has the label in another place
                log.warning("a user's label is left out", label=event.label, reason=str(error))

    def write(self, events: Sequence[AnnotationEvent]) -> None:
        """Returns when the log holds all events and they have come back from it. Raises StoreUnavailable."""
        if events:
            self._publish(events)

    @property
    def catalogue(self) -> Catalogue:
        """The label catalogue with users' labels."""
        self._wait_until_read()
        return self._catalogue

    def reading(self, collection: Collection, work: Callable[[AnnotationStore], Result]) -> Result:
        """What `work` makes of a collection's annotations; nothing changes meanwhile."""
        self._wait_until_read()
        with self._lock:
            return work(self._stores.get(collection) or AnnotationStore(collection))

    def store(self, collection: Collection) -> AnnotationStore:
        """A copy of a collection's annotations as they are now."""
        return self.reading(collection, lambda store: store.copy())

    def find(self, annotation_id: str) -> Annotation | None:
        """An annotation of any collection, undone or not."""
        self._wait_until_read()
        with self._lock:
            return next(filter(None, (store.get(annotation_id) for store in self._stores.values())), None)

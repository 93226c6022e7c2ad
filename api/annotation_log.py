"""The annotations as the log has them: read from its beginning when the process starts, followed from there.

Writing goes to the log first, and an answer is given when what was written has come back from it: so every process has
the same ledgers in the same order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from stormpetrel.core.events import Annotation, AnnotationUndone, LabelDefined
from stormpetrel.core.topics import ANNOTATIONS
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.producer import KafkaProducer

OWN_LABELS = "catalogue"  # the key of users' labels
Said = Annotation | AnnotationUndone | LabelDefined
Result = TypeVar("Result")


class AnnotationLog:
    """The ledgers of all collections and the catalogue with users' labels. All access is under one lock."""

    def __init__(self, reader: TopicReader, producer: KafkaProducer, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._annotation_stores: dict[str, AnnotationStore] = {}
        self._lock = threading.Lock()
        self._view = TopicView(reader, ANNOTATIONS, self._take, producer).start()

    def write(self, events: Sequence[Said]) -> None:
        """Returns when the log holds all events and they have come back from it. Raises StoreUnavailable."""
        self._view.write(
            [(OWN_LABELS if isinstance(event, LabelDefined) else event.collection, event) for event in events]
        )

    def reading(self, collection: str, work: Callable[[AnnotationStore], Result]) -> Result:
        """What `work` makes of a collection's ledger; nothing changes meanwhile."""
        self._view.wait_until_caught_up()
        with self._lock:
            return work(self._annotation_stores.get(collection) or AnnotationStore(collection))

    def annotation_store(self, collection: str) -> AnnotationStore:
        """A collection's ledger as it stands now; what comes meanwhile does not change it."""
        return self.reading(collection, lambda annotation_store: annotation_store.copy())

    def collections(self) -> list[str]:
        """The collections that anything was said of."""
        self._view.wait_until_caught_up()
        with self._lock:
            return sorted(self._annotation_stores)

    def find(self, annotation_id: str) -> Annotation | None:
        """An annotation of any collection, undone or not."""
        self._view.wait_until_caught_up()
        with self._lock:
            found = (annotation_store.get(annotation_id) for annotation_store in self._annotation_stores.values())
            return next((held for held in found if held is not None), None)

    def close(self) -> None:
        self._view.close()

    def _take(self, event: Said) -> None:
        with self._lock:
            if isinstance(event, LabelDefined):
                self.catalogue.define(event)
            else:
                self._annotation_stores.setdefault(event.collection, AnnotationStore(event.collection)).take(event)

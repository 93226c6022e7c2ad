"""models.updated -> the labels of what is indexed: the part of the index consumer that judges in the background.

One process of the group judges: the one that has the first partition of the enriched posts. Whoever gets it begins with
everything, which changes only what differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from stormpetrel.bootstrap import label_catalogue
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.events import LabelDefined, ModelUpdated
from stormpetrel.core.ids import Collection
from stormpetrel.core.ports import DocumentWriter
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import ANNOTATIONS, MODELS_UPDATED, POSTS_ENRICHED
from stormpetrel.learning.annotations.annotation_journal import AnnotationEvent, AnnotationJournal
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.inference.judging import Judging
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.log import TopicReader, TopicView
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.store_bootstrap import open_judging
from stormpetrel.stores.qdrant import QdrantIndex

log = structlog.get_logger()
PAUSE_S = 2.0  # at most so long a new patch, or a post that came late, is not judged
REST = 4  # times as long as it judged the thread rests where no model has changed
SETTLE_S = 0.5  # what is annotated in one go makes many models; the last one counts
JUDGE = (POSTS_ENRICHED.name, 0)


class PatchAnnotations:
    """The annotations of patches, followed from the first time that a label of patches has to be fitted: most systems
    have none, and their index consumer does without the memory."""

    def __init__(self, reader: TopicReader) -> None:
        self._reader = reader
        self._followed: tuple[AnnotationJournal, TopicView] | None = None

    def store(self, collection: Collection) -> AnnotationStore:
        """A collection's annotations as the log has them now. Raises StoreUnavailable."""
        if self._followed is None:
            journal = AnnotationJournal(label_catalogue(), _write_nothing, lambda: None)

            def take(event: AnnotationEvent) -> None:
                if not isinstance(event, LabelDefined) and Collection.parse(event.collection).kind == "patches":
                    journal.apply(event)

            self._followed = journal, TopicView(self._reader, ANNOTATIONS, take).start()
        journal, view = self._followed
        view.catch_up()
        return journal.store(collection)


def _write_nothing(_: Sequence[AnnotationEvent]) -> None:
    raise TypeError("the index consumer annotates nothing")


class JudgingThread:
    """Judges while `is_judge` says that it is this process's turn, in a thread of its own."""

    def __init__(self, judging: Judging, is_judge: Callable[[], bool], has_changed: threading.Event) -> None:
        self._judging, self._is_judge, self._has_changed = judging, is_judge, has_changed
        self._was_judge = False

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="judging").start()

    def _run(self) -> None:
        while True:
            started = time.monotonic()
            self.take_turn()
            spent = time.monotonic() - started
            # Where people annotate without a pause, judging must not take all of the process's time.
            time.sleep(max(SETTLE_S, spent / 2))
            self._has_changed.wait(max(PAUSE_S, REST * spent))

    def take_turn(self) -> None:
        """Judges once, where it is this process's turn. Nothing that fails ends the thread: what was not judged is
        judged the next time."""
        self._has_changed.clear()
        if not self._is_judge():
            self._was_judge = False
            return
        if not self._was_judge:
            self._judging.forget()
            self._was_judge = True
        try:
            if changed := self._judging.catch_up():
                log.info("labels of indexed items have changed", labels=changed)
        except StoreUnavailable as error:
            log.warning("judging waits for a store", error=str(error))
        except Exception:
            log.exception("judging failed; it is tried again")


def start_judging(
    settings: Settings,
    documents: DocumentWriter,
    vectors: QdrantIndex,
    assigned: Callable[[], Sequence[tuple[str, int]]],
) -> None:
    """Follows the models and judges until the process ends; `assigned` are the partitions that it has now."""
    reader, scorer, has_changed = KafkaTopicReader(settings.kafka), Scorer(), threading.Event()

    def take(event: ModelUpdated) -> None:
        scorer.take(event)
        has_changed.set()

    TopicView(reader, MODELS_UPDATED, take).start()
    judging = open_judging(settings, documents, vectors, scorer, PatchAnnotations(reader).store)
    JudgingThread(judging, lambda: JUDGE in assigned(), has_changed).start()

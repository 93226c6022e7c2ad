"""Documents of posts with the number of those that repeat them, read while a search is still at work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from stormpetrel.core.ports import Document, DocumentReader, VectorReader
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search.documents import post_documents

Counts = dict[str, int]


@dataclass
class PostReads:
    """The reads of one answer. Not for two threads at once."""

    documents: DocumentReader
    index: VectorReader
    collection: str
    threads: Executor
    _ahead: dict[str, None] = field(default_factory=dict)
    _started: list[tuple[Future[dict[str, Document]], Future[Counts]]] = field(default_factory=list)

    def start(self, ids: Sequence[str]) -> None:
        """Starts to read posts that are likely to be asked for."""
        self._ahead |= dict.fromkeys(ids)
        self._started.append((self.threads.submit(post_documents, self.documents, ids), self._counting(ids)))

    def of(self, ids: Sequence[str]) -> tuple[dict[str, Document], Counts]:
        """The documents that exist among `ids`, and how many posts repeat each. Raises StoreUnavailable."""
        with SEARCH_SECONDS.labels("documents").time():
            documents: dict[str, Document] = {}
            counts: Counts = {}
            if missing := [post_id for post_id in ids if post_id not in self._ahead]:
                counting = self._counting(missing)
                documents |= post_documents(self.documents, missing)
                counts |= counting.result()
            for reading, counting in self._started:
                documents |= reading.result()
                counts |= counting.result()
            return documents, counts

    def _counting(self, ids: Sequence[str]) -> Future[Counts]:
        return self.threads.submit(self.index.count_by, self.collection, "duplicate_of", ids)

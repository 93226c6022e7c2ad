"""In how many posts of the stream each term stands: the inverse document frequency of BM25 without an index."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

HALVED_AT = 100_000  # posts; then all counts are halved, and terms that came once are forgotten


class TermCounts:
    """Counts the posts that came through. Safe for several threads."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._posts = 0
        self._lock = threading.Lock()

    def add(self, terms: Iterable[int]) -> None:
        """One post with these terms, each once."""
        with self._lock:
            self._counts.update(terms)
            self._posts += 1
            if self._posts >= HALVED_AT:
                self._posts //= 2
                self._counts = Counter({term: count // 2 for term, count in self._counts.items() if count > 1})

    def idf(self, terms: Iterable[int]) -> NDArray[np.float64]:
        """The inverse document frequency of each term, as the index has it (Robertson and Zaragoza 2009), shape
        (terms,)."""
        with self._lock:
            counts = np.array([self._counts[term] for term in terms], dtype=np.float64)
            return np.asarray(np.log(1 + (self._posts - counts + 0.5) / (counts + 0.5)))

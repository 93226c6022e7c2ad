"""What models learn from, and what a model of a label offers to those who rank with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Rows = NDArray[np.int64]
Signs = NDArray[np.int8]


@dataclass(frozen=True)
class Examples:
    """Labelled items of a collection: their rows (-1 where an item is no longer in it), vectors (n, dimensions) and
    signs (1 or -1)."""

    rows: Rows
    vectors: Float32
    signs: Signs

    def unlabelled(self, count: int) -> NDArray[np.bool_]:
        """Which of `count` rows of the collection are no examples."""
        mask = np.ones(count, dtype=bool)
        mask[self.rows[self.rows >= 0]] = False
        return mask


class Ranker(Protocol):
    """A fitted model of a label. Without both signs among its examples it may rank, but not separate."""

    @property
    def separates(self) -> bool: ...

    def scores(self, matrix: Float32) -> Float32:
        """Of rows, shape (rows,): positive is the label's side."""
        ...

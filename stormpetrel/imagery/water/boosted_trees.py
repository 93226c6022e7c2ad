"""Gradient-boosted trees (Friedman 2001) as flat arrays: small enough to ship, quick enough for a whole scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stormpetrel.imagery.types import Float32

LEAF = -1
WHOLE, NUMBERS = ("roots", "feature", "left", "right"), ("threshold", "value")


@dataclass(frozen=True)
class BoostedTrees:
    """All nodes of all trees, one after another: each array is (nodes,), `roots` is (trees,).

    `feature` is -1 in a leaf. A value of at most `threshold` goes to the node `left`, any other to `right`. `value` is
    a leaf's log odds; `start` is added to their sum.
    """

    start: float
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Float32
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Float32

    def log_odds(self, features: Float32) -> Float32:
        """The log odds of every row of (n, features): (n,), float32."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        odds = np.full(len(rows), self.start, dtype=np.float32)
        _add_trees(rows, self.roots, self.feature, self.threshold, self.left, self.right, self.value, odds)
        return odds

    def fields(self) -> dict[str, Any]:
        """The trees as JSON holds them: nine digits, so that a value that is a threshold stays on its side."""
        whole = {name: getattr(self, name).tolist() for name in WHOLE}
        numbers = {name: [float(f"{x:.9g}") for x in getattr(self, name).tolist()] for name in NUMBERS}
        return {"start": self.start, **whole, **numbers}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], features: int) -> BoostedTrees:
        """Raises ValueError where the numbers are no trees of so many features: a wrong one would be followed beyond
        the arrays."""
        roots, feature, left, right = (np.array(fields[name], dtype=np.int32) for name in WHOLE)
        threshold, value = (np.array(fields[name], dtype=np.float32) for name in NUMBERS)
        nodes = len(feature)
        if {array.shape for array in (feature, left, right, threshold, value)} != {(nodes,)}:
            raise ValueError("its arrays have different numbers of nodes")
        if not ((feature >= LEAF) & (feature < features)).all():
            raise ValueError(f"a node asks for a feature that is not one of {features}")
        inner = np.flatnonzero(feature != LEAF)
        # A child stands behind its parent, so that every way ends in a leaf.
        if any(((children[inner] <= inner) | (children[inner] >= nodes)).any() for children in (left, right)):
            raise ValueError("a node has no child where it should be")
        if not ((roots >= 0) & (roots < nodes)).all():
            raise ValueError("a tree starts at a node that is not there")
        return cls(float(fields["start"]), roots, feature, threshold, left, right, value)


@njit(cache=True, nogil=True)
def _add_trees(rows, roots, feature, threshold, left, right, value, odds):  # type: ignore[no-untyped-def]
    for row in range(rows.shape[0]):
        total = odds[row]
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while feature[node] >= 0:
                node = left[node] if rows[row, feature[node]] <= threshold[node] else right[node]
            total += value[node]
        odds[row] = total

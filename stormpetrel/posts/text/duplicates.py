"""Copies of posts: exact by their canonical text, near by MinHash (Broder 1997) with banded buckets.

Two texts are near copies where their word pairs are alike and their numbers are the same: "41 dead" and
"60 dead" is news, not a copy.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from stormpetrel.posts.text.clean import canonical

PERMUTATIONS = 64
BANDS = 16  # 16 bands of 4 rows: a pair of similarity .8 is met with probability .9998, one of .3 with .12
SEED = 20_201
NUMBER = re.compile(r"\d+")
FEWEST_WORDS = 4  # shorter texts are copies only where they are equal


@dataclass(frozen=True)
class NearDuplicate:
    """Whose copy a text is, and how alike they are (1.0: the same canonical text)."""

    of: str
    similarity: float


@dataclass(frozen=True)
class _Known:
    exact: str
    numbers: frozenset[str]
    signature: NDArray[np.uint32] | None
    buckets: tuple[tuple[int, bytes], ...]


def _describe(text: str) -> _Known:
    exact = canonical(text)
    words = exact.split()
    if len(words) < FEWEST_WORDS:
        return _Known(exact, frozenset(), None, ())
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    sketch.update([f"{first} {second}" for first, second in pairwise(words)])
    signature = np.array(sketch.digest(), dtype=np.uint32)
    rows = PERMUTATIONS // BANDS
    buckets = tuple((band, signature[band * rows : (band + 1) * rows].tobytes()) for band in range(BANDS))
    return _Known(exact, frozenset(NUMBER.findall(exact)), signature, buckets)


class DuplicateWindow:
    """The last `capacity` original posts. The oldest is forgotten first; its later copies count as original."""

    def __init__(self, capacity: int, similarity: float) -> None:
        self.capacity, self.similarity = capacity, similarity
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._exact: dict[str, str] = {}
        self._buckets: defaultdict[tuple[int, bytes], dict[str, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, post_id: str) -> bool:
        return post_id in self._known

    def claim(self, post_id: str, text: str) -> NearDuplicate | None:
        """The original that `text` copies; None, and remembered as an original, where there is none.

        The same post given again is its own original: giving a post twice changes nothing.
        """
        if post_id in self._known:
            return None
        described = _describe(text)
        if not described.exact:
            return None
        if described.exact in self._exact:
            return NearDuplicate(self._exact[described.exact], 1.0)
        near = self._nearest(described)
        if near is None:
            self._remember(post_id, described)
        return near

    def forget(self, post_id: str) -> None:
        """Takes an original back, because it failed or was deleted."""
        known = self._known.pop(post_id, None)
        if known is None:
            return
        self._exact.pop(known.exact, None)
        for bucket in known.buckets:
            self._buckets[bucket].pop(post_id, None)
            if not self._buckets[bucket]:
                del self._buckets[bucket]

    def _remember(self, post_id: str, described: _Known) -> None:
        self._known[post_id] = described
        self._exact[described.exact] = post_id
        for bucket in described.buckets:
            self._buckets[bucket][post_id] = None
        if len(self._known) > self.capacity:
            self.forget(next(iter(self._known)))

    def _nearest(self, described: _Known) -> NearDuplicate | None:
        if described.signature is None:
            return None
        candidates = {post_id for bucket in described.buckets for post_id in self._buckets.get(bucket, ())}
        best: NearDuplicate | None = None
        for post_id in sorted(candidates):
            known = self._known[post_id]
            if known.signature is None or known.numbers != described.numbers:
                continue
            alike = float(np.mean(known.signature == described.signature))
            if alike >= self.similarity and (best is None or alike > best.similarity):
                best = NearDuplicate(post_id, alike)
        return best

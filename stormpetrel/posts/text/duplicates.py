"""Near-duplicates of posts: exact ones by canonical text, reposts by the words that they repeat, others by MinHash
(Broder 1997) with banded buckets.

Two texts are near-duplicates if their word pairs are similar and their numbers are the same. "60 dead" after "41 dead"
is news, not a near-duplicate. A text that names a place which the other does not name is none either.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from stormpetrel.posts.text.clean import canonical
from stormpetrel.posts.text.reposts import RepeatedText, repeated_text

PERMUTATIONS = 64
BANDS = 16  # of 4 rows: a pair of similarity 0.8 shares a bucket with probability 0.9998, one of 0.3 with 0.12
SEED = 20_201
NUMBER = re.compile(r"\d+")
Bucket = tuple[int, bytes]  # band; its part of the signature, and the numbers in the text
BEGINNING = -1  # in place of a band: the first words of a text
MOST_COMPARED = 100  # texts that begin alike, the newest: a bot's thousands of one form are not all compared
PlaceNames = Callable[[], Sequence[str]]
MIN_WORDS = 4  # shorter texts are duplicates only if they are equal


@dataclass(frozen=True)
class NearDuplicate:
    """The original of a text, and how similar they are (1.0: the same canonical text)."""

    original_id: str
    similarity: float


@dataclass(frozen=True)
class _Fingerprint:
    digest: bytes  # of the canonical text, so that long texts take no more memory than others; b"" of an empty one
    signature: NDArray[np.uint32]
    buckets: tuple[Bucket, ...]
    repeated: RepeatedText


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest() if text else b""


def _fingerprint(text: str) -> _Fingerprint:
    canonical_text = canonical(text)
    digest, words, repeated = _digest(canonical_text), canonical_text.split(), repeated_text(text)
    beginning = ((BEGINNING, repeated.beginning),) if repeated.beginning else ()
    if len(words) < MIN_WORDS:
        return _Fingerprint(digest, np.empty(0, np.uint32), beginning, repeated)
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    sketch.update([f"{first} {second}" for first, second in pairwise(words)])
    signature = np.array(sketch.digest(), dtype=np.uint32)
    rows = PERMUTATIONS // BANDS
    # Texts with other numbers share no bucket, so that a thousand posts of one form are not all compared.
    numbers = _digest(" ".join(sorted(set(NUMBER.findall(canonical_text)))))
    buckets = tuple((band, signature[band * rows : (band + 1) * rows].tobytes() + numbers) for band in range(BANDS))
    return _Fingerprint(digest, signature, (*beginning, *buckets), repeated)


class DuplicateWindow:
    """The last `capacity` originals. The oldest is dropped first; its later near-duplicates count as originals."""

    def __init__(self, capacity: int, similarity: float) -> None:
        self.capacity, self.similarity = capacity, similarity
        self._originals: OrderedDict[str, _Fingerprint] = OrderedDict()
        self._ids_by_digest: dict[bytes, str] = {}
        self._buckets: defaultdict[Bucket, dict[str, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._originals)

    def __contains__(self, post_id: str) -> bool:
        return post_id in self._originals

    def claim(self, post_id: str, text: str, place_names: PlaceNames = tuple) -> NearDuplicate | None:
        """The original that `text` duplicates; None where there is none, and the post becomes an original.

        `place_names` gives those of the text, as whole words; it is asked where another text resembles this one. A
        near-duplicate's names stand in its original too.

        A post that is claimed again stays its own original: claiming is idempotent.
        """
        if post_id in self._originals:
            return None
        fingerprint = _fingerprint(text)
        if not fingerprint.digest:
            return None
        if fingerprint.digest in self._ids_by_digest:
            return NearDuplicate(self._ids_by_digest[fingerprint.digest], 1.0)
        names = cache(place_names)
        duplicate = self._repeated(fingerprint, names) or self._most_similar(fingerprint, names)
        if duplicate is None:
            self._add(post_id, fingerprint)
        return duplicate

    def forget(self, post_id: str) -> None:
        """Removes an original, because it failed or was deleted."""
        if (fingerprint := self._originals.pop(post_id, None)) is None:
            return
        self._ids_by_digest.pop(fingerprint.digest, None)
        for bucket in fingerprint.buckets:
            self._buckets[bucket].pop(post_id, None)
            if not self._buckets[bucket]:
                del self._buckets[bucket]

    def _add(self, post_id: str, fingerprint: _Fingerprint) -> None:
        self._originals[post_id] = fingerprint
        self._ids_by_digest[fingerprint.digest] = post_id
        for bucket in fingerprint.buckets:
            self._buckets[bucket][post_id] = None
        if len(self._originals) > self.capacity:
            self.forget(next(iter(self._originals)))

    def _repeated(self, fingerprint: _Fingerprint, place_names: PlaceNames) -> NearDuplicate | None:
        """The oldest original that the text repeats, with the share of the longer text's words that both have."""
        repeated = fingerprint.repeated
        alike = list(self._buckets.get((BEGINNING, repeated.beginning), ()))[-MOST_COMPARED:]
        for post_id in alike:
            original = self._originals[post_id].repeated
            if repeated.repeats(original) and repeated.shares(place_names(), original):
                lengths = sorted((len(repeated.whole), len(original.whole)))
                return NearDuplicate(post_id, round(lengths[0] / lengths[1], 4))
        return None

    def _most_similar(self, fingerprint: _Fingerprint, place_names: PlaceNames) -> NearDuplicate | None:
        buckets = [bucket for bucket in fingerprint.buckets if bucket[0] != BEGINNING]
        candidates = {post_id for bucket in buckets for post_id in self._buckets.get(bucket, ())}
        duplicates = [
            NearDuplicate(post_id, float(np.mean(self._originals[post_id].signature == fingerprint.signature)))
            for post_id in sorted(candidates)
        ]
        similar = [duplicate for duplicate in duplicates if duplicate.similarity >= self.similarity]
        for duplicate in sorted(similar, key=lambda duplicate: -duplicate.similarity):
            if fingerprint.repeated.shares(place_names(), self._originals[duplicate.original_id].repeated):
                return duplicate
        return None

"""Pages over a live index: a cursor names the fused list that its first page came from.

The results of the last searches are kept in memory, so that pages neither repeat nor skip a hit while posts stream in.
Where a result is gone (a restart, another replica), the search runs again over the posts that were in the index then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import orjson
from pydantic import BaseModel

from stormpetrel.core.errors import BadQuery
from stormpetrel.search.search import SearchResult

CAPACITY = 64  # searches; each has some hundred hits
KEPT_S = 600.0


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: the fingerprint of the request, the moment of its first page, and the first hit."""

    request: str
    as_of_ms: int
    offset: int

    def encode(self) -> str:
        return encoded(self.request, self.as_of_ms, self.offset)

    @classmethod
    def decode(cls, text: str, request: str) -> Cursor:
        """Raises BadQuery where the text is no cursor, or belongs to another request."""
        as_of_ms, offset = decoded(text, request, (int, int))
        return cls(request, max(0, as_of_ms), max(0, offset))


def encoded(request: str, *fields: int | str) -> str:
    """A cursor of these fields, for the request of this fingerprint."""
    return base64.urlsafe_b64encode(orjson.dumps([request, *fields])).decode().rstrip("=")


def decoded(text: str, request: str, forms: Sequence[type[int] | type[str]]) -> list[Any]:
    """The fields of a cursor. Raises BadQuery where the text is no cursor, or belongs to another request."""
    try:
        padded = text + "=" * (-len(text) % 4)
        fingerprint, *fields = orjson.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if [type(value) for value in fields] != list(forms):
            raise ValueError("it has other fields")
        if any(isinstance(value, int) and abs(value) >= 2**53 for value in fields):
            raise ValueError("out of range")
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadQuery("cursor", "it is not one of ours", "Send next_cursor of an answer, or none") from error
    if fingerprint != request:
        raise BadQuery("cursor", "it belongs to another request", "Send it with the request that it came from")
    return list(fields)


def fingerprint_of(request: BaseModel) -> str:
    """A short hash of a request without its page and page size."""
    fields = request.model_dump(mode="json", exclude={"cursor", "limit"})
    return hashlib.blake2b(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), digest_size=9).hexdigest()


class RecentSearches:
    """The results of the last searches, by request and moment."""

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[str, int], tuple[float, SearchResult]] = OrderedDict()
        self._lock = Lock()

    def add(self, request: str, as_of_ms: int, result: SearchResult) -> None:
        with self._lock:
            self._results[request, as_of_ms] = (time.monotonic(), result)
            while len(self._results) > CAPACITY:
                self._results.popitem(last=False)

    def get(self, request: str, as_of_ms: int) -> SearchResult | None:
        with self._lock:
            since, result = self._results.get((request, as_of_ms), (0.0, None))
        return result if time.monotonic() - since < KEPT_S else None

"""Pages over a live index: a cursor names the fused list that its first page came from.

The lists of the last searches are kept in memory, so that pages neither repeat nor skip a hit while posts
stream in. Where a list is gone (a restart, another replica), the search runs again over the posts that
were in the index then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import orjson

from stormpetrel.core.errors import BadQuery
from stormpetrel.search import SearchResult

KEPT = 64  # searches; each holds some hundred hits
KEPT_S = 600.0


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: in the list of which request, as of when, from which hit on."""

    request: str
    as_of_ms: int
    offset: int

    def encode(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.request, self.as_of_ms, self.offset])).decode().rstrip("=")


def fingerprint(request: dict[str, object]) -> str:
    """A short hash of what was asked, without the page and its size."""
    asked = {key: value for key, value in request.items() if key not in ("cursor", "limit")}
    return hashlib.blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=9).hexdigest()


def decode(text: str, request: str) -> Cursor:
    """Raises BadQuery where the cursor is not ours, or belongs to another question."""
    try:
        padded = text + "=" * (-len(text) % 4)
        owner, as_of_ms, offset = orjson.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        cursor = Cursor(str(owner), int(as_of_ms), int(offset))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadQuery("cursor", "it is not one of ours", "Send next_cursor of an answer, or none") from error
    if cursor.request != request:
        raise BadQuery("cursor", "it belongs to another question", "Send it with the request that it came from")
    if cursor.offset < 0 or not 0 <= cursor.as_of_ms < 2**53:
        raise BadQuery("cursor", "it is not one of ours", "Send next_cursor of an answer, or none")
    return cursor


@dataclass(frozen=True)
class Kept:
    """What a search found, and why some modalities could not speak."""

    found: SearchResult
    unavailable: dict[str, str]


class RecentSearches:
    """The fused lists of the last searches, by request and moment."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], tuple[float, Kept]] = OrderedDict()
        self._lock = Lock()

    def keep(self, request: str, as_of_ms: int, found: Kept) -> None:
        with self._lock:
            self._kept[request, as_of_ms] = (time.monotonic(), found)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def get(self, request: str, as_of_ms: int) -> Kept | None:
        with self._lock:
            since, found = self._kept.get((request, as_of_ms), (0.0, None))
            return found if found is not None and time.monotonic() - since < KEPT_S else None

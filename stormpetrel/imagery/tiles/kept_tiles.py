"""Tiles that were drawn lately, in memory, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

OVERHEAD = 300  # bytes that an entry takes beside its tile


class KeptTiles:
    """The tiles that were asked for last, by their tags; the oldest go first. Threads share it."""

    def __init__(self, most_bytes: float) -> None:
        self._most_bytes = most_bytes
        self._tiles: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0  # bytes

    def get(self, tag: str) -> bytes | None:
        """The tile; None where it is not kept."""
        with self._lock:
            if tag in self._tiles:
                self._tiles.move_to_end(tag)
            return self._tiles.get(tag)

    def keep(self, tag: str, tile: bytes) -> None:
        with self._lock:
            if tag in self._tiles:
                return
            self._tiles[tag] = tile
            self.size += OVERHEAD + len(tile)
            while self.size > self._most_bytes:
                _, oldest = self._tiles.popitem(last=False)
                self.size -= OVERHEAD + len(oldest)

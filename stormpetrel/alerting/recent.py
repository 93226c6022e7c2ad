"""The newest of what came from the log, in memory for those who listen or come back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Generic, TypeVar

Item = TypeVar("Item")


def _any(_: object) -> bool:
    return True


class Recent(Generic[Item]):
    """Holds the last items, in the order in which they came. Safe for several threads."""

    def __init__(self, kept: int) -> None:
        self._items: deque[tuple[str, Item]] = deque(maxlen=kept)
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def add(self, item_id: str, item: Item) -> None:
        """Takes an item; one that is held already is a repetition of the log."""
        with self._lock:
            if item_id in self._ids:
                return
            if len(self._items) == self._items.maxlen:
                self._ids.discard(self._items[0][0])
            self._items.append((item_id, item))
            self._ids.add(item_id)

    def newest_id(self, of: Callable[[Item], bool] = _any) -> str:
        """The id of the newest item `of` a kind; empty where there is none."""
        with self._lock:
            return next((item_id for item_id, item in reversed(self._items) if of(item)), "")

    def after(self, last_id: str, of: Callable[[Item], bool] = _any) -> list[Item]:
        """The items `of` a kind since that one; all that are held where it is not among them."""
        with self._lock:
            items = [pair for pair in self._items if of(pair[1])]
        newest_first = takewhile(lambda pair: pair[0] != last_id, reversed(items))
        return [item for _, item in newest_first][::-1]

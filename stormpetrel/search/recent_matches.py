"""The newest matches of each saved search in memory, as they came from the log, for those who listen or come back."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stormpetrel.core.events import PostMatched

MOST_MATCHES = 100_000  # of all saved searches; then the one that has matched nothing for longest is forgotten
BEFORE_ALL = "0"  # in place of a match's id: everything that is kept comes after it


class Numbered(NamedTuple):
    """A match with its number: those of a later one are higher."""

    number: int
    match: PostMatched


@dataclass
class _Kept:
    matches: deque[Numbered]
    ids: set[str] = field(default_factory=set)
    first_lost: int = 0  # number of the newest match that is not held any more


class MatchHistory(Protocol):
    """The matches that the log keeps. Both raise StoreUnavailable, and read the whole topic."""

    def of(self, saved_search_id: str) -> Iterable[PostMatched]:
        """The matches of one search, in their order; one may come twice."""

    def counts(self) -> Mapping[str, int]:
        """How many there are of each search."""


class RecentMatches:
    """Holds the last `kept` matches of each search. Safe for several threads."""

    def __init__(self, kept: int, history: MatchHistory) -> None:
        self._kept, self._history = kept, history
        self._counts: Mapping[str, int] | None = None  # when a listener first asked for what is not held
        self._forgotten: set[str] = set()
        self._searches: OrderedDict[str, _Kept] = OrderedDict()
        self._numbers, self._count = itertools.count(1), 0
        self._newest = 0
        self._is_forgotten: Callable[[str], bool] = lambda _: False
        self._lock = threading.Lock()

    def apply(self, match: PostMatched) -> None:
        """Takes a match from the log; one that is held already is the log's repetition."""
        with self._lock:
            held = self._searches.setdefault(match.saved_search_id, _Kept(deque()))
            if match.match_id in held.ids or self._is_forgotten(match.post_id):
                return
            self._newest = next(self._numbers)
            held.matches.append(Numbered(self._newest, match))
            held.ids.add(match.match_id)
            self._searches.move_to_end(match.saved_search_id)
            self._count += 1
            if len(held.matches) > self._kept:
                self._drop_oldest(held)
            while self._count > MOST_MATCHES:
                longest_silent = next(iter(self._searches))
                self._forgotten.add(longest_silent)
                self._forget(longest_silent)

    def forget(self, saved_search_id: str) -> None:
        """The saved search was deleted."""
        with self._lock:
            self._forgotten.discard(saved_search_id)
            self._forget(saved_search_id)

    def forget_posts(self, is_forgotten: Callable[[str], bool]) -> None:
        """Matches of these posts, by id, are held and shown no more; nor are those that are still on the log."""
        self._is_forgotten = is_forgotten
        with self._lock:
            for held in self._searches.values():
                kept = [entry for entry in held.matches if not is_forgotten(entry.match.post_id)]
                self._count -= len(held.matches) - len(kept)
                held.matches = deque(kept)
                held.ids = {entry.match.match_id for entry in kept}

    def _drop_oldest(self, held: _Kept) -> None:
        lost = held.matches.popleft()
        held.ids.discard(lost.match.match_id)
        held.first_lost = lost.number
        self._count -= 1

    def _forget(self, saved_search_id: str) -> None:
        if held := self._searches.pop(saved_search_id, None):
            self._count -= len(held.matches)

    def newest(self, saved_search_id: str) -> tuple[int, str]:
        """The number after which what comes is new, and the id of the newest match of the search."""
        with self._lock:
            held = self._searches.get(saved_search_id)
            newest_id = held.matches[-1].match.match_id if held and held.matches else BEFORE_ALL
            return self._newest, newest_id

    def after_number(self, saved_search_id: str, number: int) -> list[Numbered] | None:
        """The matches since that number; None where some of them are not held any more."""
        with self._lock:
            held = self._searches.get(saved_search_id)
            if held is None:
                return []
            if held.first_lost > number:
                return None
            return list(itertools.takewhile(lambda entry: entry.number > number, reversed(held.matches)))[::-1]

    def after_id(self, saved_search_id: str, match_id: str) -> Sequence[PostMatched]:
        """The matches since that one: from memory where it is held, else from the log; all that the log keeps where it
        is on neither, or is BEFORE_ALL. Raises StoreUnavailable."""
        with self._lock:
            held = self._searches.get(saved_search_id)
            if held and match_id in held.ids:
                matches = [entry.match for entry in held.matches]
                return matches[[match.match_id for match in matches].index(match_id) + 1 :]
        if self._holds_all(saved_search_id):
            with self._lock:
                return [entry.match for entry in held.matches] if held else []
        history = self._history.of(saved_search_id)
        each_once = {match.match_id: match for match in history if not self._is_forgotten(match.post_id)}
        ids = list(each_once)
        first = ids.index(match_id) + 1 if match_id in each_once else 0
        return [each_once[match_id] for match_id in ids[first:]]

    def _holds_all(self, saved_search_id: str) -> bool:
        """Whether memory has every match of the search that the log has. The log is read once to know it: a thousand
        listeners that come back after a restart must not read it a thousand times."""
        if self._counts is None:
            self._counts = self._history.counts()
        with self._lock:
            held = self._searches.get(saved_search_id)
            is_cut = saved_search_id in self._forgotten or (held is not None and held.first_lost > 0)
            return not is_cut and self._counts.get(saved_search_id, 0) <= (len(held.matches) if held else 0)

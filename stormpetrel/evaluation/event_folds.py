"""Folds of whole events: nothing is judged by what learned from its event, under whichever name a set has it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# What sets add to the name of an event: the language before it, the year and the part around it.
ADDED = re.compile(r"^(ar|en)_|^(19|20)\d\d_|_part\d+$|_(19|20)\d\d$")


def event_key(name: str) -> str:
    """The name of an event without what a set adds to it.

    >>> event_key("en_hurricane_harvey_2017"), event_key("2013_Sardinia_floods_part1")
    ('hurricane_harvey', 'sardinia_floods')
    """
    key = name.lower()
    while (shorter := ADDED.sub("", key)) != key:
        key = shorter
    return key


def event_keys(names: Iterable[str]) -> frozenset[str]:
    """The keys of these events."""
    return frozenset(map(event_key, names))


def event_folds(queries: Sequence[frozenset[str]], count: int) -> list[frozenset[str]]:
    """The events of all queries in at most `count` folds of about as many queries each. Events that one query asks for
    together are in one fold."""
    groups: list[set[str]] = []
    for events in queries:
        joined = [group for group in groups if group & events]
        groups = [group for group in groups if not group & events]
        groups.append(set(events).union(*joined))
    sizes = Counter[int]()
    for events in queries:
        sizes[next(number for number, group in enumerate(groups) if group & events)] += 1
    folds: list[set[str]] = [set() for _ in range(min(count, len(groups)))]
    load = [0] * len(folds)
    for number in sorted(sizes, key=lambda number: (-sizes[number], sorted(groups[number]))):
        smallest = load.index(min(load))
        folds[smallest] |= groups[number]
        load[smallest] += sizes[number]
    return [frozenset(fold) for fold in folds]

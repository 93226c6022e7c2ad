"""Storms bear names that places bear too: Florence, Harvey, Sandy. While posts speak of the storm, it is no place.

A post that says "Hurricane Florence" names a storm. Where enough of the posts that name Florence call it one, the rest
mean the storm as well.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stormpetrel.core.events import EnrichedPost, Place

STORM_WORDS = (
    "hurricane", "cyclone", "typhoon", "storm", "depression", "huracán", "huracan", "ciclón", "ciclon", "ciclone",
    "tormenta", "tempestade", "furacão", "furacao", "uragano", "tempesta", "ouragan", "tempête", "tempete", "sturm",
    "orkan", "sturmtief", "taifun", "hurrikan", "zyklon", "myrsky", "إعصار", "اعصار", "عاصفة",
)  # fmt: skip
BEFORE = re.compile(rf"(?:{'|'.join(STORM_WORDS)})[\s#_\"'“‘-]*$")
REMEMBERED = timedelta(days=7)
LEAST_SAID, LEAST_SHARE = 3, 0.2  # of the posts that name it, that call it a storm


def storms_named(post: EnrichedPost) -> frozenset[str]:
    """The names of a post's places that stand behind a word for a storm, in a hashtag too."""
    return frozenset(place.name for place in post.places if _is_called_a_storm(post.clean_text, place))


def _is_called_a_storm(text: str, place: Place) -> bool:
    if place.start is None or place.end is None:
        return False
    before, name = text[: place.start].lower(), text[place.start : place.end].lower()
    return bool(BEFORE.search(before)) or any(name.lstrip("#").startswith(word) for word in STORM_WORDS)


@dataclass
class StormNames:
    """The names of the last week's posts, and how many of them were called a storm. In event time."""

    said: deque[tuple[datetime, str, bool]] = field(default_factory=deque)
    counts: Counter[str] = field(default_factory=Counter)
    as_storm: Counter[str] = field(default_factory=Counter)

    def hear(self, at: datetime, post: EnrichedPost) -> None:
        """Counts the names of a post's places."""
        storms = storms_named(post)
        for name in sorted({place.name for place in post.places}):
            self.said.append((at, name, name in storms))
            self.counts[name] += 1
            self.as_storm[name] += name in storms
        while self.said and self.said[0][0] < at - REMEMBERED:
            _, name, was_storm = self.said.popleft()
            self.counts[name] -= 1
            self.as_storm[name] -= was_storm

    def is_storm(self, name: str) -> bool:
        """Whether a storm of this name is spoken of."""
        called = self.as_storm[name]
        return called >= LEAST_SAID and called >= LEAST_SHARE * self.counts[name]

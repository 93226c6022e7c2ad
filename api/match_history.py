"""The matches of saved searches that the log keeps, for listeners that come back after long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import PostMatched
from stormpetrel.core.topics import POSTS_MATCHED
from stormpetrel.log.topic_reader import TopicReader


@dataclass(frozen=True)
class MatchesOnLog:
    """A MatchHistory: reads the topic of matches from its beginning."""

    reader: TopicReader

    def of(self, saved_search_id: str) -> Iterator[PostMatched]:
        """The matches of one search, in their order. Raises StoreUnavailable."""
        for record in self.reader.read(POSTS_MATCHED):
            if record.key == saved_search_id.encode():
                with suppress(StormpetrelError):  # the view of the topic has told of it
                    yield record.decode(PostMatched)

    def counts(self) -> Counter[str]:
        """How many matches there are of each search. Raises StoreUnavailable."""
        return Counter((record.key or b"").decode(errors="replace") for record in self.reader.read(POSTS_MATCHED))

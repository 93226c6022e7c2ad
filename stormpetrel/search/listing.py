"""Posts that meet filters, the newest first, page by page: each post once, however many have the same moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from stormpetrel.core.ports import Filter, OrderQuery, PayloadCounter, VectorReader, VectorScanner
from stormpetrel.search.nearness import originals

TIME = "event_time"


class ListedIndex(VectorReader, VectorScanner, PayloadCounter, Protocol):
    """An index that is searched, listed and counted."""


@dataclass(frozen=True)
class ListedPost:
    """A post's id and its moment, milliseconds since 1970: what the next page begins after."""

    event_time: int
    post_id: str


class PostListing:
    """Lists the originals of a collection; near-duplicates are counted with them."""

    def __init__(self, index: ListedIndex, collection: str) -> None:
        self._index, self._collection = index, collection

    def count(self, within: Filter) -> int:
        """How many posts there are over all pages."""
        return self._index.count(self._collection, originals(within))

    def page(self, within: Filter, after: ListedPost | None, limit: int) -> tuple[list[ListedPost], bool]:
        """The posts after `after` in the order of falling time, then rising id, and whether more follow.

        The index orders posts of one moment as it likes, and would cut them anywhere: the last moment of what it
        returns is read whole, by id.
        """
        within = originals(within)
        posts: list[ListedPost] = []
        if after is not None:
            posts = [post for post in self._at(within, after.event_time) if post.post_id > after.post_id]
            within = _until(within, after.event_time - 1)
        missing = limit + 1 - len(posts)
        if missing > 0:
            newest = OrderQuery(TIME, "desc", None, within, missing, ("id", TIME))
            (hits,) = self._index.query(self._collection, [newest])
            page = [ListedPost(int(hit.payload[TIME]), hit.payload["id"]) for hit in hits]
            if len(page) == missing:
                last = page[-1].event_time
                page = [post for post in page if post.event_time != last] + self._at(within, last)
            posts += sorted(page, key=lambda post: (-post.event_time, post.post_id))
        return posts[:limit], len(posts) > limit

    def _at(self, within: Filter, event_time: int) -> list[ListedPost]:
        moment = replace(within, ranges={**within.ranges, TIME: (event_time, event_time)})
        return [ListedPost(event_time, post_id) for post_id in sorted(self._index.ids(self._collection, moment))]


def _until(within: Filter, event_time: int) -> Filter:
    since, until = within.ranges.get(TIME, (None, None))
    limit = event_time if until is None else min(until, event_time)
    return replace(within, ranges={**within.ranges, TIME: (since, limit)})

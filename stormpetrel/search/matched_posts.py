"""The documents of posts that match saved searches: read once for all searches that a post matches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from stormpetrel.core.ports import Document

HELD = 2_000  # documents; a post that matches many searches matches them within seconds
Read = Callable[[Sequence[str]], tuple[dict[str, Document], dict[str, int]]]


class MatchedPosts:
    """`read` gives documents and duplicate counts by post id; it raises StoreUnavailable. For one thread at a time."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._held: OrderedDict[str, tuple[Document, int]] = OrderedDict()

    def get(self, post_ids: Sequence[str]) -> dict[str, tuple[Document, int]]:
        """The document of each post that is indexed, and how many posts repeat it."""
        if missing := [post_id for post_id in dict.fromkeys(post_ids) if post_id not in self._held]:
            documents, counts = self._read(missing)
            self._held |= {post_id: (document, counts.get(post_id, 0)) for post_id, document in documents.items()}
        found = {post_id: self._held[post_id] for post_id in post_ids if post_id in self._held}
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        return found

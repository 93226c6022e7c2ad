"""What was forgotten and must not come back: posts and authors, by keyed hashes that tell nobody which."""

from __future__ import annotations

import threading

from stormpetrel.core.events import Forgotten, Post
from stormpetrel.posts.pseudonyms import Pseudonyms


class ForgottenRegister:
    """The list as the log has it. Safe for several threads."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._digests: set[str] = set()
        self._lock = threading.Lock()

    def apply(self, event: Forgotten) -> None:
        """Takes an event from the log."""
        with self._lock:
            self._digests.add(event.digest)

    def __len__(self) -> int:
        return len(self._digests)

    def has_post(self, post_id: str) -> bool:
        """Whether the post with this id was forgotten."""
        return self._has(post_id)

    def refuses(self, post: Post) -> bool:
        """Whether a post must not be kept: it was forgotten, or its author was, or what it repeats."""
        return any(self._has(name) for name in (post.post_id, post.author_id, post.repost_of) if name)

    def _has(self, name: str) -> bool:
        return bool(self._digests) and self._pseudonyms.digest(name) in self._digests

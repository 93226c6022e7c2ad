"""Which of the dropped posts are kept for people to judge."""

from __future__ import annotations

import zlib


def is_sampled(post_id: str, share: float) -> bool:
    """Whether a post is one of a share of all, by its id: the same whenever it is asked for.

    >>> is_sampled("bsky:did:plc:abc/3k", 1.0), is_sampled("bsky:did:plc:abc/3k", 0.0)
    (True, False)
    """
    return zlib.crc32(post_id.encode()) < share * 2**32

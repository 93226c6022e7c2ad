"""The pixels of posts' photos: `data:` URLs as they are, others over HTTPS from hosts that the settings name.

A photo may come late or never; its post does not wait for it longer than the settings say.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

import httpx

from stormpetrel.core.errors import BadPicture
from stormpetrel.core.events import Post
from stormpetrel.posts.vision.pictures import DATA_URL, MOST_BYTES, Picture, from_base64, read_picture

FETCHERS = 8


class PhotoReader:
    """The first photo of each post. `hosts` are exact host names; nothing is fetched from any other."""

    def __init__(self, hosts: Sequence[str], within_s: float) -> None:
        self._hosts, self._within_s = frozenset(hosts), within_s
        # No redirects: a host that we trust must not send us to one that we do not know.
        self._client = httpx.Client(timeout=within_s, follow_redirects=False)
        self._threads = ThreadPoolExecutor(FETCHERS, thread_name_prefix="photos")

    def __call__(self, posts: Sequence[Post]) -> list[Picture | BadPicture | None]:
        """One result a post: the picture, why it cannot be had, or None where it has no photo that we may fetch."""
        urls = [next((m.url for m in post.media if m.kind == "photo" and m.url), None) for post in posts]
        futures = [self._threads.submit(self._picture, url) if url and self._may(url) else None for url in urls]
        wait([future for future in futures if future is not None], timeout=self._within_s)
        return [None if future is None else self._result(future) for future in futures]

    def _may(self, url: str) -> bool:
        if DATA_URL.match(url):
            return True
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return parts.scheme == "https" and parts.hostname in self._hosts

    def _result(self, future: Future[Picture]) -> Picture | BadPicture:
        if not future.done():
            future.cancel()
            return BadPicture(f"it did not come within {self._within_s} s", "Raise photos.within_s")
        error = future.exception()
        if error is None:
            return future.result()
        return error if isinstance(error, BadPicture) else BadPicture(str(error), "See whether its host answers")

    def _picture(self, url: str) -> Picture:
        return read_picture(from_base64(url) if DATA_URL.match(url) else self._fetched(url))

    def _fetched(self, url: str) -> bytes:
        parts, size = [], 0
        with self._client.stream("GET", url) as reply:
            reply.raise_for_status()
            for part in reply.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    raise BadPicture(f"it has more than {MOST_BYTES:,} bytes", "Nothing: it is left out")
        return b"".join(parts)

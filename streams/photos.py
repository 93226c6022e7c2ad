"""Reads posts' photos: from `data:` URLs, and over HTTPS from the hosts in the settings.

A photo may arrive late or never. Its post waits no longer than `photos.within_s`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

import httpx
import structlog

from stormpetrel.core.errors import BadPicture, MalformedRecord
from stormpetrel.core.events import Post
from stormpetrel.posts.vision.pictures import DATA_URL, MAX_BYTES, Picture, from_base64, read_picture

log = structlog.get_logger()
FETCHERS = 8


class PhotoReader:
    """Reads the first photo of each post. `hosts` are exact host names; nothing is fetched from any other. `address`
    opens an address that is sealed."""

    def __init__(self, hosts: Sequence[str], within_s: float, address: Callable[[str], str] = str) -> None:
        self._hosts, self._within_s, self._address = frozenset(hosts), within_s, address
        # No redirects: a trusted host could redirect to any other.
        self._client = httpx.Client(timeout=within_s, follow_redirects=False)
        self._threads = ThreadPoolExecutor(FETCHERS, thread_name_prefix="photos")

    def __call__(self, posts: Sequence[Post]) -> list[Picture | BadPicture | None]:
        """One result a post: the picture, the error of reading it, or None without a photo that may be fetched."""
        urls = [self._first_photo(post) for post in posts]
        futures = [self._threads.submit(self._read, url) if url and self._is_allowed(url) else None for url in urls]
        wait([future for future in futures if future is not None], timeout=self._within_s)
        return [None if future is None else self._result(future) for future in futures]

    def _first_photo(self, post: Post) -> str | None:
        try:
            return next((self._address(m.url) for m in post.media if m.kind == "photo" and m.url), None)
        except MalformedRecord as error:
            log.warning("a photo is not fetched", reason=str(error))
            return None

    def _is_allowed(self, url: str) -> bool:
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
            return BadPicture(f"it did not arrive within {self._within_s} s", "Raise photos.within_s")
        error = future.exception()
        if error is None:
            return future.result()
        return error if isinstance(error, BadPicture) else BadPicture(str(error), "Check that its host answers")

    def _read(self, url: str) -> Picture:
        return read_picture(from_base64(url) if DATA_URL.match(url) else self._download(url))

    def _download(self, url: str) -> bytes:
        parts, size = [], 0
        with self._client.stream("GET", url) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise BadPicture(f"it has more than {MAX_BYTES:,} bytes", "Send a smaller one")
        return b"".join(parts)

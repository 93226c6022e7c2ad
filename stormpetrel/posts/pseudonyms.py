"""Authors are known by a keyed hash: in ids, in links and in addresses of photos.

A name is HMAC-SHA-256 (RFC 2104) of the network's own id, cut to 80 bits. Without the key nobody can tell whose it is,
even by trying all ids of a network. With another key the same author has another name: see docs/personal_data.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from urllib.parse import unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Media, Post, PostEvent

SEALED = "sealed:"
NONCE = 12  # bytes, as AES-GCM wants it
# Of the networks that are read, Bluesky's ids hold the author's: a DID, or a handle. Names have neither sign in them.
AUTHOR_IN_ID = re.compile(r"^bsky:([^/]*[:.][^/]*)/(.+)$")
PARTS_OF_ADDRESS = re.compile(r"[/?&=#]")
LONGEST_ADDRESS = 8_000  # characters


class Pseudonyms:
    """Names authors by a key. With `links` the address of a post's page stays in it."""

    def __init__(self, key: bytes, links: bool = False) -> None:
        self._key, self._links = key, links
        self._cipher = AESGCM(hmac.digest(key, b"addresses of media", hashlib.sha256))

    def author(self, author_id: str) -> str:
        """The name of an author, with the network before it; `author_id` is `network:id`.

        >>> Pseudonyms(bytes(32)).author("x:9")
        'x:l56n7edsyjkny6tk'
        """
        network, _, _ = author_id.partition(":")
        digest = hmac.digest(self._key, b"author " + author_id.encode(), hashlib.sha256)
        return f"{network}:{base64.b32encode(digest[:10]).decode().lower()}"

    def post_id(self, post_id: str) -> str:
        """A post's id, with the author's name in place of the author's id where it holds one.

        >>> Pseudonyms(bytes(32)).post_id("x:1460")
        'x:1460'
        """
        match = AUTHOR_IN_ID.match(post_id)
        return f"{self.author(f'bsky:{match[1]}')}/{match[2]}" if match else post_id

    def digest(self, name: str) -> str:
        """Of a post's id or an author's name, for the list of what was forgotten: it tells nobody which (32 hex
        digits)."""
        return hmac.digest(self._key, b"forgotten " + name.encode(), hashlib.sha256)[:16].hex()

    def of(self, event: PostEvent) -> PostEvent:
        """The event as it is kept: nothing in it leads to its author."""
        post_id = self.post_id(event.post_id)
        if not isinstance(event, Post):
            return event.model_copy(update={"post_id": post_id})
        author = event.author_id
        return event.model_copy(
            update={
                "post_id": post_id,
                "author_id": self.author(_with_network(event, author)) if author else None,
                "repost_of": self.post_id(event.repost_of) if event.repost_of else None,
                "reply_to": self.post_id(event.reply_to) if event.reply_to else None,
                "url": event.url if self._links else None,
                "media": tuple(self._media(media, author) for media in event.media),
            }
        )

    def address(self, url: str) -> str:
        """Where a photo or video is fetched: the address that was sealed, any other as it is. Raises MalformedRecord
        where another key sealed it."""
        if not url.startswith(SEALED):
            return url
        try:
            sealed = base64.urlsafe_b64decode(url.removeprefix(SEALED))
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], None).decode()
        except (InvalidTag, ValueError) as error:
            raise MalformedRecord("its address is sealed with another key; set privacy.author_key to that") from error

    def _media(self, media: Media, author: str | None) -> Media:
        """An address that names the author is sealed: whoever has the key can fetch it, and nobody else can read it."""
        if self._links or media.url is None or author is None or not _names(media.url, author):
            return media
        if len(media.url) > LONGEST_ADDRESS:
            return media.model_copy(update={"url": None})
        nonce = hmac.digest(self._key, b"nonce " + media.url.encode(), hashlib.sha256)[:NONCE]
        sealed = nonce + self._cipher.encrypt(nonce, media.url.encode(), None)
        return media.model_copy(update={"url": SEALED + base64.urlsafe_b64encode(sealed).decode()})


def new_key() -> bytes:
    """256 random bits."""
    return os.urandom(32)


def _with_network(post: Post, author: str) -> str:
    return author if ":" in author else f"{post.source}:{author}"


def _names(url: str, author: str) -> bool:
    """Whether an address holds an author's id, as the network has it or without its server, plain or escaped."""
    if url.startswith("data:"):
        return False
    network_id = author.partition(":")[2]
    return not {network_id, network_id.rpartition("/")[2]}.isdisjoint(PARTS_OF_ADDRESS.split(unquote(url)))

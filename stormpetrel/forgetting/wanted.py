"""What is looked for: ids, authors and texts, as they may stand in the bytes of a record or a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from stormpetrel.core.errors import BadQuery
from stormpetrel.posts.pseudonyms import Pseudonyms

# Characters of a network's own id without its network: a shorter one is also a number of something else. Where only
# records lie that could not be read, less is enough.
LEAST_ID, LEAST_ID_ANYWHERE = 6, 13
LEAST_TEXT = 24  # characters: a shorter text is looked for as a whole value alone, other texts may hold it
CONTROLS = r"\x00-\x1f\x7f"
NO_SPACE = rf"[^\s{CONTROLS}]"
NETWORK_ID = f"^[a-z]+:{NO_SPACE}([^{CONTROLS}]*{NO_SPACE})?$"  # an id of a network, with the network before it
WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass
class Wanted:
    """Posts and authors by the names that they are kept under, and the network's own ids, which only records that no
    source could read hold. `texts` grow while posts are found."""

    post_ids: set[str] = field(default_factory=set)
    authors: set[str] = field(default_factory=set)
    network_ids: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def ids_in(self, raw: bytes) -> bool:
        """Whether the bytes name one of the posts or authors."""
        anywhere = [name for name in self.network_ids if len(name) >= LEAST_ID_ANYWHERE]
        return any(_stands_alone(name.encode(), raw) for name in (*self.post_ids, *self.authors, *anywhere))

    def text_in(self, raw: bytes) -> bool:
        """Whether the bytes hold one of the texts."""
        return any(form in raw for text in self.texts for form in _forms(text))

    def in_unread(self, raw: bytes) -> bool:
        """Whether a record that nobody could read holds an id, an author or a text of what is looked for."""
        if self.ids_in(raw) or self.text_in(raw):
            return True
        return any(_stands_alone(name.encode(), raw) for name in self.network_ids)


def wanted(pseudonyms: Pseudonyms, posts: Iterable[str] = (), authors: Iterable[str] = ()) -> Wanted:
    """What these ids stand for: each may be the network's own (`bsky:did:plc:abc`, `x:9`) or the one it is kept under.

    Raises BadQuery where an id names no network.
    """
    looked_for = Wanted()
    for post in posts:
        network_id = _checked("post", post)
        looked_for.post_ids.add(pseudonyms.post_id(post))
        looked_for.network_ids |= {post} - looked_for.post_ids
        looked_for.network_ids |= _long_enough(network_id.rpartition("/")[2])
    for author in authors:
        network_id = _checked("author", author)
        looked_for.authors |= {author, pseudonyms.author(author)}
        looked_for.network_ids |= _long_enough(network_id)
    return looked_for


def _checked(field_name: str, name: str) -> str:
    if not re.fullmatch(NETWORK_ID, name):
        remedy = "Give the network before it: x:1460, bsky:did:plc:abc/3k, mastodon:11, file:7"
        raise BadQuery(field_name, f"{name!r} is no id", remedy)
    return name.partition(":")[2]


def _long_enough(network_id: str) -> set[str]:
    return {network_id} if len(network_id) >= LEAST_ID else set()


def _stands_alone(name: bytes, raw: bytes) -> bool:
    """Whether the bytes hold a name that is no part of a longer one."""
    start = raw.find(name)
    while start >= 0:
        end = start + len(name)
        if not ((start and raw[start - 1] in WORD) or (end < len(raw) and raw[end] in WORD)):
            return True
        start = raw.find(name, start + 1)
    return False


def _forms(text: str) -> tuple[bytes, ...]:
    """A text as JSON writes it, with its letters as they are or escaped."""
    forms = [orjson.dumps(text), json.dumps(text).encode()]
    return tuple(form[1:-1] if len(text) >= LEAST_TEXT else form for form in dict.fromkeys(forms))

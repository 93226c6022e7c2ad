"""More posts to learn from: each once more, its places swapped for others of their kind, so that the tagger learns how
places are written about, and not the names of the events it saw (mention replacement; Dai and Adel 2020)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer, Kind
from stormpetrel.posts.places.tagger.labelled_mentions import GoldMention, LabelledPost

KINDS: dict[str, tuple[Kind, ...]] = {
    "Country": ("country", "country", "admin1"),
    "State": ("admin1",),
    "Province": ("admin1",),
    "County": ("admin2",),
    "City/town": ("city",),
    "District": ("city",),
    "Neighborhood": ("city",),
    "": ("city", "admin1", "country"),
}
LATIN = re.compile(r"^[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ .'’-]+$")
SAMPLED = 20_000


def swapped(posts: Sequence[LabelledPost], gazetteer: Gazetteer, share: float, seed: int) -> list[LabelledPost]:
    """The posts in Latin script that name a place, each with a `share` of its names swapped. A name in a hashtag stays:
    what stands there is seldom a new place."""
    chance = random.Random(seed)
    kinds: tuple[Kind, ...] = ("city", "admin1", "admin2", "country")
    names = {kind: _sample(gazetteer, kind, seed) for kind in kinds}
    return [
        _swapped(post, names, share, chance)
        for post in posts
        if post.mentions and all(post.text[one.start].isascii() for one in post.mentions)
    ]


def _sample(gazetteer: Gazetteer, kind: Kind, seed: int) -> list[str]:
    """Names of places, the likelier the more people live there."""
    listed, people = gazetteer.names_of(kind)
    weights = np.sqrt(np.maximum(people, 1))
    rows = np.random.default_rng(seed).choice(len(listed), SAMPLED, p=weights / weights.sum())
    return [name for row in rows if LATIN.match(name := listed[int(row)])]


def _swapped(post: LabelledPost, names: dict[Kind, list[str]], share: float, chance: random.Random) -> LabelledPost:
    text, mentions, last = "", [], 0
    for mention in post.mentions:
        text += post.text[last : mention.start]
        name = post.text[mention.start : mention.end]
        kinds = KINDS.get(mention.kind)
        if kinds and post.text[mention.start - 1 : mention.start] != "#" and chance.random() < share:
            name = _written_like(chance.choice(names[chance.choice(kinds)]), name)
        mentions.append(GoldMention(len(text), len(text) + len(name), mention.kind))
        text += name
        last = mention.end
    return replace(post, text=text + post.text[last:], mentions=tuple(mentions))


def _written_like(name: str, other: str) -> str:
    if other.islower():
        return name.lower()
    return name.upper() if other.isupper() and len(other) > 3 else name

"""Mention replacement (Dai and Adel 2020): training posts with their place names replaced by others of the same kind.
So the tagger learns the contexts of place names, not the names of the training events."""

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
    "County": ("admin2",),
    "": ("city", "admin1", "country"),
    **dict.fromkeys(["State", "Province"], ("admin1",)),
    **dict.fromkeys(["City/town", "District", "Neighborhood"], ("city",)),
}
LATIN = re.compile(r"^[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ .'’-]+$")
SAMPLE_SIZE = 20_000


def replace_mentions(
    posts: Sequence[LabelledPost], gazetteer: Gazetteer, share: float, seed: int
) -> list[LabelledPost]:
    """The posts in Latin script that name a place, each with a `share` of its names replaced. A name in a hashtag
    stays: hashtags seldom name a new place."""
    generator = random.Random(seed)
    kinds: tuple[Kind, ...] = ("city", "admin1", "admin2", "country")
    names = {kind: _sample(gazetteer, kind, seed) for kind in kinds}
    return [
        _replaced(post, names, share, generator)
        for post in posts
        if post.mentions and all(post.text[mention.start].isascii() for mention in post.mentions)
    ]


def _sample(gazetteer: Gazetteer, kind: Kind, seed: int) -> list[str]:
    """Names of places, weighted by the square root of their population."""
    names, population = gazetteer.names_of(kind)
    weights = np.sqrt(np.maximum(population, 1))
    rows = np.random.default_rng(seed).choice(len(names), SAMPLE_SIZE, p=weights / weights.sum())
    return [name for row in rows if LATIN.match(name := names[int(row)])]


def _replaced(post: LabelledPost, names: dict[Kind, list[str]], share: float, generator: random.Random) -> LabelledPost:
    text, mentions, end = "", [], 0
    for mention in post.mentions:
        text += post.text[end : mention.start]
        name = post.text[mention.start : mention.end]
        kinds = KINDS.get(mention.kind)
        if kinds and post.text[mention.start - 1 : mention.start] != "#" and generator.random() < share:
            name = _with_case_of(name, generator.choice(names[generator.choice(kinds)]))
        mentions.append(GoldMention(len(text), len(text) + len(name), mention.kind))
        text += name
        end = mention.end
    return replace(post, text=text + post.text[end:], mentions=tuple(mentions))


def _with_case_of(original: str, name: str) -> str:
    if original.islower():
        return name.lower()
    return name.upper() if original.isupper() and len(original) > 3 else name

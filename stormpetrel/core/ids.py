"""Identifiers: collections that people annotate, models of labels, patches, and points of the vector index."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Literal, cast, get_args

from stormpetrel.core.errors import BadQuery

ItemKind = Literal["posts", "patches"]
POINT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "stormpetrel")
PATCH_ID = re.compile(r"^(.+)/(\d+)/g(\d+)/r(\d+)c(\d+)$")


@dataclass(frozen=True)
class Collection:
    """What is annotated, and for which work: all `patches`, all `posts`, or the posts of a work, `posts/genova`.

    >>> Collection.parse("posts/genova-2025")
    Collection(kind='posts', name='genova-2025')
    >>> str(Collection("patches"))
    'patches'
    """

    kind: ItemKind
    name: str = ""

    @classmethod
    def parse(cls, collection_id: str) -> Collection:
        """Raises BadQuery where the id begins with no kind of item."""
        kind, _, name = collection_id.partition("/")
        if kind in get_args(ItemKind):
            return cls(cast(ItemKind, kind), name)
        raise BadQuery("collection", f"{collection_id!r} is no collection", "Name posts, patches, or posts/your-work")

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else self.kind


def model_id(collection: str, label: str) -> str:
    """The id of a label's model in a collection, as events and answers name it.

    >>> model_id("posts/genova-2025", "related")
    'posts/genova-2025:related'
    """
    return f"{collection}:{label}"


@dataclass(frozen=True)
class PatchId:
    """What a patch's id says: its scene, the EPSG code of its UTM zone, its scale level (px), its row and column."""

    scene_id: str
    epsg: int
    scale_level: int
    row: int
    column: int

    @classmethod
    def parse(cls, patch_id: str) -> PatchId | None:
        """None where the text is no patch's id."""
        match = PATCH_ID.match(patch_id)
        return match and cls(match[1], *(int(number) for number in match.groups()[1:]))

    def parent(self, scale_level: int) -> PatchId:
        """The patch of a coarser scale level that this one lies in.

        >>> str(PatchId.parse("S2B_X|S1A_Y/32632/g120/r4098c0411").parent(480))
        'S2B_X|S1A_Y/32632/g480/r1024c0102'
        """
        ratio = scale_level // self.scale_level
        return PatchId(self.scene_id, self.epsg, scale_level, self.row // ratio, self.column // ratio)

    def __str__(self) -> str:
        return f"{self.scene_id}/{self.epsg}/g{self.scale_level}/r{self.row:04d}c{self.column:04d}"


def point_id(entity_id: str) -> str:
    """The id of an entity's point in the vector index: UUIDv5 of its own id.

    >>> point_id("x:1460") == point_id("x:1460")
    True
    """
    return str(uuid.uuid5(POINT_NAMESPACE, entity_id))

"""What a request about label models is about: a collection, one of its vectors, a scale level, and a predicate."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from stormpetrel.core.events import CollectionId
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.rounds import Scope
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.search.request import Request

ScaleLevel = Literal[120, 240, 480]
Descriptor = Literal["text", "sar", "ms", "fused"]


class ScopedRequest(Request):
    """A collection, the vector that its items are compared by (`text` of posts; `fused`, `sar` or `ms` of patches),
    the patches' scale level in px, and the predicate that items must match."""

    collection: CollectionId
    vector: Descriptor | None = None
    scale_level: ScaleLevel = 120
    within: Predicate = Field(default_factory=Predicate)

    @model_validator(mode="after")
    def check_vector(self) -> Self:
        kind = Collection.parse(self.collection).kind
        if self.vector is not None and (self.vector == "text") != (kind == "posts"):
            raise ValueError(f"{kind} have no vector {self.vector}; text is of posts, fused, sar and ms are of patches")
        return self

    @property
    def scope(self) -> Scope:
        collection = Collection.parse(self.collection)
        if collection.kind == "posts":
            return Scope(collection, "text", None, self.within)
        return Scope(collection, self.vector or "fused", self.scale_level, self.within)

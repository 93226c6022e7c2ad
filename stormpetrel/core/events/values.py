"""The value types of all events: frozen models, dense and sparse vectors.

Times are UTC. Coordinates are GeoJSON order (longitude, latitude), WGS 84 degrees. Vectors are base64 of
little-endian float32.
"""

from __future__ import annotations

import base64
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stormpetrel.core.errors import MalformedRecord


class Frozen(BaseModel):
    """A value object: immutable, equal by content; unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Event(Frozen):
    """A record of a topic. A change that old readers cannot read raises `version` and adds an upgrade."""

    version: ClassVar[int] = 1
    schema_version: int = 1

    @classmethod
    def name(cls) -> str:
        return cls.__name__


MOST_DIMENSIONS = 65_536  # as many as Qdrant takes
LARGEST_NORM = 1e6  # products of two such vectors stay far below what float32 holds


class Vector(Frozen):
    """A dense vector with the version of its model; `data` is base64 of little-endian float32. Its values are finite,
    and its norm is at most 10^6: what lies beyond, no store can index and no learner can learn from."""

    model: Annotated[str, Field(max_length=512)]
    dimensions: Annotated[int, Field(gt=0, le=MOST_DIMENSIONS)]
    data: Annotated[str, Field(max_length=MOST_DIMENSIONS * 6)]

    @classmethod
    def of(cls, values: NDArray[np.float32], model: str) -> Vector:
        data = base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
        return cls(model=model, dimensions=len(values), data=data)

    @model_validator(mode="after")
    def check(self) -> Self:
        try:
            values = self.values()
        except MalformedRecord as error:
            raise ValueError(str(error)) from error
        norm = float(np.linalg.norm(values.astype(np.float64)))
        if not norm <= LARGEST_NORM:  # NaN is not
            raise ValueError(f"vector of {self.model} has the norm {norm}; it must be finite and at most 10^6")
        return self

    def values(self) -> NDArray[np.float32]:
        """The values, float32, shape (dimensions,). Raises MalformedRecord where `data` has another size or form."""
        try:
            array = np.frombuffer(base64.b64decode(self.data, validate=True), dtype="<f4")
        except ValueError as error:
            raise MalformedRecord(f"vector of {self.model} is not base64 of float32: {error}") from error
        if len(array) != self.dimensions:
            raise MalformedRecord(f"vector of {self.model} has {len(array)} values, not {self.dimensions}")
        return array


class TermWeights(Frozen):
    """A sparse vector: hashed terms (32 bits, each once) and their weights, in one order (for texts BM25 weights; the
    index multiplies by the IDF)."""

    indices: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(max_length=20_000)]
    values: Annotated[tuple[Annotated[float, Field(ge=-1e6, le=1e6)], ...], Field(max_length=20_000)]

    @model_validator(mode="after")
    def pairs_up(self) -> Self:
        if not len(set(self.indices)) == len(self.indices) == len(self.values):
            raise ValueError("each term needs one weight, and stands once")
        return self

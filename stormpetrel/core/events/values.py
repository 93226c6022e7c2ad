"""What all events are made of: frozen models, moments, coordinates, vectors.

Times are UTC. Coordinates are GeoJSON order (longitude, latitude), WGS 84 degrees. Vectors are base64 of
little-endian float32.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stormpetrel.core.errors import MalformedRecord


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_as_utc)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]


class Frozen(BaseModel):
    """A value: equal by content, never changed after it is made, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(Frozen):
    """What a topic carries. A change that old readers cannot read raises `version` and adds an upgrade."""

    version: ClassVar[int] = 1
    schema_version: int = 1

    @classmethod
    def name(cls) -> str:
        return cls.__name__


class Vector(Frozen):
    """A dense vector with the model that made it; `data` is base64 of little-endian float32."""

    model: str
    dimensions: Annotated[int, Field(gt=0)]
    data: str

    @classmethod
    def of(cls, values: NDArray[np.float32], model: str) -> Vector:
        packed = base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
        return cls(model=model, dimensions=len(values), data=packed)

    def values(self) -> NDArray[np.float32]:
        """The float32 values, shape (dimensions,). Raises MalformedRecord where the data do not fit."""
        try:
            array = np.frombuffer(base64.b64decode(self.data, validate=True), dtype="<f4")
        except ValueError as error:
            raise MalformedRecord(f"vector of {self.model} is not base64 of float32: {error}") from error
        if len(array) != self.dimensions:
            raise MalformedRecord(f"vector of {self.model} has {len(array)} values, {self.dimensions} promised")
        return array


class TermWeights(Frozen):
    """A sparse lexical vector: hashed stems and their BM25 term weights (IDF is the index's part)."""

    indices: tuple[int, ...]
    values: tuple[float, ...]

"""Checks of points before the engine sees them: what it does not check itself, it writes to its log first.

Some of it makes the engine panic then, and again each time that it reads its log. Other values are taken in silence and
make a point that no query finds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormpetrel.local.qdrant_codec import BadRequest, Json

DEEPEST_PAYLOAD = 100  # levels: the engine writes deeper ones to its log, and cannot read that log again
LARGEST_INDEX = 2**32 - 1  # of a sparse vector


def check_point(point: Json, configuration: Json) -> None:
    """Raises BadRequest, with the point's id, where a collection of this configuration cannot hold the point."""
    try:
        for name, vector in (point["vector"] or {}).items():
            check_vector(name, vector, configuration)
        _check_depth(point.get("payload"))
    except BadRequest as error:
        raise BadRequest(f"point {point['id']}: {error}") from error


def check_vector(name: str, vector: Any, configuration: Json) -> None:
    """Raises BadRequest where a dense vector has not the collection's dimensions, a sparse one not as many values as
    indices or an index twice, either is of the other kind, or a value is not finite in float32."""
    dense, sparse = configuration.get("vectors") or {}, configuration.get("sparse_vectors") or {}
    if name in dense:
        _check_dense(name, vector, dense[name]["size"])
    elif name in sparse:
        _check_sparse(name, vector)
    else:
        raise BadRequest(f"there is no vector {name!r}; there are: {', '.join([*dense, *sparse])}")


def _check_dense(name: str, vector: Any, size: int) -> None:
    if not isinstance(vector, list) or len(vector) != size:
        found = f"{len(vector)} values" if isinstance(vector, list) else type(vector).__name__
        raise BadRequest(f"vector {name!r} must be a list of {size} numbers, not {found}")
    values = _float32(name, vector)
    with np.errstate(over="ignore"):
        if not np.isfinite(values @ values):
            raise BadRequest(f"vector {name!r} is too large: its squared length is not finite in float32")


def _check_sparse(name: str, vector: Any) -> None:
    if not isinstance(vector, dict) or vector.keys() != {"indices", "values"}:
        raise BadRequest(f"vector {name!r} is sparse: it must have indices and values")
    indices, values = vector["indices"], vector["values"]
    if len(indices) != len(values):
        raise BadRequest(f"vector {name!r} has {len(indices)} indices and {len(values)} values")
    if not all(type(index) is int and 0 <= index <= LARGEST_INDEX for index in indices):
        raise BadRequest(f"vector {name!r} has an index that is no integer from 0 to {LARGEST_INDEX}")
    if len(set(indices)) != len(indices):
        raise BadRequest(f"vector {name!r} has an index twice")
    _float32(name, values)


def _float32(name: str, values: list[Any]) -> Any:
    if not all(type(value) in (int, float) for value in values):
        raise BadRequest(f"vector {name!r} has a value that is no number")
    with np.errstate(over="ignore"):
        array = np.asarray(values, dtype=np.float64).astype(np.float32)
    if not np.isfinite(array).all():
        raise BadRequest(f"vector {name!r} has a value that is not finite in float32")
    return array


def _check_depth(payload: Any) -> None:
    levels, inner = 0, [payload]
    while inner := [value for each in inner if isinstance(each, (dict, list)) for value in _values(each)]:
        levels += 1
        if levels > DEEPEST_PAYLOAD:
            raise BadRequest(f"its payload is nested more than {DEEPEST_PAYLOAD} levels deep")


def _values(container: dict[str, Any] | list[Any]) -> list[Any]:
    return list(container.values()) if isinstance(container, dict) else container

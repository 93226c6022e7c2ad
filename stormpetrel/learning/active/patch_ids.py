"""What a patch's id says of its place, and which coarser patch lies around it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SQUARE = re.compile(r"^(?P<scene>.+)/(?P<epsg>\d+)/g(?P<side>\d+)/r(?P<row>\d+)c(?P<column>\d+)$")


def parents_of(finer: Sequence[str], coarser: Mapping[str, int]) -> NDArray[np.int64]:
    """For each patch id the row of the coarser patch of the same scene that it lies in; -1 where there is none."""
    side = next((int(found["side"]) for own in coarser if (found := SQUARE.match(own))), 0)
    rows = [coarser.get(_around(own, side), -1) if side else -1 for own in finer]
    return np.array(rows, dtype=np.int64)


def _around(own: str, side: int) -> str:
    """The id of the patch of a coarser side that a patch lies in.

    >>> _around("S2B_X|S1A_Y/32632/g120/r4098c0411", 480)
    'S2B_X|S1A_Y/32632/g480/r1024c0102'
    """
    found = SQUARE.match(own)
    if found is None:
        return ""
    ratio = side // int(found["side"])
    row, column = int(found["row"]) // ratio, int(found["column"]) // ratio
    return f"{found['scene']}/{found['epsg']}/g{side}/r{row:04d}c{column:04d}"


def square_of(own: str) -> dict[str, Any] | None:
    """What a patch's id says: its scene, EPSG code, side, row and column; None where it is no patch's id."""
    found = SQUARE.match(own)
    if found is None:
        return None
    return {"scene": found["scene"], **{name: int(found[name]) for name in ("epsg", "side", "row", "column")}}

"""Which vectors are two descriptors joined, and where one ends and the other begins."""

from __future__ import annotations

SAR_DIMENSIONS, MS_DIMENSIONS = 144, 128


def parts_of(dimensions: int) -> tuple[int, ...]:
    """The lengths of a vector's parts: radar and optical of a fused descriptor, else the vector itself.

    >>> parts_of(272), parts_of(384)
    ((144, 128), (384,))
    """
    joined = (SAR_DIMENSIONS, MS_DIMENSIONS)
    return joined if dimensions == sum(joined) else (dimensions,)

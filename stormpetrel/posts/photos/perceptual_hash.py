"""Perceptual hashes: photos that look alike have hashes that differ in few bits.

The hash is pHash as imagehash makes it: the signs of the 8 x 8 lowest frequencies of a cosine transform of the photo in
grey, against their median.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.vision.pictures import Picture

BITS = 64
PERCEPTUAL = "perceptual"  # the name of the vector in the index
MOST_BITS = 6  # that the hashes of one photo differ by, after scaling and compression
LEAST_CONTRAST = 4.0  # standard deviation of the grey values, 0 to 255; below it the signs are noise


def perceptual_hash(picture: Picture) -> str | None:
    """The hash in 16 hexadecimal digits; None where the picture is of one colour, so that it looks like any other."""
    import imagehash
    from PIL import Image

    grey = Image.fromarray(picture).convert("L")
    if float(np.asarray(grey).std()) < LEAST_CONTRAST:
        return None
    return str(imagehash.phash(grey))


def hash_vector(perceptual: str) -> NDArray[np.float32]:
    """The bits as a unit vector of -1/8 and 1/8, float32, shape (64,): the cosine of two is 1 - bits / 32, where `bits`
    is how many differ.

    >>> float(hash_vector("0000000000000000") @ hash_vector("000000000000000f"))
    0.875
    """
    raw = np.frombuffer(bytes.fromhex(perceptual), dtype=np.uint8)
    return ((np.unpackbits(raw).astype(np.float32) * 2 - 1) / np.float32(BITS**0.5)).astype(np.float32)


def bits_of(cosine: float) -> int:
    """How many bits differ between two hashes, from the cosine of their vectors."""
    return round((1 - cosine) * BITS / 2)


def least_cosine(bits: int = MOST_BITS) -> float:
    """The cosine of two hashes that differ in so many bits, less half a bit: vectors are stored with few digits."""
    return 1 - (bits + 0.5) * 2 / BITS

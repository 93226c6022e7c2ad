"""Visual features that need no weights: a colour histogram, concatenated with an edge histogram.

The edge histogram is that of MPEG-7 (ISO/IEC 15938-3): 4 x 4 sub-images, five kinds of edges (vertical, horizontal,
two diagonals, non-directional), counted over small blocks. The features find pictures that look alike, whatever they
show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.posts.vision.pictures import Picture

VERSION = "colour-and-edge-histograms@1"
HUES = 12
SATURATIONS = 3
GREYS = 12
PARTS = 4  # sub-images a side
EDGES = 5
DIMENSIONS = HUES * SATURATIONS + GREYS + PARTS * PARTS * EDGES
MIN_SATURATION = 0.12  # below it a pixel counts as grey
MIN_EDGE_STRENGTH = 0.06  # of the full range of brightness
# The 2 x 2 filters of MPEG-7: vertical, horizontal, 45 degrees, 135 degrees, non-directional.
FILTERS = np.array(
    [
        [[1, -1], [1, -1]],
        [[1, 1], [-1, -1]],
        [[2**0.5, 0], [0, -(2**0.5)]],
        [[0, 2**0.5], [-(2**0.5), 0]],
        [[2, -2], [-2, 2]],
    ]
)


def hue_saturation_value(picture: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """HSV of each pixel (Smith 1978): hue in [0, 1), 0 is red; saturation and value in [0, 1]; shape (h, w) each."""
    rgb = picture.astype(np.float32) / 255
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    chroma = high - low
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    safe = np.where(chroma > 0, chroma, 1)
    sixth = np.where(
        high == red, (green - blue) / safe, np.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    )
    hue = np.where(chroma > 0, (sixth / 6) % 1.0, 0)
    return hue.astype(np.float32), np.where(high > 0, chroma / np.where(high > 0, high, 1), 0), high


def colour_histogram(picture: Picture) -> NDArray[np.float64]:
    """Shares of 12 hues x 3 saturations, then of 12 greys; sums to 1, shape (48,)."""
    hue, saturation, value = hue_saturation_value(picture)
    grey = (saturation < MIN_SATURATION) | (value < MIN_SATURATION)
    bins = np.minimum((hue * HUES).astype(int), HUES - 1) * SATURATIONS
    bins += np.minimum((saturation * SATURATIONS).astype(int), SATURATIONS - 1)
    bins = np.where(grey, HUES * SATURATIONS + np.minimum((value * GREYS).astype(int), GREYS - 1), bins)
    return np.asarray(np.bincount(bins.ravel(), minlength=HUES * SATURATIONS + GREYS) / bins.size)


def edge_histogram(picture: Picture) -> NDArray[np.float64]:
    """Shares of the five kinds of edges in each of the 4 x 4 sub-images, row by row; shape (80,)."""
    brightness = picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) / 255
    size = max(1, min(brightness.shape) // 64)  # a block has 2 x 2 cells, each about a sixty-fourth of the picture
    rows, columns = (length // (2 * size) * 2 for length in brightness.shape)
    counts = np.zeros((PARTS, PARTS, EDGES))
    if rows == 0 or columns == 0:
        return counts.ravel()
    cells = brightness[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))
    blocks = cells.reshape(rows // 2, 2, columns // 2, 2).transpose(0, 2, 1, 3)
    strength = np.abs(np.einsum("rcij,kij->rck", blocks, FILTERS))
    kind, strongest = strength.argmax(axis=2), strength.max(axis=2)
    part_row = np.arange(rows // 2) * PARTS // (rows // 2)
    part_column = np.arange(columns // 2) * PARTS // (columns // 2)
    is_edge = strongest >= MIN_EDGE_STRENGTH
    parts = np.broadcast_to(part_row[:, None], kind.shape), np.broadcast_to(part_column[None, :], kind.shape)
    np.add.at(counts, (parts[0][is_edge], parts[1][is_edge], kind[is_edge]), 1)
    block_counts = np.zeros((PARTS, PARTS))
    np.add.at(block_counts, parts, 1)
    return (counts / np.maximum(block_counts, 1)[..., None]).ravel()


class Descriptor:
    """Encodes pictures by both histograms. Deterministic; no weights, no model file."""

    version = VERSION
    dimensions = DIMENSIONS

    def encode(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (pictures, 128): both histograms of equal weight, square roots (Hellinger)."""
        return np.array([self._vector(picture) for picture in pictures], dtype=np.float32).reshape(-1, DIMENSIONS)

    @staticmethod
    def _vector(picture: Picture) -> NDArray[np.float64]:
        edges = edge_histogram(picture)
        shares = np.concatenate([colour_histogram(picture), edges / max(edges.sum(), 1e-9)])
        return np.asarray(np.sqrt(shares) / np.linalg.norm(np.sqrt(shares)))

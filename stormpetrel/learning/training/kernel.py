"""The kernel by which examples of a label are compared: one width for each part of a vector.

A fused descriptor has a radar and an optical part. With one width for both, the part that varies more decides, whether
or not it tells the label apart: under clouds the optical half is noise, and a fused model would be worse than radar
alone. So each part has a kernel of its own width, and a label's annotations say how much each counts (multiple kernel
learning; Gönen and Alpaydın 2011). The product of two Gaussian kernels is the Gaussian kernel of the weighed sum of
both distances, so one matrix product still scores everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.vector_parts import parts_of
from stormpetrel.learning.training.examples import Float32, Signs

Float64 = NDArray[np.float64]
SAMPLE = 4096  # rows that the widths are estimated from
# The share of the first part, and how probable each is before there are annotations. Most of what is asked for (fields,
# woods, towns, water) an optical image tells apart better; chosen on generated scenes that no figure is of.
SHARES = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
PROBABLE = np.array([0.20, 0.20, 0.30, 0.15, 0.10, 0.05])
RIDGE = 0.1  # of the regression that the shares are compared by
MOST_COMPARED = 500  # of the newest examples: the regression takes their number cubed


@dataclass(frozen=True)
class Kernel:
    """exp(-sum over parts of share * width * |x - y|^2), for vectors whose parts have these lengths and widths."""

    lengths: tuple[int, ...]
    widths: tuple[float, ...]

    def scale(self, vectors: Float32, signs: Signs) -> Float32:
        """What each dimension's squared difference counts, float32, shape (dimensions,), for a label with these
        examples (n, dimensions) and signs (1 and -1)."""
        if len(self.lengths) == 1:
            shares: tuple[float, ...] = (1.0,)
        else:
            first = self._share_of_the_first(vectors, signs)
            shares = (first, 1.0 - first)
        counts = [share * width for share, width in zip(shares, self.widths, strict=True)]
        return np.repeat(counts, self.lengths).astype(np.float32)

    def _share_of_the_first(self, vectors: Float32, signs: Signs) -> float:
        """The mean of all shares, each as probable as it was before and as the examples are by it: by how well a kernel
        regression tells each example's sign from all others (leave one out, in closed form)."""
        if len(set(signs.tolist())) < 2:
            return float(SHARES @ PROBABLE)
        newest, parts = vectors[-MOST_COMPARED:].astype(np.float64), self.lengths[0]
        targets = signs[-MOST_COMPARED:].astype(np.float64)
        if len(set(targets.tolist())) < 2:
            return float(SHARES @ PROBABLE)
        first = self.widths[0] * _squared_distances(newest[:, :parts])
        second = self.widths[1] * _squared_distances(newest[:, parts:])
        kernels = (np.exp(-(share * first + (1 - share) * second)) for share in SHARES)
        log_likelihoods = np.array([_log_likelihood(kernel, targets) for kernel in kernels])
        probable = PROBABLE * np.exp(log_likelihoods - log_likelihoods.max())
        # Rounded: the last bits of a matrix's inverse are not the same on every machine, and models must be.
        return round(float(SHARES @ probable / probable.sum()), 3)


def kernel_of(matrix: Float32) -> Kernel:
    """The kernel of a collection, fixed on the whole of it so that rounds can be compared."""
    sample = matrix[:: max(1, len(matrix) // SAMPLE)]
    lengths = parts_of(matrix.shape[1])
    parts = np.split(sample, np.cumsum(lengths)[:-1], axis=1)
    return Kernel(lengths, tuple(_width(part) for part in parts))


def _width(part: Float32) -> float:
    """1 / (dimensions * variance), as scikit-learn's `gamma="scale"`."""
    variance = float(part.astype(np.float64).var()) if len(part) else 0.0
    return 1.0 / (part.shape[1] * variance) if variance > 0 else 1.0


def _squared_distances(rows: Float64) -> Float64:
    squares = np.einsum("ij,ij->i", rows, rows)
    return np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0.0)


def _log_likelihood(kernel: Float64, targets: Float64) -> float:
    """Of targets 1 and -1 by a kernel ridge regression that never saw the one it tells; both signs count alike."""
    sizes = np.where(targets > 0, (targets > 0).sum(), (targets < 0).sum())
    weights = len(targets) / (2 * sizes)
    inverse = np.linalg.inv(kernel + 1.0 + RIDGE * np.diag(1 / weights))  # 1: an intercept
    left_out = targets - (inverse @ targets) / np.diag(inverse)
    return -float((weights * np.logaddexp(0.0, -2 * targets * left_out)).sum())

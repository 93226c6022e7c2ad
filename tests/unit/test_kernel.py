"""The kernel of a label: each part of a fused vector has its width, and the annotations say what each counts."""

from __future__ import annotations

import numpy as np
import pytest

from stormpetrel.core.vector_parts import MS_DIMENSIONS, SAR_DIMENSIONS, parts_of
from stormpetrel.imagery.patches import descriptors
from stormpetrel.learning.training.examples import Float32, Signs
from stormpetrel.learning.training.kernel import PROBABLE, SHARES, kernel_of
from stormpetrel.learning.training.support_vector_ranker import fit

Halves = tuple[Float32, Signs]


def test_the_parts_are_those_of_the_descriptors() -> None:
    assert (SAR_DIMENSIONS, MS_DIMENSIONS) == (descriptors.SAR_DIMENSIONS, descriptors.MS_DIMENSIONS)
    assert sum(parts_of(descriptors.FUSED_DIMENSIONS)) == descriptors.FUSED_DIMENSIONS


def _collection(telling: str, seed: int = 4, count: int = 600) -> Halves:
    """Fused vectors of which one half tells the label apart and the other is noise that varies more."""
    rng = np.random.default_rng(seed)
    signs = np.where(rng.random(count) < 0.3, 1, -1).astype(np.int8)
    matrix = rng.standard_normal((count, SAR_DIMENSIONS + MS_DIMENSIONS)).astype(np.float32)
    told, noise = slice(0, SAR_DIMENSIONS), slice(SAR_DIMENSIONS, None)
    if telling == "optical":
        told, noise = noise, told
    matrix[:, told] = 0.05 * matrix[:, told] + 0.06 * signs[:, None]
    matrix[:, noise] *= 0.5
    return matrix, signs


@pytest.mark.parametrize("telling", ["radar", "optical"])
def test_a_label_counts_the_half_that_tells_it_apart(telling: str) -> None:
    matrix, signs = _collection(telling)
    kernel = kernel_of(matrix)
    labelled, rest = slice(0, 30), slice(30, None)
    scale = kernel.scale(matrix[labelled], signs[labelled])
    radar_share = scale[0] / kernel.widths[0]
    assert radar_share > 0.8 if telling == "radar" else radar_share < 0.2
    ranker = fit(matrix[labelled], signs[labelled], kernel)
    assert ((ranker.scores(matrix[rest]) > 0) == (signs[rest] > 0)).mean() > 0.97


def test_without_both_signs_each_half_counts_as_it_is_probable() -> None:
    matrix, _ = _collection("radar")
    kernel = kernel_of(matrix)
    scale = kernel.scale(matrix[:3], np.ones(3, np.int8))
    assert scale[0] / kernel.widths[0] == pytest.approx(float(SHARES @ PROBABLE))
    assert PROBABLE.sum() == pytest.approx(1)


def test_the_width_of_a_half_does_not_matter() -> None:
    """The same ranking, whatever weight early fusion gives its halves."""
    matrix, signs = _collection("optical")
    heavier = matrix.copy()
    heavier[:, :SAR_DIMENSIONS] *= 10
    scores = [fit(each[:40], signs[:40], kernel_of(each)).scores(each) for each in (matrix, heavier)]
    assert np.allclose(*scores, atol=1e-3)


def test_many_examples_are_compared_by_the_newest() -> None:
    matrix, signs = _collection("radar", count=900)
    scale = kernel_of(matrix).scale(matrix, signs)
    assert np.isfinite(scale).all() and scale.shape == (272,)
    one_sided = np.r_[-np.ones(1, np.int8), np.ones(899, np.int8)]
    assert np.isfinite(kernel_of(matrix).scale(matrix, one_sided)).all()


def test_any_other_vector_has_one_width() -> None:
    matrix = np.random.default_rng(1).standard_normal((50, 384)).astype(np.float32)
    kernel = kernel_of(matrix)
    assert kernel.lengths == (384,)
    assert np.unique(kernel.scale(matrix[:4], np.array([1, -1, 1, -1], np.int8))).size == 1
    assert kernel_of(np.zeros((0, 272), np.float32)).widths == (1.0, 1.0)

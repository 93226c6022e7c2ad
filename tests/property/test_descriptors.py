"""Laws of the descriptors: kernels equal their numpy references; gain, turns, constant intensity, speckle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stormpetrel.imagery.patches.cutting import early_fusion, unit
from stormpetrel.imagery.patches.descriptors import EXCITATIONS
from stormpetrel.imagery.patches.histogram import bins_of, histogram_plain, histograms
from stormpetrel.imagery.patches.weber import epsilon_of, weber, weber_plain

SIZE = 40
QUARTER_TURN = 2 * EXCITATIONS
# No positive intensity is under 2**-16: a window's float64 sums are exact then, even without epsilon.
intensities = arrays.arrays(
    np.float32,
    (SIZE, SIZE),
    elements=st.one_of(st.sampled_from(np.float32([np.nan, 0])), st.floats(2**-16, 100, width=32)),
    fill=st.floats(2**-7, 1, width=32),
)
bands = arrays.arrays(np.uint16, (4, SIZE, SIZE), elements=st.integers(0, 65535), fill=st.integers(0, 5000))


def speckle(looks: float, shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape).astype(np.float32)


@given(intensities, st.sampled_from([0.0, 0.25, 4.0]))
@settings(max_examples=40, deadline=None)
def test_the_weber_kernel_equals_its_numpy_reference(intensity: np.ndarray, epsilon: float) -> None:
    assert (weber(intensity, epsilon, SIZE)[0, 0] == weber_plain(intensity, epsilon)).all()


@given(bands, st.sampled_from([0, -1000]))
@settings(max_examples=40, deadline=None)
def test_the_histogram_kernel_equals_its_numpy_reference(stack: np.ndarray, offset: int) -> None:
    plain = histogram_plain(list(stack), (offset,) * 4)
    assert (histograms(list(stack), (offset,) * 4, SIZE)[0, 0] == plain).all()
    valid = int((stack > 0).all(axis=0).sum())
    assert plain.reshape(4, 32).sum(axis=1).tolist() == [valid] * 4, "a pixel is counted in all bands or in none"


@given(intensities, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_quarter_turn_is_a_circular_shift_of_the_orientations(intensity: np.ndarray, turns: int) -> None:
    filled = np.nan_to_num(intensity)
    if (np.diff(filled, axis=0) == 0).any() and (np.diff(filled) == 0).any():  # without a gradient nothing turns
        intensity = intensity + speckle(1, intensity.shape)
    upright = weber(intensity, 0.5, SIZE)[0, 0]
    turned = weber(np.rot90(intensity, turns), 0.5, SIZE)[0, 0]
    assert (turned == np.roll(upright, turns * QUARTER_TURN)).all()


@pytest.mark.parametrize("gain", [0.25, 4.0, 1024.0])
def test_a_gain_changes_nothing(gain: float) -> None:
    intensity = speckle(4.4, (240, 240))
    intensity[:120] *= np.float32(20)
    amplified = (intensity * np.float32(gain)).astype(np.float32)
    counts = weber(intensity, float(epsilon_of(intensity)))
    assert counts.sum() == 4 * (120 - 6) ** 2
    assert (counts == weber(amplified, float(epsilon_of(amplified)))).all()


def test_constant_intensity_fills_one_bin_and_nodata_none() -> None:
    constant = np.full((120, 120), 0.07, dtype=np.float32)
    counts = weber(constant, float(epsilon_of(constant)))[0, 0]
    assert np.flatnonzero(counts).tolist() == [EXCITATIONS // 2]
    assert counts.sum() == (120 - 6) ** 2
    assert weber(np.full((120, 120), np.nan, dtype=np.float32), 0.0).sum() == 0


def test_pure_speckle_has_no_direction_and_does_not_saturate() -> None:
    single_look = speckle(1, (1200, 1200))
    counts = weber(single_look, float(epsilon_of(single_look))).sum(axis=(0, 1)).reshape(8, EXCITATIONS)
    shares = counts.sum(axis=1) / counts.sum()
    assert np.abs(shares - 1 / 8).max() < 0.005
    assert counts[:, [0, -1]].sum() / counts.sum() < 0.02


def test_a_patch_is_described_by_its_own_pixels_alone() -> None:
    scene = speckle(4.4, (360, 360))
    whole = weber(scene, 1.0)
    assert whole[1, 1].sum() == (120 - 6) ** 2
    assert (weber(scene[120:240, 120:240], 1.0)[0, 0] == whole[1, 1]).all()


def test_bins_do_not_depend_on_the_scene_and_offsets_shift_them() -> None:
    plain, shifted = bins_of(0), bins_of(-1000)
    assert plain[0] == shifted[0] == 255
    assert (shifted[1001:] == plain[1 : 65536 - 1000]).all()
    assert plain[10_000] == plain[65_535] == 31
    assert (np.diff(plain[1:].astype(int)) >= 0).all()


@given(
    arrays.arrays(np.uint32, 144, elements=st.integers(0, 500)),
    arrays.arrays(np.uint32, 128, elements=st.integers(0, 500)),
)
@settings(max_examples=30, deadline=None)
def test_descriptors_are_unit_vectors(one: np.ndarray, two: np.ndarray) -> None:
    one[0], two[0] = one[0] + 1, two[0] + 1
    sar, ms = unit(one), unit(two)
    for vector in (sar, ms, early_fusion(sar, ms)):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert not unit(np.zeros(144, dtype=np.uint32)).any()

"""Laws of the descriptors: kernels equal their plain twins, gain, turns, constant ground, speckle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stormpetrel.imagery.patches.cutting import fused, unit
from stormpetrel.imagery.patches.descriptors import EXCITATIONS
from stormpetrel.imagery.patches.histogram import bins_of, histogram_plain, histograms
from stormpetrel.imagery.patches.weber import epsilon_of, weber, weber_plain

SIDE = 40
QUARTER_TURN = 2 * EXCITATIONS
intensities = arrays.arrays(
    np.float32,
    (SIDE, SIDE),
    elements=st.one_of(st.just(np.float32(np.nan)), st.floats(0, 100, width=32)),
    fill=st.floats(0.0078125, 1, width=32),
)
bands = arrays.arrays(np.uint16, (4, SIDE, SIDE), elements=st.integers(0, 65535), fill=st.integers(0, 5000))


def speckle(looks: float, shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape).astype(np.float32)


@given(intensities, st.sampled_from([0.0, 0.25, 4.0]))
@settings(max_examples=40, deadline=None)
def test_the_weber_kernel_equals_its_plain_twin(intensity: np.ndarray, epsilon: float) -> None:
    assert (weber(intensity, epsilon, SIDE)[0, 0] == weber_plain(intensity, epsilon)).all()


@given(bands, st.sampled_from([0, -1000]))
@settings(max_examples=40, deadline=None)
def test_the_histogram_kernel_equals_its_plain_twin(stack: np.ndarray, offset: int) -> None:
    plain = histogram_plain(list(stack), (offset,) * 4)
    assert (histograms(list(stack), (offset,) * 4, SIDE)[0, 0] == plain).all()
    known = int((stack > 0).all(axis=0).sum())
    assert plain.reshape(4, 32).sum(axis=1).tolist() == [known] * 4, "a pixel is known in all bands or in none"


@given(intensities, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_quarter_turn_is_a_circular_shift_of_the_orientations(intensity: np.ndarray, turns: int) -> None:
    flat = (np.diff(np.nan_to_num(intensity), axis=0) == 0).any() and (np.diff(np.nan_to_num(intensity)) == 0).any()
    if flat:  # where both ratios are 1 there is no direction to turn
        intensity = intensity + speckle(1, intensity.shape)
    upright = weber(intensity, 0.5, SIDE)[0, 0]
    turned = weber(np.rot90(intensity, turns), 0.5, SIDE)[0, 0]
    assert (turned == np.roll(upright, turns * QUARTER_TURN)).all()


@pytest.mark.parametrize("gain", [0.25, 4.0, 1024.0])
def test_a_gain_changes_nothing(gain: float) -> None:
    ground = speckle(4.4, (240, 240))
    ground[:120] *= np.float32(20)
    louder = (ground * np.float32(gain)).astype(np.float32)
    assert (weber(ground, float(epsilon_of(ground))) == weber(louder, float(epsilon_of(louder)))).all()


def test_constant_ground_fills_one_bin_and_nodata_none() -> None:
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
    assert (weber(scene[120:240, 120:240], 1.0)[0, 0] == whole[1, 1]).all()


def test_ranges_are_the_same_for_all_scenes_and_offsets_are_applied() -> None:
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
    for vector in (sar, ms, fused(sar, ms)):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert not unit(np.zeros(144, dtype=np.uint32)).any()

"""New water against the history of a cell: the change test's laws, and generated floods of five kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.evaluation.generated_floods import KINDS, flood_report
from stormpetrel.imagery.water.change_test import history_of, new_water_probability
from stormpetrel.imagery.water.radar_features import multi_looked
from stormpetrel.imagery.water.water_model import load_models


def cell(vv: float, vh: float) -> np.ndarray:
    return np.float32([[[vv]], [[vh]]])


def probability(today: np.ndarray, *references: np.ndarray) -> float:
    return float(new_water_probability(today, history_of(references))[0, 0])


@given(st.floats(-24, -2), st.floats(-30, -10), st.integers(1, 7))
def test_ground_that_looks_as_always_is_no_new_water_whatever_it_is(vv: float, vh: float, count: int) -> None:
    assert probability(cell(vv, vh), *[cell(vv, vh)] * count) < 0.15


def test_a_field_that_becomes_dark_is_new_water_and_one_that_always_was_is_not() -> None:
    assert probability(cell(-21, -28), *[cell(-11, -18)] * 5) > 0.95
    assert probability(cell(-21, -28), *[cell(-20, -27)] * 5) < 0.1


def test_woods_and_streets_that_become_brighter_hold_water_and_bare_ground_does_not() -> None:
    assert probability(cell(-4.5, -12), *[cell(-8.5, -13.5)] * 5) > 0.5
    assert probability(cell(-10.5, -16), *[cell(-14.5, -17.5)] * 5) < 0.5


def test_ground_that_varies_must_change_more() -> None:
    steady = [cell(-12 + step, -19 + step) for step in (0.0, 0.1, -0.1, 0.2, 0.0)]
    restless = [cell(-12 + step, -19 + step) for step in (0.0, 4.0, -4.0, 3.0, -3.0)]
    today = cell(-20, -27)
    assert probability(today, *restless) < probability(today, *steady)


def test_the_last_five_references_count_and_cells_that_none_has_are_unknown() -> None:
    old, recent = cell(-21, -28), cell(-11, -18)
    assert history_of([old] * 3 + [recent] * 5).median[0, 0, 0] == -11
    unseen = cell(np.nan, np.nan)
    assert np.isnan(probability(cell(-21, -28), unseen, unseen))
    assert np.isnan(probability(unseen, recent))
    assert probability(cell(-21, -28), unseen, recent, unseen) > 0.8
    assert history_of([unseen, cell(-10, -18), cell(-12, -18)]).median[0, 0, 0] == -11
    with pytest.raises(ValueError, match="at least one of the same orbit"):
        history_of([])


def test_vv_alone_finds_open_water() -> None:
    assert probability(cell(-21, -28)[:1], cell(-11, -18)[:1]) > 0.8


def test_multi_looking_keeps_the_level_and_what_is_unknown() -> None:
    image = np.random.default_rng(1).gamma(4.4, 0.01 / 4.4, (60, 60)).astype(np.float32)
    image[:20] = np.nan
    looked = multi_looked(image)
    assert looked.shape == (30, 30)
    assert np.isnan(looked[:10]).all()
    assert np.mean(looked[10:]) == pytest.approx(-20, abs=0.3)
    assert np.std(looked[10:]) < 1.2


def test_a_series_finds_what_one_image_cannot_and_takes_wet_snow_for_none() -> None:
    report = flood_report(load_models()["VV", "VH"])
    assert set(report) == set(KINDS)
    for kind in ("under_trees", "towns"):
        assert report[kind]["references_5"]["iou"] > report[kind]["one_image"]["iou"] + 0.1
    assert report["open_land"]["references_5"]["iou"] > 0.7
    assert report["wet_snow"]["references_5"]["false_share"] < 0.05
    assert (
        report["always_dark"]["references_5"]["false_share"] < 0.05 < report["always_dark"]["one_image"]["false_share"]
    )

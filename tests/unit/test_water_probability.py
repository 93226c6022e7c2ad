"""Water of one radar image as a probability: features, trees, calibration, and who may judge which image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.evaluation.mask_agreement import brier, reliability
from stormpetrel.evaluation.water_images import water_images
from stormpetrel.evaluation.water_report import water_report
from stormpetrel.evaluation.water_training import flat_trees, judging_models, train_water
from stormpetrel.imagery.water.boosted_trees import BoostedTrees
from stormpetrel.imagery.water.detection import NODATA, ndwi_levels
from stormpetrel.imagery.water.optical_probability import optical_probability
from stormpetrel.imagery.water.radar_features import radar_features
from stormpetrel.imagery.water.water_model import joined_probability, load_models, save_models, water_extent

SIDE = 96
Folder = Callable[[int], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a folder of that many radar images, each with a lake elsewhere, speckle of 4.4 looks, and a mask."""

    def make(count: int) -> Path:
        for number in range(count):
            rng = np.random.default_rng(number)
            truth = np.zeros((SIDE, SIDE), dtype=np.uint8)
            truth[10 + 8 * number : 60 + 8 * number, 20:70] = 1
            speckle = rng.gamma(4.4, 1 / 4.4, (2, SIDE, SIDE))
            decibels = np.where(truth == 1, [[[-21]], [[-28]]], [[[-10]], [[-16]]]) + 10 * np.log10(speckle)
            _write(tmp_path / f"Lake_{number}_S1.tif", decibels.astype(np.float32))
            _write(tmp_path / f"Lake_{number}_drawn_water.tif", truth[None])
        return tmp_path

    return make


def _write(path: Path, values: np.ndarray) -> None:
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", driver="GTiff", dtype=values.dtype.name, **shape) as out:
        out.write(values)


def test_features_of_uniform_ground_are_its_decibels_and_no_spread() -> None:
    features, valid = radar_features([np.full((9, 8), 0.01, dtype=np.float32)])
    assert features.shape == (5, 4, 6)
    assert valid.all()
    np.testing.assert_allclose(features[..., :4], -20, atol=1e-3)
    np.testing.assert_allclose(features[..., 4:], 0, atol=1e-2)


def test_nodata_does_not_darken_the_ground_beside_it() -> None:
    image = np.full((40, 40), 0.1, dtype=np.float32)
    image[:, :20] = np.nan
    features, valid = radar_features([image])
    assert not valid[:, :10].any()
    np.testing.assert_allclose(features[valid][:, :4], -10, atol=1e-3)


def test_the_flat_trees_say_what_the_fitted_classifier_says_and_survive_their_json() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(800, 3)).astype(np.float32)
    classifier = HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=6, early_stopping=False)
    classifier.fit(rows, rows[:, 0] * rows[:, 1] > 0.2)
    trees = flat_trees(classifier)
    again = BoostedTrees.from_fields(json.loads(json.dumps(trees.fields())), 3)
    for each in (trees, again):
        np.testing.assert_allclose(each.log_odds(rows), classifier.decision_function(rows), atol=1e-3)


@pytest.mark.parametrize("change", [{"left": [0, 0, 0]}, {"feature": [7, -1, -1]}, {"roots": [9]}, {"value": [0.0]}])
def test_arrays_that_are_no_trees_are_refused(change: dict[str, list[float]]) -> None:
    fields = {"start": 0.0, "roots": [0], "feature": [0, -1, -1], "left": [1, 0, 0], "right": [2, 0, 0]}
    fields |= {"threshold": [0.0, 0.0, 0.0], "value": [0.0, -1.0, 1.0]}
    assert BoostedTrees.from_fields(fields, 1).log_odds(np.float32([[-1], [1]])).tolist() == [-1.0, 1.0]
    with pytest.raises(ValueError):
        BoostedTrees.from_fields(fields | change, 1)


def test_lakes_are_found_by_a_model_of_other_lakes_and_nodata_stays_unknown(folder: Folder, tmp_path: Path) -> None:
    images = list(water_images(folder(3)))
    file = tmp_path / "water.json"
    save_models([train_water(images[:2], ("VV", "VH"), lambda _: None)], file)
    model = load_models(file)["VV", "VH"]
    assert model.mndwi is None
    assert model.has_seen(images[0].digest)
    assert not model.has_seen(images[2].digest)
    unseen = [band.copy() for band in images[2].backscatter]
    unseen[1][:5] = np.nan
    probability = model.probability(unseen)
    assert np.isnan(probability[:5]).all()
    extent = water_extent(probability, model.least)
    assert not extent[:5].any()
    assert (extent & images[2].water).sum() / (extent | images[2].water).sum() > 0.85


def test_an_image_is_judged_only_by_a_model_that_never_saw_it(folder: Folder, tmp_path: Path) -> None:
    images = list(water_images(folder(3)))
    for name, model in judging_models(images, None).items():
        assert name not in model.learned_from
        assert len(model.learned_from) == 2
    shipped = train_water(images[:1], ("VV", "VH"), lambda _: None)
    assert judging_models(images[1:], shipped) == {"Lake_1": shipped, "Lake_2": shipped}
    assert judging_models(images[:1], shipped) == {}
    save_models([shipped], tmp_path / "water.json")
    for path in tmp_path.glob("Lake_[12]*"):
        path.unlink()
    report = water_report([tmp_path], tmp_path / "water.json")
    assert report["water"]["Lake_0"]["radar"] is None
    assert "learned from this image" in report["water"]["Lake_0"]["reason"]


def test_a_broken_model_says_how_to_learn_it_again(tmp_path: Path) -> None:
    file = tmp_path / "water.json"
    for text in ("", "{}", '{"models": [{"polarisations": ["VV"], "features": ["VV"]}]}', '{"models": [3]}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ModelUnavailable, match="stormpetrel train water"):
            load_models(file)


def test_index_values_are_probable_water_above_the_threshold_and_unknown_under_clouds() -> None:
    green, infrared = (np.full((120, 120), value, dtype=np.uint16) for value in (800, 2800))
    infrared[40:80] = 200
    levels = ndwi_levels(green, infrared, (0, 0))
    levels[:, :30] = NODATA
    probability = optical_probability(levels)
    assert np.isnan(probability[:, :30]).all()
    assert probability[40:80, 30:].min() > 0.95
    assert probability[:40, 30:].max() < 0.05


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.05, 0.5))
def test_two_sensors_that_agree_are_surer_than_each_and_one_alone_counts_as_it_is(
    radar: float, optical: float, share: float
) -> None:
    seen, unseen = np.float32([radar]), np.float32([np.nan])
    if min(radar, optical) > share:
        assert joined_probability(seen, np.float32([optical]), share)[0] >= max(radar, optical) - 1e-3
    assert joined_probability(seen, unseen, share) == seen
    assert joined_probability(unseen, seen, share) == seen
    assert np.isnan(joined_probability(unseen, unseen, share))


def test_brier_score_and_reliability_of_probabilities() -> None:
    probability, truth = np.float32([0.05, 0.05, 1.0, 0.95]), np.array([False, True, True, True])
    assert brier(probability, truth, np.ones(4, dtype=bool)) == pytest.approx(0.2269, abs=1e-4)
    assert brier(probability, truth, np.zeros(4, dtype=bool)) is None
    assert reliability(probability, truth) == [
        {"from": 0.0, "said": 0.05, "water": 0.5, "pixels": 2},
        {"from": 0.9, "said": 0.975, "water": 1.0, "pixels": 2},
    ]


def test_the_three_quadrants_are_judged_by_models_that_never_saw_them(data: Path) -> None:
    report = water_report([data / "s1s2_spain_flood_2019"])
    figures = report["water"]
    assert len(figures) == 3
    assert np.mean([each["radar"]["iou"] for each in figures.values()]) >= 0.5
    assert all(each["radar"]["brier"] < 0.15 for each in figures.values())
    assert all("agrees with a mask drawn by hand by an IoU of .68" in each["against"] for each in figures.values())

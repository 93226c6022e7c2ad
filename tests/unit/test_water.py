"""Water, new water and shifts of generated images; the evaluations on folders laid out like the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.patch_retrieval import evaluate_patch_sets
from stormpetrel.evaluation.patches import evaluate
from stormpetrel.imagery.registration import block_shift, consensus_shift
from stormpetrel.imagery.water import detection as water
from stormpetrel.imagery.water.unseen import Unseen, unseen_ground


def scene(water_db: float, land_db: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(linear intensity, truth): a lake in the middle, with speckle of 4.4 looks."""
    truth = np.zeros((300, 300), dtype=bool)
    truth[90:210, 90:210] = True
    speckle = np.random.default_rng(seed).gamma(4.4, 1 / 4.4, truth.shape)
    return (10 ** (np.where(truth, water_db, land_db) / 10) * speckle).astype(np.float32), truth


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


@given(st.floats(-24, -19), st.floats(-12, -7))
@settings(max_examples=15, deadline=None)
def test_a_lake_is_detected_by_a_threshold_between_water_and_land(water_db: float, land_db: float) -> None:
    intensity, truth = scene(water_db, land_db)
    detected = water.radar_water(water.decibel_levels(intensity))
    assert water_db < detected.threshold < land_db
    assert iou(detected.mask, truth) > 0.9
    assert detected.confidence > 0.5


def test_without_water_the_mask_is_empty_and_the_confidence_low() -> None:
    intensity, _ = scene(-9, -9)
    detected = water.radar_water(water.decibel_levels(intensity))
    assert detected.mask.mean() < 0.001
    assert detected.confidence < 0.05


def test_water_of_the_reference_image_is_not_new_and_nodata_is_not_valid() -> None:
    image, truth = scene(-21, -10)
    reference, _ = scene(-10, -10, seed=2)
    reference[90:150, 90:210] = 10**-2.1
    image[:30] = np.nan
    levels = [water.decibel_levels(intensity) for intensity in (image, reference)]
    new_water = water.new_radar_water(*(water.radar_water(level) for level in levels), *levels)
    new = truth.copy()
    new[90:150] = False
    assert iou(new_water.mask, new) > 0.85
    assert not new_water.valid[:30].any()
    assert not (new_water.mask & ~new_water.valid).any()


def test_ground_that_cannot_show_new_water_is_told_apart_from_dry_ground() -> None:
    before, lake = scene(-20, -10)
    before[:60] = 10**0.3
    before[270:] = np.nan
    levels = water.decibel_levels(before)
    reasons = unseen_ground(levels, water.radar_water(levels).mask)
    assert (reasons[:58] == Unseen.BUILT_UP).mean() > 0.95
    assert (reasons[lake] == Unseen.ALWAYS_DARK).mean() > 0.9
    assert (reasons[220:265] == 0).mean() > 0.99
    assert (reasons[272:] == 0).all(), "nodata is told as nodata"


def test_there_is_no_ndwi_water_under_clouds() -> None:
    green, infrared = (np.full((120, 120), value, dtype=np.uint16) for value in (1800, 3800))
    infrared[40:80] = 1200
    detected = water.optical_water(water.ndwi_levels(green, infrared, (-1000, -1000)))
    assert detected.mask[40:80].all()
    assert detected.mask.mean() == pytest.approx(1 / 3)
    clouded = water.ndwi_levels(green, infrared, (-1000, -1000))
    clouded[:, :60] = water.NODATA
    assert not water.optical_water(clouded).mask[:, :60].any()


@pytest.mark.parametrize(("east", "north"), [(0, 0), (5, -3), (-2, 7)])
def test_a_shift_between_radar_and_optical_is_measured(east: int, north: int) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(3)
    land = gaussian_filter(rng.standard_normal((440, 440)), 8) > 0
    optical = np.where(land, 3000.0, 400.0)[20:404, 20:404].astype(np.float32)
    moved = np.roll(land, (-north, east), axis=(0, 1))[20:404, 20:404]
    radar = (np.where(moved, -9.0, -20.0) + rng.standard_normal((384, 384))).astype(np.float32)
    shift = block_shift(radar, optical)
    assert shift == pytest.approx((east, north), abs=0.5)


def test_an_outlying_block_does_not_change_the_shift() -> None:
    shift = consensus_shift([(0.1, 0.0), (0.0, 0.2), (0.2, 0.1), (14.0, -9.0)])
    assert shift is not None
    assert (shift.east, shift.north) == pytest.approx((0.1, 0.1), abs=0.1)
    assert shift.certainty == 0.75
    assert consensus_shift([]) is None


def _bigearthnet(folder: Path, kinds: int = 8) -> Path:
    """Pairs of two land cover classes that both sensors distinguish."""
    rng = np.random.default_rng(5)
    rows = ["sensor,patch,acquired,country,lon,lat,epsg,rows,cols,labels_clc43,paired_patch"]
    profile = {
        "driver": "GTiff",
        "width": 120,
        "height": 120,
        "count": 1,
        "crs": CRS.from_epsg(32632),
        "transform": Affine(10, 0, 5e5, 0, -10, 5e6),
    }
    for number in range(kinds):
        wet = number % 2 == 0
        s1, s2, label = f"S1A_{number}", f"S2A_{number}", "Water bodies" if wet else "Pastures"
        for name, values in {
            f"S2/{s2}/{s2}_{band}": 300 + 40 * k if wet else 900 + 700 * k
            for k, band in enumerate(("B02", "B03", "B04", "B08"))
        }.items():
            _write(folder / f"{name}.tif", (values + rng.normal(0, 30, (120, 120))).astype(np.uint16), profile)
        speckle = 10 * np.log10(rng.gamma(4.4 if wet else 1.0, 1, (120, 120)) / 40)
        _write(folder / f"S1/{s1}/{s1}_VV.tif", speckle.astype(np.float32), profile)
        rows.append(f"S2,{s2},2020-01-01T00:00:00,X,1,1,32632,120,120,{label},{s1}")
        rows.append(f"S1,{s1},2020-01-01T00:00:00,X,1,1,32632,120,120,{label},{s2}")
    (folder / "patches.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def _write(path: Path, values: np.ndarray, profile: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", dtype=values.dtype.name, **profile) as out:
        out.write(values, 1)


def test_the_evaluations_read_a_folder_laid_out_like_the_real_one(tmp_path: Path) -> None:
    report = evaluate(_bigearthnet(tmp_path))
    intervals = dict.fromkeys(("sar", "ms", "fused"), (1.0, 1.0))
    assert report["retrieval_map"] == {"sar": 1.0, "ms": 1.0, "fused": 1.0, "ci": intervals}
    late_fusion = evaluate_patch_sets(tmp_path)[tmp_path.name]
    assert late_fusion["queries"] == 32, "eight patches, each cut in four"
    assert {method: figures["map"] for method, figures in late_fusion["methods"].items() if figures["map"] < 1} == {}
    assert late_fusion["methods"]["weighted_scores"]["map"] == 1.0
    assert (late_fusion["fused"], late_fusion["best_single"]) == ("weighted_scores", "sar")
    p_values_and_loss = [late_fusion[key] for key in ("p_vs_best_single", "p_vs_rrf", "lost_share")]
    assert p_values_and_loss == [1.0, 1.0, 0.0], "every method is perfect here"


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="laid out"):
        evaluate(tmp_path)


def test_the_evaluation_measures_the_real_samples(data: Path) -> None:
    report = evaluate(data)
    intervals = report["retrieval_map"].pop("ci")
    assert set(report["retrieval_map"]) == set(intervals) == {"sar", "ms", "fused"}
    for name, figure in report["retrieval_map"].items():
        assert 0 < intervals[name][0] <= figure <= intervals[name][1]
    figures = [figure for scores in report["new_water"].values() for figure in scores.values()]
    assert 0 <= min(figures) <= max(figures) <= 1
    assert report["new_water"]["Boadella"]["iou"] > 0
    # Better than a mask of water everywhere (water's share is 48 %), and than chance.
    assert report["new_water"]["Spain_7370579_NE"]["iou"] > 0.5
    assert report["new_water"]["Boadella_water"]["iou"] > 0.8

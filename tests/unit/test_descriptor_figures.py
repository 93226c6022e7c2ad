"""Figures of descriptors have intervals: of mAP by whole images, of early fusion against its better half."""

from __future__ import annotations

import numpy as np
import pytest

from stormpetrel.evaluation.analyst import Scores, Session
from stormpetrel.evaluation.descriptor_retrieval import descriptor_retrieval
from stormpetrel.evaluation.fused_gain import fused_against_better_half


def test_the_map_of_descriptors_has_an_interval_by_whole_images() -> None:
    images = [name for name in "abcdefgh" for _ in range(2)]
    labels = [frozenset({"water"}) if name in "abcd" else frozenset({"wood"}) for name in images]
    telling = np.array([[1.0, 0.0] if name in "abcd" else [0.0, 1.0] for name in images], np.float32)
    noise = np.random.default_rng(0).standard_normal((16, 2)).astype(np.float32)
    report = descriptor_retrieval(images, labels, {"ms": telling, "sar": noise})
    assert (report["images"], report["patches"]) == (8, 16)
    assert report["ms"] == 1.0 and report["ci"]["ms"] == (1.0, 1.0)
    low, high = report["ci"]["sar"]
    assert low <= report["sar"] <= high and high - low > 0.05
    assert report["by_label"]["water"]["ms"] == 1.0


def test_what_nobody_can_be_asked_has_no_figure() -> None:
    report = descriptor_retrieval(["a", "a"], [frozenset({"wood"})] * 2, {"ms": np.eye(2, dtype=np.float32)})
    assert "ms" not in report and report["ci"] == {} and report["by_label"] == {}


def _sessions(scores: list[float]) -> dict[str, list[Session]]:
    return {"water": [Session([Scores(score, score)], [], [], Scores(score, score)) for score in scores]}


def test_early_fusion_is_compared_with_the_half_that_is_better_in_the_mean() -> None:
    sessions = {
        "sar": _sessions([0.6, 0.7, 0.6, 0.5]),
        "ms": _sessions([0.9, 0.8, 0.9, 0.8]),
        "fused": _sessions([0.92, 0.85, 0.9, 0.85]),
    }
    gain = fused_against_better_half(sessions)["accuracy"]
    assert gain["better_half"] == "ms" and gain["difference"] == pytest.approx(0.03)
    low, high = gain["ci"]
    assert 0 <= low < gain["difference"] < high
    assert fused_against_better_half({name: {} for name in sessions}) == {"accuracy": None, "average_precision": None}

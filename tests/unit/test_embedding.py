"""Embeddings of patches by a model of Earth observation, on a graph whose answers can be reckoned by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.imagery.patches.cutting import Strip, describe
from stormpetrel.imagery.patches.earth_model import EarthModel, bring, read_earth_manifest
from stormpetrel.imagery.patches.geobox import GeoBox
from tests.tiny_graph import write_graph

MEAN, STD = (0.1, -12.0), (0.05, 4.0)
OFFSETS = (-1000, -1000, -1000, -1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graph = write_graph(tmp_path / "tiny.onnx", 2, 60)
    bring(graph, tmp_path / "model", name="tiny", channels=("B08", "VV"), size=60, mean=MEAN, std=STD)
    return tmp_path / "model"


def strip(with_radar: bool = True) -> Strip:
    chance = np.random.default_rng(5)
    radar = chance.gamma(4, 0.02, (240, 240)).astype(np.float32)
    radar[:30, :30] = np.nan
    bands = [chance.integers(1100, 4000, (240, 240)).astype(np.uint16) for _ in range(4)]
    return Strip(GeoBox(32632, 500_000, 5_000_400, 240, 240, 240), radar if with_radar else None, bands)


def test_an_embedding_is_what_the_graph_makes_of_normalised_pixels(folder: Path) -> None:
    seen = strip()
    assert seen.radar is not None and seen.optical is not None
    patches = describe(seen, 120, 0.01, OFFSETS, EarthModel(folder))
    assert len(patches) == 4
    for patch in patches:
        rows, columns = (slice(at * 120, (at + 1) * 120) for at in patch.place)
        planes = [
            (((seen.optical[3][rows, columns] - 1000.0) / 10_000) - MEAN[0]) / STD[0],
            np.nan_to_num((10 * np.log10(seen.radar[rows, columns]) - MEAN[1]) / STD[1]),
        ]
        halved = [plane.reshape(60, 2, 60, 2).mean(axis=(1, 3)) for plane in planes]
        wanted = np.array([plane.mean() for plane in halved] + [plane.max() for plane in halved])
        assert patch.earth is not None
        assert patch.earth == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_a_patch_without_a_channel_of_the_model_has_no_embedding_and_keeps_the_rest(folder: Path) -> None:
    patches = describe(strip(with_radar=False), 120, 0.01, OFFSETS, EarthModel(folder))
    assert len(patches) == 4
    assert all(patch.earth is None and patch.ms is not None for patch in patches)


@pytest.mark.parametrize("side", [60, 90, 40])
def test_any_grid_is_brought_to_the_size_of_the_model(folder: Path, side: int) -> None:
    model = EarthModel(folder)
    vectors = model.embed(strip(), side, [(1, 1), (0, 1)], OFFSETS)
    assert vectors.shape == (2, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_changed_file_or_manifest_is_no_model(folder: Path) -> None:
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"VV"', '"HH"'))
    with pytest.raises(ModelUnavailable, match="B02, B03, B04, B08, VV"):
        read_earth_manifest(folder)
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelUnavailable, match="stormpetrel model earth"):
        EarthModel(folder)
    with pytest.raises(ModelUnavailable, match="stormpetrel model earth"):
        EarthModel(folder / "elsewhere")


def test_a_model_comes_in_by_one_command_and_wrong_facts_of_it_do_not(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "tiny.onnx", 2, 60)
    told = ["model", "earth", str(graph), str(tmp_path / "model"), "--name", "tiny", "--size", "60"]
    right = ["--channels", "B08,VV", "--mean", "0.1,-12", "--std", "0.05,4"]
    done = CliRunner().invoke(build_app(), [*told, *right])
    assert done.exit_code == 0, done.output
    assert read_earth_manifest(tmp_path / "model").dimensions == 4
    for wrong, said in (
        (["--channels", "B08", "--mean", "0", "--std", "1"], "does not take"),
        (["--channels", "B08,VV", "--mean", "0", "--std", "1"], "mean and a standard deviation"),
        (["--channels", "B08,B08", "--mean", "0,0", "--std", "1,1"], "different ones"),
    ):
        failed = CliRunner().invoke(build_app(), [*told, *wrong])
        assert failed.exit_code != 0
        assert said in str(failed.exception)

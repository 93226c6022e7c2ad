"""Embeddings of patches by an Earth-observation model, with a graph whose output can be computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.imagery.patches.cutting import describe
from stormpetrel.imagery.patches.earth_model import EarthModel, import_earth_model, read_earth_manifest
from stormpetrel.imagery.types import Strip
from tests.tiny_graph import write_graph

MEAN, STD = (0.1, -12.0), (0.05, 4.0)
OFFSETS = (-1000, -1000, -1000, -1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graph = write_graph(tmp_path / "tiny.onnx", 2, 60)
    import_earth_model(graph, tmp_path / "model", name="tiny", channels=("B08", "VV"), size=60, mean=MEAN, std=STD)
    return tmp_path / "model"


def strip(with_radar: bool = True) -> Strip:
    rng = np.random.default_rng(5)
    radar = rng.gamma(4, 0.02, (240, 240)).astype(np.float32)
    radar[:30, :30] = np.nan
    bands = [rng.integers(1100, 4000, (240, 240)).astype(np.uint16) for _ in range(4)]
    geobox = GeoBox.from_bbox((500_000, 4_998_000, 502_400, 5_000_400), "EPSG:32632", resolution=10)
    return Strip(geobox, radar if with_radar else None, bands)


def test_an_embedding_is_the_graphs_output_for_normalised_pixels(folder: Path) -> None:
    pair = strip()
    assert pair.radar is not None and pair.optical is not None
    patches = describe(pair, 120, 0.01, OFFSETS, EarthModel(folder))
    assert len(patches) == 4
    for patch in patches:
        rows, columns = (slice(at * 120, (at + 1) * 120) for at in patch.index)
        planes = [
            (((pair.optical[3][rows, columns] - 1000.0) / 10_000) - MEAN[0]) / STD[0],
            np.nan_to_num((10 * np.log10(pair.radar[rows, columns]) - MEAN[1]) / STD[1]),
        ]
        halved = [plane.reshape(60, 2, 60, 2).mean(axis=(1, 3)) for plane in planes]
        expected = np.array([plane.mean() for plane in halved] + [plane.max() for plane in halved])
        assert patch.earth is not None
        assert patch.earth == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_a_patch_without_a_channel_of_the_model_has_its_descriptors_but_no_embedding(folder: Path) -> None:
    patches = describe(strip(with_radar=False), 120, 0.01, OFFSETS, EarthModel(folder))
    assert len(patches) == 4
    assert all(patch.earth is None and patch.ms is not None for patch in patches)


@pytest.mark.parametrize("scale_level", [60, 90, 40])
def test_any_scale_level_is_resized_to_the_models_input(folder: Path, scale_level: int) -> None:
    model = EarthModel(folder)
    vectors = model.embed(strip(), scale_level, [(1, 1), (0, 1)], OFFSETS)
    assert vectors.shape == (2, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_changed_graph_or_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"VV"', '"HH"'))
    with pytest.raises(ModelUnavailable, match="B02, B03, B04, B08, VV"):
        read_earth_manifest(folder)
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelUnavailable, match="stormpetrel model earth"):
        EarthModel(folder)
    with pytest.raises(ModelUnavailable, match="stormpetrel model earth"):
        EarthModel(folder / "elsewhere")


def test_a_model_is_imported_by_one_command_and_refused_with_wrong_options(tmp_path: Path) -> None:
    graph = write_graph(tmp_path / "tiny.onnx", 2, 60)
    command = ["model", "earth", str(graph), str(tmp_path / "model"), "--name", "tiny", "--size", "60"]
    right = ["--channels", "B08,VV", "--mean", "0.1,-12", "--std", "0.05,4"]
    result = CliRunner().invoke(build_app(), [*command, *right])
    assert result.exit_code == 0, result.output
    assert read_earth_manifest(tmp_path / "model").dimensions == 4
    for wrong, message in (
        (["--channels", "B08", "--mean", "0", "--std", "1"], "does not take"),
        (["--channels", "B08,VV", "--mean", "0", "--std", "1"], "mean and a standard deviation"),
        (["--channels", "B08,B08", "--mean", "0,0", "--std", "1,1"], "different ones"),
    ):
        result = CliRunner().invoke(build_app(), [*command, *wrong])
        assert result.exit_code != 0
        assert message in str(result.exception)

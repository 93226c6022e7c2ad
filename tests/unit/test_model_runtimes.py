"""Exported graphs on both runtimes: the same vectors, a clear choice, no traces in the user's home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.models import graph as graphs
from stormpetrel.models.cores import usable_cores
from stormpetrel.models.graph import open_graph
from stormpetrel.models.openvino_graph import computes_in_bf16
from stormpetrel.posts.text.encoder import TextEncoder
from tests.chaos.light_model import light_graph
from tests.tiny_graph import write_graph

needs_openvino = pytest.mark.skipif(
    graphs.importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed on this kind of machine"
)
TEXTS = ["Flood in Genova", "Acqua alta in piazza San Marco 🌊 " * 6, "水", "", "two dead, 41 missing"]


@needs_openvino
@pytest.mark.parametrize("write", ["tiny", "light"])
def test_both_runtimes_take_a_graph_of_opset_17_and_agree(tmp_path: Path, write: str) -> None:
    file = tmp_path / "model.onnx"
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {"image": rng.normal(size=(3, 2, 8, 8)).astype(np.float32)}
    if write == "tiny":
        write_graph(file, 2, 8)
    else:
        onnx.save(light_graph(tokens=50), file)
        ids = rng.integers(1, 50, (3, 7))
        columns = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    openvino, onnxruntime = open_graph(file, 1, "openvino"), open_graph(file, 1, "onnxruntime")
    assert openvino.inputs == onnxruntime.inputs == tuple(columns)
    first, second = openvino.run(columns), onnxruntime.run(columns)
    assert first.dtype == second.dtype == np.float32
    assert first == pytest.approx(second, abs=1e-5)
    assert openvino.runtime.startswith("OpenVINO ") and onnxruntime.runtime.startswith("ONNX Runtime ")


@needs_openvino
def test_a_call_does_not_write_over_the_output_of_the_one_before(tmp_path: Path) -> None:
    graph = open_graph(write_graph(tmp_path / "model.onnx", 1, 8), 1, "openvino")
    ones = graph.run({"image": np.ones((1, 1, 8, 8), np.float32)})
    graph.run({"image": np.zeros((1, 1, 8, 8), np.float32)})
    assert ones == pytest.approx(np.ones((1, 2)))


@needs_openvino
def test_text_vectors_of_both_runtimes_are_of_one_model(model_directory: Path) -> None:
    first, second = (TextEncoder(model_directory, runtime=runtime) for runtime in ("openvino", "onnxruntime"))
    assert first.version == second.version and first.runtime != second.runtime
    cosines = (first.encode(TEXTS) * second.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999


@needs_openvino
def test_openvino_leaves_nothing_in_the_users_home(tmp_path: Path) -> None:
    program = "from stormpetrel.models.openvino_graph import import_openvino; import_openvino()"
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
    assert list(tmp_path.iterdir()) == []


def test_onnx_runtime_serves_where_openvino_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs.importlib.util, "find_spec", lambda name: None)
    file = write_graph(tmp_path / "model.onnx", 1, 8)
    assert open_graph(file, 1).runtime.startswith("ONNX Runtime ")
    with pytest.raises(SetupError, match="to auto"):
        open_graph(file, 1, "openvino")


def test_a_graph_that_openvino_does_not_take_runs_on_onnx_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("an operation that it does not know")

    monkeypatch.setattr(graphs.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(graphs, "OpenVinoGraph", refuse)
    file = write_graph(tmp_path / "model.onnx", 1, 8)
    assert open_graph(file, 1).runtime.startswith("ONNX Runtime ")
    with pytest.raises(RuntimeError, match="does not know"):
        open_graph(file, 1, "openvino")


@pytest.mark.parametrize(("flags", "answer"), [("fma avx512_bf16 amx_bf16", True), ("fma avx512f avx512_vnni", False)])
def test_bfloat16_is_for_cpus_that_have_it(tmp_path: Path, flags: str, answer: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert computes_in_bf16(tmp_path / "cpuinfo") is answer
    assert not computes_in_bf16(tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_threads_follow_the_cores_and_the_containers_quota(
    tmp_path: Path, files: dict[str, str], cores: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    everything = usable_cores(tmp_path / "no control groups")
    assert everything >= 1
    assert usable_cores(tmp_path) == (cores or everything)

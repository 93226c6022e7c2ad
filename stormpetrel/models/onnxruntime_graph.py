"""An ONNX graph on ONNX Runtime, in float32: runs wherever the product does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class OnnxRuntimeGraph:
    """A `models.graph.Graph`. Raises ONNX Runtime's error where `file` is no graph that it takes."""

    def __init__(self, file: Path, threads: int) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads take the cores of the broker and the stores on the same machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(column.name for column in self._session.get_inputs())
        self.runtime = f"ONNX Runtime {onnxruntime.__version__}, float32"

    def run(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        return np.asarray(self._session.run(None, dict(columns))[0], dtype=np.float32)

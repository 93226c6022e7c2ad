"""Opens an exported model's ONNX graph on the CPU: on OpenVINO where it is installed and takes the graph, else on ONNX
Runtime. A vector is of its model, not of the runtime: both give the same ranks (docs/decisions/0039).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from stormpetrel.core.errors import SetupError
from stormpetrel.models.cores import usable_cores
from stormpetrel.models.onnxruntime_graph import OnnxRuntimeGraph
from stormpetrel.models.openvino_graph import OpenVinoGraph

log = structlog.get_logger()
Runtime = Literal["auto", "openvino", "onnxruntime"]


class Graph(Protocol):
    """A loaded graph. `runtime` names what computes it, and in which precision; `inputs` are their names. Any thread
    may call it."""

    runtime: str
    inputs: tuple[str, ...]

    def run(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The graph's first output for inputs by name."""
        ...


def open_graph(file: Path, threads: int | None = None, runtime: Runtime = "auto", bf16: bool = False) -> Graph:
    """Loads a graph with so many threads; None: as many as the process may use cores. With `bf16`, OpenVINO computes in
    bfloat16 where the CPU does, else in float32.

    Raises SetupError where `runtime` names OpenVINO and it is not installed, and the runtime's own error where it does
    not take the graph.
    """
    threads = threads or usable_cores()
    if runtime == "onnxruntime":
        return OnnxRuntimeGraph(file, threads)
    is_installed = importlib.util.find_spec("openvino") is not None
    if runtime == "openvino":
        if not is_installed:
            raise SetupError(
                "inference.runtime is openvino, and OpenVINO is not installed: pip install openvino, "
                "or set inference.runtime to auto"
            )
        return OpenVinoGraph(file, threads, bf16)
    if is_installed:
        try:
            return OpenVinoGraph(file, threads, bf16)
        except Exception as error:  # the runtime's errors have no common class
            log.warning("OpenVINO does not take the graph; ONNX Runtime does", graph=str(file), reason=str(error))
    return OnnxRuntimeGraph(file, threads)

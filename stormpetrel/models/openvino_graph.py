"""An ONNX graph on OpenVINO, unconverted: twice as fast as ONNX Runtime where the CPU computes in bfloat16."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROCESSOR = Path("/proc/cpuinfo")
# What the kernel calls bfloat16 in hardware. OpenVINO itself says "BF16" of CPUs that only imitate it, slowly.
BF16_FLAGS = re.compile(r"\b(avx512_bf16|amx_bf16)\b")


class OpenVinoGraph:
    """A `models.graph.Graph`. Raises ImportError without OpenVINO, and its error where it does not take `file`."""

    def __init__(self, file: Path, threads: int, bf16: bool) -> None:
        openvino = import_openvino()
        precision = "bf16" if bf16 and computes_in_bf16() else "f32"
        configuration = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # Several processes on a machine would pin their threads to the same first cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._request = openvino.Core().compile_model(str(file), "CPU", configuration).create_infer_request()
        # A request holds the tensors of one call.
        self._lock = threading.Lock()
        self.inputs = tuple(column.any_name for column in self._request.model_inputs)
        release = re.split("[-+]", openvino.__version__)[0]
        self.runtime = f"OpenVINO {release}, {'bfloat16' if precision == 'bf16' else 'float32'}"

    def run(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        with self._lock:
            # The inputs are read where they are; the output is a copy, so the next call does not write over it.
            outputs = self._request.infer(dict(columns), share_inputs=True, share_outputs=False)
            return np.asarray(outputs[0], dtype=np.float32)


def import_openvino() -> Any:
    """OpenVINO without its telemetry: at import it writes an id into the user's home, and sends what it counts.

    Raises ImportError where it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def computes_in_bf16(processor: Path = PROCESSOR) -> bool:
    """Whether the CPU has instructions for bfloat16. False where the system does not say."""
    try:
        return BF16_FLAGS.search(processor.read_text()) is not None
    except OSError:
        return False

"""A model's folder in the cache: its manifest, written last, the files whose checksums it names, and its graph."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import ModelUnavailable

REMEDY = "Run `stormpetrel model export --force` to export it again"


def model_directory(cache: Path, name: str) -> Path:
    """The folder of a model in the cache."""
    return cache / re.sub(r"[^A-Za-z0-9._-]+", "--", name).strip("-.")


def read_checked(directory: Path, files: Sequence[str], remedy: str = REMEDY) -> dict[str, Any]:
    """The manifest's fields. Raises ModelUnavailable where one of `files` is missing or its checksum differs."""
    try:
        fields: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
        for name in files:
            if hashlib.sha256((directory / name).read_bytes()).hexdigest() != fields["sha256"][name]:
                raise ModelUnavailable(f"{directory / name} is not the file that was exported. {remedy}")
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelUnavailable(f"no complete model in {directory} ({error}). {remedy}") from error
    return fields


def open_graph(file: Path, threads: int) -> Any:
    """An ONNX Runtime session of this graph, on the CPU."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads take the cores of the broker and the stores on the same machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

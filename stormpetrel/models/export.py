"""Exports models into the cache, once, where torch is. Everything else runs without torch."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.models.model_store import model_directory

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "locks" / "models.txt"
Say = Callable[[str], None]


def export_model(
    script: Path, cache: Path, name: str, say: Say, arguments: Sequence[str] = (), python: Path | None = None
) -> None:
    """Writes a model's folder by its exporter: `script NAME DIRECTORY ARGUMENTS`. The folder appears complete or not at
    all.

    The script runs in `python` where it is given. Otherwise it runs in this environment if sentence-transformers is
    installed (the `models` extra), or else in a temporary environment that is removed again. Raises SetupError where
    neither can be had.
    """
    target = model_directory(cache, name)
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext(python) if python else exporting_python(cache, say) as interpreter:
        say(f"exporting {name} to ONNX")
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "ORT_DISABLE_TELEMETRY": "1"}
        command = [str(interpreter), str(script), name, str(draft.resolve()), *arguments]
        process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if process.returncode != 0 or not (draft / "manifest.json").exists():
        raise SetupError(f"the model {name} could not be exported:\n{(process.stdout + process.stderr)[-2000:]}")
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


@contextmanager
def exporting_python(cache: Path, say: Say) -> Iterator[Path]:
    """A Python with sentence-transformers: this one, or a temporary environment's. Raises SetupError."""
    if importlib.util.find_spec("sentence_transformers"):
        yield Path(sys.executable)
        return
    bundled_uv = ROOT / ".uv" / "bin" / "uv"
    uv = str(bundled_uv) if bundled_uv.exists() else shutil.which("uv")
    if uv is None or not LOCK.exists():
        raise SetupError(
            "a model is not in the cache, and this environment cannot export it. "
            "Run `make demo` in a checkout, or pip install 'stormpetrel[models]' and `stormpetrel model export`"
        )
    environment = cache.resolve() / "export-environment"
    python = environment / "bin" / "python"
    try:
        say("installing torch in a temporary environment (about 6 GB of disk, removed again)")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)])
        yield python
    finally:
        shutil.rmtree(environment, ignore_errors=True)


def _run(command: list[str]) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise SetupError(f"`{' '.join(command[:4])} ...` failed:\n{(process.stdout + process.stderr)[-2000:]}")

"""Brings the text model into the cache: exported once, where torch is, and used everywhere without it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stormpetrel.errors import ModelUnavailable, SetupError
from stormpetrel.text.encoder import read_manifest

ROOT = Path(__file__).resolve().parent.parent
EXPORTER = Path(__file__).resolve().parent / "text" / "export.py"
LOCK = ROOT / "locks" / "models.txt"


def model_directory(cache: Path, name: str) -> Path:
    """Where a model lies in the cache."""
    return cache / re.sub(r"[^A-Za-z0-9._-]+", "--", name).strip("-.")


def is_cached(cache: Path, name: str) -> bool:
    """Whether the model is in the cache, whole and with the right checksums."""
    try:
        return read_manifest(model_directory(cache, name)).model == name
    except ModelUnavailable:
        return False


def ensure_exported(cache: Path, name: str, say: Callable[[str], None]) -> Path:
    """The model's folder in the cache; exported first where it is missing or damaged.

    Uses sentence-transformers of this environment where it is installed (the `models` extra), otherwise a
    throw-away environment that is removed again. Raises SetupError where neither can be had.
    """
    target = model_directory(cache, name)
    if is_cached(cache, name):
        return target
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.parent.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("sentence_transformers"):
        say(f"exporting {name} to ONNX")
        _export(Path(sys.executable), name, making)
    else:
        _export_in_throw_away(cache.resolve(), name, making, say)
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)
    read_manifest(target)
    return target


def _export(python: Path, name: str, directory: Path) -> None:
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "ORT_DISABLE_TELEMETRY": "1"}
    command = [str(python), str(EXPORTER), name, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0 or not (directory / "manifest.json").exists():
        raise SetupError(f"the model {name} could not be exported:\n{(done.stdout + done.stderr)[-2000:]}")


def _export_in_throw_away(cache: Path, name: str, directory: Path, say: Callable[[str], None]) -> None:
    uv = _uv()
    if uv is None or not LOCK.exists():
        raise SetupError(
            f"the model {name} is not in the cache, and this environment cannot export it. "
            "Run `make demo` in a checkout, or pip install 'stormpetrel[models]' and `stormpetrel model export`"
        )
    environment = cache / "export-environment"
    python = environment / "bin" / "python"
    try:
        say("installing torch in a throw-away environment (about 6 GB of disk, removed again)")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)])
        say(f"exporting {name} to ONNX")
        _export(python, name, directory)
    finally:
        shutil.rmtree(environment, ignore_errors=True)


def _uv() -> str | None:
    beside = ROOT / ".uv" / "bin" / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"`{' '.join(command[:4])} ...` failed:\n{(done.stdout + done.stderr)[-2000:]}")

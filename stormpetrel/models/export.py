"""Brings models into the cache: exported once, where torch is, and used everywhere without it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from stormpetrel.core.errors import ModelUnavailable, SetupError
from stormpetrel.posts.text.encoder import read_manifest
from stormpetrel.posts.vision.clip import read_clip_manifest
from stormpetrel.posts.vision.model import DESCRIPTOR

ROOT = Path(__file__).resolve().parents[2]
TEXT_EXPORTER = ROOT / "stormpetrel" / "posts" / "text" / "export.py"
VISUAL_EXPORTER = ROOT / "stormpetrel" / "posts" / "vision" / "export.py"
LOCK = ROOT / "locks" / "models.txt"


def model_directory(cache: Path, name: str) -> Path:
    """Where a model lies in the cache."""
    return cache / re.sub(r"[^A-Za-z0-9._-]+", "--", name).strip("-.")


def is_cached(cache: Path, name: str) -> bool:
    """Whether the text model is in the cache, whole and with the right checksums."""
    try:
        return read_manifest(model_directory(cache, name)).model == name
    except ModelUnavailable:
        return False


def is_visual_cached(cache: Path, name: str, concepts: Sequence[str]) -> bool:
    """Whether the CLIP model is in the cache, whole, and knows these concepts."""
    try:
        manifest = read_clip_manifest(model_directory(cache, name))
    except ModelUnavailable:
        return False
    return manifest.model == name and list(manifest.concepts) == list(concepts)


def ensure_exported(cache: Path, name: str, say: Callable[[str], None]) -> Path:
    """The text model's folder in the cache; exported first where it is missing or damaged.

    Uses sentence-transformers of this environment where it is installed (the `models` extra), otherwise a
    throw-away environment that is removed again. Raises SetupError where neither can be had.
    """
    target = model_directory(cache, name)
    if not is_cached(cache, name):
        _make(TEXT_EXPORTER, cache, name, [], say)
        read_manifest(target)
    return target


def ensure_visual_exported(
    cache: Path, name: str, concepts: Sequence[str], say: Callable[[str], None], python: Path | None = None
) -> Path:
    """The same for the visual model; the one without weights needs no file. `python` exports where it is given."""
    target = model_directory(cache, name)
    if name != DESCRIPTOR and not is_visual_cached(cache, name, concepts):
        listed = cache / "concepts.json"
        cache.mkdir(parents=True, exist_ok=True)
        listed.write_text(json.dumps(list(concepts)))
        _make(VISUAL_EXPORTER, cache, name, [str(listed.resolve())], say, python)
        read_clip_manifest(target)
    return target


def _make(
    exporter: Path, cache: Path, name: str, more: Sequence[str], say: Callable[[str], None], python: Path | None = None
) -> None:
    target = model_directory(cache, name)
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext(python) if python else exporting_python(cache, say) as exporting:
        say(f"exporting {name} to ONNX")
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "ORT_DISABLE_TELEMETRY": "1"}
        command = [str(exporting), str(exporter), name, str(making.resolve()), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0 or not (making / "manifest.json").exists():
        raise SetupError(f"the model {name} could not be exported:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)


@contextmanager
def exporting_python(cache: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """A Python that has sentence-transformers: this one, or a throw-away environment's. Raises SetupError."""
    if importlib.util.find_spec("sentence_transformers"):
        yield Path(sys.executable)
        return
    uv = _uv()
    if uv is None or not LOCK.exists():
        raise SetupError(
            "a model is not in the cache, and this environment cannot export it. "
            "Run `make demo` in a checkout, or pip install 'stormpetrel[models]' and `stormpetrel model export`"
        )
    environment = cache.resolve() / "export-environment"
    python = environment / "bin" / "python"
    try:
        say("installing torch in a throw-away environment (about 6 GB of disk, removed again)")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)])
        yield python
    finally:
        shutil.rmtree(environment, ignore_errors=True)


def _uv() -> str | None:
    beside = ROOT / ".uv" / "bin" / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"`{' '.join(command[:4])} ...` failed:\n{(done.stdout + done.stderr)[-2000:]}")

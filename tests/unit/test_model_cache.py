"""The text model in the cache: damaged files are refused, and vectors do not depend on the batch."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from stormpetrel.core.errors import ModelUnavailable, SetupError
from stormpetrel.models import model_store
from stormpetrel.models.export import export_model
from stormpetrel.posts.text.encoder import TextEncoder, TextManifest, read_manifest


def test_a_damaged_model_is_not_loaded(model_directory: Path, tmp_path: Path) -> None:
    damaged = tmp_path / model_directory.name
    shutil.copytree(model_directory, damaged)
    assert TextManifest.cached(tmp_path, "all-MiniLM-L6-v2")
    with (damaged / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        TextEncoder(damaged)
    assert not TextManifest.cached(tmp_path, "all-MiniLM-L6-v2")


def test_a_model_that_was_never_exported_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="stormpetrel model export"):
        read_manifest(tmp_path / "none")


def test_names_of_hub_models_become_folders() -> None:
    directory = model_store.model_directory(Path("c"), "sentence-transformers/LaBSE")
    assert directory == Path("c/sentence-transformers--LaBSE")


def test_an_export_replaces_the_folder_and_a_failed_one_keeps_it(tmp_path: Path) -> None:
    script, folder = tmp_path / "export.py", tmp_path / "cache" / "model"
    script.write_text(
        "import pathlib, sys\nfolder = pathlib.Path(sys.argv[2])\nfolder.mkdir()\n"
        "(folder / 'manifest.json').write_text(sys.argv[3])"
    )
    for version in ("first", "second"):
        export_model(script, tmp_path / "cache", "model", print, [version], Path(sys.executable))
        assert (folder / "manifest.json").read_text() == version
    script.write_text("raise SystemExit('no memory')")
    with pytest.raises(SetupError, match="no memory"):
        export_model(script, tmp_path / "cache", "model", print, python=Path(sys.executable))
    assert (folder / "manifest.json").read_text() == "second"


TEXTS = ["Flood in Genova", "a much longer text about something else " * 8, "水", ""]


def test_vectors_do_not_depend_on_their_batch(model_directory: Path) -> None:
    encoder = TextEncoder(model_directory, runtime="onnxruntime")
    together = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert vector == pytest.approx(encoder.encode([text])[0], abs=1e-5)
    assert (together**2).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_in_bfloat16_they_do_so_by_less_than_ranks_can_see(encoder: TextEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.9995
    assert (together**2).sum(axis=1) == pytest.approx(1.0, abs=1e-3)

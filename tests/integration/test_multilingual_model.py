"""A multilingual text model is exported with its own tokenizer, on a tiny XLM-R that the test builds where torch is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.exported_model import export
from stormpetrel.posts.text.encoder import TextEncoder

pytestmark = pytest.mark.integration
BUILDER = Path(__file__).with_name("tiny_xlm_r.py")
TEXTS = [
    "Le strade sono allagate, l'acqua sale ancora",
    "Flood water in the streets",
    "الشوارع غارقة بالمياه",
    "Straßen überflutet 😱 16 Tote",
    "",
    "El río se ha desbordado y hay carreteras cortadas " * 20,
]


def test_an_exported_multilingual_model_gives_the_vectors_of_sentence_transformers(
    tmp_path: Path, torch_python: Path
) -> None:
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    name = str(tmp_path / "model")
    built = subprocess.run(
        [str(torch_python), str(BUILDER), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-3000:]
    export(tmp_path / "cache", name, print, python=torch_python)
    encoder = TextEncoder(model_directory(tmp_path / "cache", name))
    assert encoder.manifest.inputs == ("input_ids", "attention_mask")
    assert set(encoder.manifest.languages) == {"en", "it", "ar"}
    assert not encoder.manifest.knows_english_alone
    assert np.abs(encoder.encode(TEXTS) - np.load(tmp_path / "vectors.npy")).max() < 1e-4

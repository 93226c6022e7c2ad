"""Exports a CLIP model of sentence-transformers: its image encoder to ONNX, its text encoder to the vectors of the
concepts' prompts. Runs where torch is, so it imports no other module of ours.

    python export.py MODEL DIRECTORY CONCEPTS

MODEL is a name that sentence-transformers knows, or a folder; CONCEPTS a JSON file with a list of names. The graph is
compared with the original model on sample pictures. The manifest, with checksums, is written last.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

PROMPT = "a photo of {}"
MAX_DIFFERENCE = 1e-3


def samples() -> list[Any]:
    """Three pictures of different shapes."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    slope = np.add.outer(np.arange(300), np.arange(200))[..., None] % 256 * np.ones(3)
    return [Image.fromarray(noise), Image.fromarray(slope.astype(np.uint8)), Image.new("RGB", (64, 64), (120, 90, 60))]


def export(name: str, directory: Path, concepts: list[str]) -> None:
    """Writes the graph, the vectors of the concepts' prompts and the manifest."""
    import numpy as np
    import onnxruntime
    import sentence_transformers
    import torch

    model: Any = sentence_transformers.SentenceTransformer(name, device="cpu").eval()
    clip, processor = model[0].model, model[0].processor
    if not hasattr(clip, "get_image_features"):
        raise SystemExit(f"{name} is no CLIP model: it has no image encoder")
    images = processor.image_processor
    pixels = images(images=samples(), return_tensors="pt")["pixel_values"]
    directory.mkdir(parents=True, exist_ok=True)
    graph = directory / "image.onnx"
    write_graph(clip, pixels, graph)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    vectors = session.run(None, {"pixels": pixels.numpy()})[0]
    difference = float(np.abs(vectors - model.encode(samples(), normalize_embeddings=True)).max())
    if difference > MAX_DIFFERENCE:
        raise SystemExit(f"the exported graph of {name} differs from the model by {difference}; it is discarded")
    prompts = model.encode([PROMPT.format(concept) for concept in concepts], normalize_embeddings=True)
    np.save(directory / "prompts.npy", np.asarray(prompts, dtype=np.float32))
    manifest = {
        "model": name,
        "dimensions": int(vectors.shape[1]),
        "size": int(pixels.shape[-1]),
        "mean": list(images.image_mean),
        "deviation": list(images.image_std),
        "concepts": concepts,
        "largest_difference": difference,
        "exported_with": {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__},
        "sha256": {
            file: hashlib.sha256((directory / file).read_bytes()).hexdigest() for file in ("image.onnx", "prompts.npy")
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))


def write_graph(clip: Any, pixels: Any, file: Path) -> None:
    """Writes the image encoder as a graph from float32 pixels, shape (batch, 3, size, size), to unit vectors."""
    import torch

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, pixels: Any) -> Any:
            features = self.clip.get_image_features(pixel_values=pixels)
            return torch.nn.functional.normalize(getattr(features, "pooler_output", features), p=2, dim=1)

    with torch.no_grad():
        torch.onnx.export(
            Graph().eval(),
            (pixels,),
            file,
            input_names=["pixels"],
            output_names=["unit_vector"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
        )


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()))

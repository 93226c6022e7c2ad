"""Exports a CLIP model of sentence-transformers, once: its picture side to ONNX, its words' side to the vectors of
the concepts' prompts. Runs where torch is; imports nothing of ours.

    python export.py MODEL DIRECTORY CONCEPTS

MODEL is a name that sentence-transformers knows, or a folder; CONCEPTS a JSON file with a list of names. The graph
is checked against the original model on sample pictures before its manifest, with checksums, is written last.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

PROMPT = "a photo of {}"
LARGEST_DIFFERENCE = 1e-3


def samples() -> list[Any]:
    """Three pictures of different shapes."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    slope = np.add.outer(np.arange(300), np.arange(200))[..., None] % 256 * np.ones(3)
    return [Image.fromarray(noise), Image.fromarray(slope.astype(np.uint8)), Image.new("RGB", (64, 64), (120, 90, 60))]


def export(name: str, directory: Path, concepts: list[str]) -> None:
    import numpy as np
    import onnxruntime
    import sentence_transformers
    import torch

    model: Any = sentence_transformers.SentenceTransformer(name, device="cpu").eval()
    clip, processor = model[0].model, model[0].processor
    if not hasattr(clip, "get_image_features"):
        raise SystemExit(f"{name} is no CLIP model: it has no picture side")

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, pixels: Any) -> Any:
            found = self.clip.get_image_features(pixel_values=pixels)
            return torch.nn.functional.normalize(getattr(found, "pooler_output", found), p=2, dim=1)

    pixels = processor.image_processor(images=samples(), return_tensors="pt")["pixel_values"]
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "image.onnx"
    with torch.no_grad():
        torch.onnx.export(
            Graph().eval(),
            (pixels,),
            target,
            input_names=["pixels"],
            output_names=["unit_vector"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
        )
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    ours = session.run(None, {"pixels": pixels.numpy()})[0]
    theirs = model.encode(samples(), normalize_embeddings=True)
    worst = float(np.abs(ours - theirs).max())
    if worst > LARGEST_DIFFERENCE:
        raise SystemExit(f"the exported graph of {name} differs from the model by {worst}; not kept")
    prompts = model.encode([PROMPT.format(concept) for concept in concepts], normalize_embeddings=True)
    np.save(directory / "prompts.npy", np.asarray(prompts, dtype=np.float32))
    images = processor.image_processor
    manifest = {
        "model": name,
        "dimensions": int(ours.shape[1]),
        "size": int(pixels.shape[-1]),
        "mean": list(images.image_mean),
        "deviation": list(images.image_std),
        "concepts": concepts,
        "largest_difference": worst,
        "exported_with": {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__},
        "sha256": {
            file: hashlib.sha256((directory / file).read_bytes()).hexdigest() for file in ("image.onnx", "prompts.npy")
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()))

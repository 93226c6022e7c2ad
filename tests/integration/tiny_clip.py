"""Builds a tiny CLIP model (random weights) in a folder, as sentence-transformers loads it, and notes what it sees.

    python tiny_clip.py FOLDER

Runs where torch is. `FOLDER/seen.npy` are the unit vectors of the pictures in `FOLDER/pictures`, by their names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SIZE, DIMENSIONS = 32, 24


def vocabulary() -> dict[str, int]:
    """CLIP's byte-level alphabet without any merge."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in shown] + [chr(256 + n) for n in range(256 - len(shown))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}


def build(folder: Path) -> None:
    import numpy as np
    import torch
    from PIL import Image
    from sentence_transformers import SentenceTransformer
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

    model = folder / "model"
    model.mkdir(parents=True)
    words = vocabulary()
    (model / "vocab.json").write_text(json.dumps(words))
    (model / "merges.txt").write_text("#version: 0.2\n")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        "vocab_size": len(words),
        "max_position_embeddings": 77,
        "bos_token_id": words["<|startoftext|>"],
        "eos_token_id": words["<|endoftext|>"],
        "pad_token_id": words["<|endoftext|>"],
    }
    torch.manual_seed(3)
    CLIPModel(
        CLIPConfig(
            text_config={**small, **text, "projection_dim": DIMENSIONS},
            vision_config={**small, "image_size": SIZE, "patch_size": 8, "projection_dim": DIMENSIONS},
            projection_dim=DIMENSIONS,
        )
    ).save_pretrained(model)
    CLIPProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}),
        tokenizer=CLIPTokenizerFast(vocab_file=str(model / "vocab.json"), merges_file=str(model / "merges.txt")),
    ).save_pretrained(model)
    pictures = [Image.open(file).convert("RGB") for file in sorted((folder / "pictures").iterdir())]
    seen = SentenceTransformer(str(model), device="cpu").encode(pictures, normalize_embeddings=True)
    np.save(folder / "seen.npy", seen)


if __name__ == "__main__":
    build(Path(sys.argv[1]))

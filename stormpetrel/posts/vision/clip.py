"""Runs an exported CLIP model (Radford et al. 2021) with ONNX Runtime: pictures to unit vectors, and vectors to concept
scores by zero-shot prompts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.models.model_store import model_directory, open_graph
from stormpetrel.posts.exported_model import Manifest, export
from stormpetrel.posts.vision.model import VisualFeatures
from stormpetrel.posts.vision.pictures import Picture

LOGIT_SCALE = 100.0  # of CLIP's training: scores are a softmax over 100 times the cosine
MIN_SCORE = 0.01


class ClipManifest(Manifest):
    """`concepts` are the names whose prompts were encoded, in order."""

    KIND = "CLIP model"
    FILES = ("image.onnx", "prompts.npy")
    size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    concepts: tuple[str, ...]


read_clip_manifest = ClipManifest.read


def is_clip_cached(cache: Path, name: str, concepts: Sequence[str]) -> bool:
    """Whether the CLIP model is in the cache, complete, with the prompts of these concepts."""
    manifest = ClipManifest.cached(cache, name)
    return manifest is not None and manifest.concepts == tuple(concepts)


def ensure_clip(
    cache: Path, name: str, concepts: Sequence[str], say: Callable[[str], None], python: Path | None = None
) -> Path:
    """The CLIP model's folder in the cache; the model is exported first where it is missing, damaged or of other
    concepts, by `python` where it is given. Raises SetupError where it cannot be exported."""
    if not is_clip_cached(cache, name, concepts):
        cache.mkdir(parents=True, exist_ok=True)
        concepts_file = cache.resolve() / "concepts.json"
        concepts_file.write_text(json.dumps(list(concepts)))
        export(cache, name, say, [str(concepts_file)], python)
    return model_directory(cache, name)


class ClipModel:
    """An exported CLIP model. Raises ModelUnavailable where `directory` holds none."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        self.manifest = read_clip_manifest(directory)
        self.version = self.concept_version = self.manifest.version
        self.dimensions = self.manifest.dimensions
        self._session = open_graph(directory / "image.onnx", threads)
        self._prompts: NDArray[np.float32] = np.load(directory / "prompts.npy")

    def extract(self, pictures: Sequence[Picture]) -> list[VisualFeatures]:
        """The features of each picture; the vectors are unit vectors, float32, shape (dimensions,)."""
        vectors = [self._session.run(None, {"pixels": self._pixels(picture)[None]})[0][0] for picture in pictures]
        return [VisualFeatures(vector, self.concepts(vector)) for vector in vectors]

    def concepts(self, vector: NDArray[np.float32]) -> dict[str, float]:
        """Softmax over the concepts' prompts; scores of at least 0.01."""
        logits = LOGIT_SCALE * (self._prompts @ vector).astype(np.float64)
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        named_scores = zip(self.manifest.concepts, scores.tolist(), strict=True)
        return {name: round(score, 4) for name, score in named_scores if score >= MIN_SCORE}

    def _pixels(self, picture: Picture) -> NDArray[np.float32]:
        """The model's input: the shorter side scaled to its size, cropped at the centre, normalised; float32, shape
        (3, size, size)."""
        from PIL import Image

        size = self.manifest.size
        height, width = picture.shape[:2]
        scale = size / min(height, width)
        width, height = max(size, round(width * scale)), max(size, round(height * scale))
        scaled = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
        top, left = (height - size) // 2, (width - size) // 2
        pixels = scaled[top : top + size, left : left + size].astype(np.float32) / 255
        normalised = (pixels - np.array(self.manifest.mean)) / np.array(self.manifest.deviation)
        return np.ascontiguousarray(normalised.transpose(2, 0, 1), dtype=np.float32)

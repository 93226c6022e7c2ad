"""Runs an exported CLIP model (Radford et al. 2021): pictures to unit vectors, and vectors to scores
by zero-shot prompts, of the concepts and of a flood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormpetrel.models.graph import Runtime, open_graph
from stormpetrel.models.model_store import model_directory
from stormpetrel.posts.exported_model import Manifest, export
from stormpetrel.posts.vision.model import VisualFeatures
from stormpetrel.posts.vision.pictures import Picture
from stormpetrel.posts.vision.prompts import Prompts

MIN_SCORE = 0.01


class ClipManifest(Manifest):
    """`prompts` are those that were encoded, in order; `logit_scale` is what the model learned to multiply cosines
    by before the softmax (100 in the published models)."""

    KIND = "CLIP model"
    FILES = ("image.onnx", "prompts.npy")
    size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    logit_scale: float
    prompts: Prompts


read_clip_manifest = ClipManifest.read


def is_clip_cached(cache: Path, name: str, prompts: Prompts) -> bool:
    """Whether the CLIP model is in the cache, complete, with the vectors of these prompts."""
    manifest = ClipManifest.cached(cache, name)
    return manifest is not None and manifest.prompts == prompts


def ensure_clip(
    cache: Path, name: str, prompts: Prompts, say: Callable[[str], None], python: Path | None = None
) -> Path:
    """The CLIP model's folder in the cache; the model is exported first where it is missing, damaged or of other
    prompts, by `python` where it is given. Raises SetupError where it cannot be exported."""
    if not is_clip_cached(cache, name, prompts):
        cache.mkdir(parents=True, exist_ok=True)
        prompts_file = cache.resolve() / "prompts.json"
        prompts_file.write_text(prompts.model_dump_json())
        export(cache, name, say, [str(prompts_file)], python)
    return model_directory(cache, name)


class ClipModel:
    """An exported CLIP model. Raises ModelUnavailable where `directory` holds none."""

    def __init__(self, directory: Path, threads: int | None = None, runtime: Runtime = "auto") -> None:
        self.manifest = read_clip_manifest(directory)
        self.version = self.manifest.version
        self.concept_version = f"{self.manifest.model}@{self.manifest.sha256['prompts.npy'][:12]}"
        self.dimensions = self.manifest.dimensions
        self._graph = open_graph(directory / "image.onnx", threads, runtime)
        self.runtime = self._graph.runtime
        prompts, vectors = self.manifest.prompts, np.load(directory / "prompts.npy").astype(np.float64)
        sides = len(prompts.concepts), len(prompts.concepts) + len(prompts.flood)
        self._concepts, self._flood, self._other = np.split(vectors, sides)

    def extract(self, pictures: Sequence[Picture]) -> list[VisualFeatures]:
        """The features of each picture; the vectors are unit vectors, float32, shape (dimensions,)."""
        vectors = [self._graph.run({"pixels": self._pixels(picture)[None]})[0] for picture in pictures]
        return [VisualFeatures(vector, self.concepts(vector), self.relevance(vector)) for vector in vectors]

    def concepts(self, vector: NDArray[np.float32]) -> dict[str, float]:
        """Softmax over the concepts' prompts; scores of at least 0.01."""
        logits = self.manifest.logit_scale * (self._concepts @ vector)
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        named_scores = zip(self.manifest.prompts.concepts, scores.tolist(), strict=True)
        return {name: round(score, 4) for name, score in named_scores if score >= MIN_SCORE}

    def relevance(self, vector: NDArray[np.float32]) -> float:
        """The softmax of a flood against everything else, each side the mean over its prompts: a photo is told by the
        prompts that it is nearest to, and the side with more prompts gains nothing by it."""
        difference = self._evidence(self._flood, vector) - self._evidence(self._other, vector)
        return round(1 / (1 + math.exp(-max(-30.0, min(30.0, difference)))), 6)

    def _evidence(self, prompts: NDArray[np.float64], vector: NDArray[np.float32]) -> float:
        logits = self.manifest.logit_scale * (prompts @ vector)
        return float(logits.max() + np.log(np.exp(logits - logits.max()).mean()))

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

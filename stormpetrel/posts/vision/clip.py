"""Runs an exported CLIP model with ONNX Runtime: pictures to unit vectors, vectors to concept scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.models.model_store import REMEDY, open_graph, read_checked
from stormpetrel.posts.vision.pictures import Picture

FILES = ("image.onnx", "prompts.npy")
SHARPNESS = 100.0  # CLIP's own temperature: scores are a softmax over 100 times the cosine
LEAST_SCORE = 0.01


class ClipManifest(BaseModel):
    """What an exported CLIP model is; `concepts` are the names whose prompts were encoded, in order."""

    model_config = ConfigDict(frozen=True)
    model: str
    dimensions: int
    size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    concepts: tuple[str, ...]
    sha256: dict[str, str]

    @property
    def version(self) -> str:
        return f"{self.model}@{self.sha256['image.onnx'][:12]}"


def read_clip_manifest(directory: Path) -> ClipManifest:
    """Raises ModelUnavailable where a file is missing or its checksum differs."""
    fields = read_checked(directory, FILES)
    try:
        return ClipManifest.model_validate(fields)
    except ValidationError as error:
        raise ModelUnavailable(f"{directory} holds no CLIP model ({error}). {REMEDY}") from error


class ClipModel:
    """An exported CLIP model, ready to see."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        self.manifest = read_clip_manifest(directory)
        self._session = open_graph(directory / "image.onnx", threads)
        self._prompts: NDArray[np.float32] = np.load(directory / "prompts.npy")

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def dimensions(self) -> int:
        return self.manifest.dimensions

    def encode(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (pictures, dimensions)."""
        found = np.empty((len(pictures), self.dimensions), dtype=np.float32)
        for row, picture in enumerate(pictures):
            found[row] = self._session.run(None, {"pixels": self._prepared(picture)[None]})[0][0]
        return found

    def concepts(self, vector: NDArray[np.float32]) -> dict[str, float]:
        """Softmax over the concepts' prompts; those of at least 1 %."""
        logits = SHARPNESS * (self._prompts @ vector).astype(np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return {
            name: round(float(share), 4)
            for name, share in zip(self.manifest.concepts, shares, strict=True)
            if share >= LEAST_SCORE
        }

    def _prepared(self, picture: Picture) -> NDArray[np.float32]:
        """Shorter side to the model's size, its centre cut out, normalised; shape (3, size, size)."""
        from PIL import Image

        size = self.manifest.size
        height, width = picture.shape[:2]
        scale = size / min(height, width)
        wide, high = max(size, round(width * scale)), max(size, round(height * scale))
        scaled = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.BICUBIC))
        top, left = (high - size) // 2, (wide - size) // 2
        pixels = scaled[top : top + size, left : left + size].astype(np.float32) / 255
        normal = (pixels - np.array(self.manifest.mean)) / np.array(self.manifest.deviation)
        return np.ascontiguousarray(normal.transpose(2, 0, 1), dtype=np.float32)

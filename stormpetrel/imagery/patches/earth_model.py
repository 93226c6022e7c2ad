"""Embeddings of patches by an Earth-observation model: an ONNX graph from the user, and a manifest of its inputs.

The folder of such a model holds `model.onnx` and `manifest.json`; `stormpetrel model earth` writes both. The graph
takes float32 (patches, channels, size, size) and returns (patches, dimensions). Channels are reflectances (0 to 1) of
the bands B02, B03, B04 and B08 and VV backscatter in decibels, less their mean, divided by their standard deviation. A
nodata pixel takes the mean.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stormpetrel.core.errors import ModelUnavailable, SetupError
from stormpetrel.imagery.patches.descriptors import BANDS, QUANTIFICATION
from stormpetrel.imagery.types import Float32, Patch, Strip
from stormpetrel.models.graph import Graph, Runtime, open_graph
from stormpetrel.models.model_store import read_checked

RADAR = "VV"
CHANNELS = (*BANDS, RADAR)
BATCH = 16
GRAPH, MANIFEST = "model.onnx", "manifest.json"
REMEDY = "Import it again: stormpetrel model earth --help"


class EarthManifest(BaseModel):
    """A model's inputs and outputs. `mean` and `std` are per channel, in reflectance or decibels; `size` is in px."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    size: Annotated[int, Field(ge=8, le=1024)]
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]
    dimensions: Annotated[int, Field(ge=2, le=4096)]
    sha256: dict[str, str]

    @model_validator(mode="after")
    def _check_channels(self) -> EarthManifest:
        if not set(self.channels) <= set(CHANNELS) or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels must be different ones of {', '.join(CHANNELS)}")
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError("give a mean and a standard deviation for each channel")
        return self

    @property
    def version(self) -> str:
        """The name with the hash of its weights."""
        return f"{self.model}@{self.sha256[GRAPH][:12]}"


def read_earth_manifest(directory: Path) -> EarthManifest:
    """Raises ModelUnavailable where the folder holds no complete model; loads no graph."""
    fields = read_checked(directory, (GRAPH,), REMEDY)
    try:
        return EarthManifest.model_validate(fields)
    except ValidationError as error:
        raise ModelUnavailable(
            f"{directory / MANIFEST} is no manifest of an Earth-observation model: {error}. {REMEDY}"
        ) from error


class EarthModel:
    """A loaded model."""

    def __init__(self, directory: Path, threads: int | None = None, runtime: Runtime = "auto") -> None:
        self.manifest = read_earth_manifest(directory)
        self._graph = _open_graph(directory / GRAPH, threads, runtime)
        self.runtime = self._graph.runtime

    def accepts(self, patch: Patch) -> bool:
        """Whether the images of a patch have all channels of the model."""
        available = {*(BANDS if patch.ms is not None else ()), *((RADAR,) if patch.sar is not None else ())}
        return available.issuperset(self.manifest.channels)

    def embed(
        self, strip: Strip, scale_level: int, indices: Sequence[tuple[int, int]], offsets: tuple[int, ...]
    ) -> Float32:
        """Unit vectors, shape (indices, dimensions), of patches of `scale_level` px at (row, column) in a strip.

        Raises ModelUnavailable where the graph fails, or returns zeros or no finite numbers.
        """
        vectors = np.empty((len(indices), self.manifest.dimensions), dtype=np.float32)
        for start in range(0, len(indices), BATCH):
            batch = indices[start : start + BATCH]
            pixels = np.stack([self._pixels(strip, scale_level, index, offsets) for index in batch])
            vectors[start : start + BATCH] = self._run(pixels)
        return vectors

    def _run(self, pixels: Float32) -> Float32:
        try:
            vectors = self._graph.run({self._graph.inputs[0]: pixels})
            lengths = np.linalg.norm(vectors.reshape(len(pixels), self.manifest.dimensions), axis=1, keepdims=True)
        except Exception as error:  # the runtime's errors have no common class
            raise ModelUnavailable(f"{self.manifest.version} fails: {error}. {REMEDY}") from error
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ModelUnavailable(f"{self.manifest.version} returns zeros or no finite numbers. {REMEDY}")
        return vectors / lengths

    def _pixels(self, strip: Strip, scale_level: int, index: tuple[int, int], offsets: tuple[int, ...]) -> Float32:
        """One patch as the graph takes it, (channels, size, size)."""
        window = tuple(slice(at * scale_level, (at + 1) * scale_level) for at in index)
        planes = []
        for channel, mean, std in zip(self.manifest.channels, self.manifest.mean, self.manifest.std, strict=True):
            plane = (_channel(strip, channel, window, offsets) - mean) / std
            planes.append(_resized(np.where(np.isfinite(plane), plane, 0), self.manifest.size))
        return np.stack(planes).astype(np.float32)


def _channel(strip: Strip, name: str, window: tuple[slice, ...], offsets: tuple[int, ...]) -> NDArray[np.float64]:
    """A channel's values in its unit; NaN is nodata."""
    if name == RADAR:
        assert strip.radar is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(10 * np.log10(strip.radar[window].astype(np.float64)))
    assert strip.optical is not None
    band = BANDS.index(name)
    numbers = strip.optical[band][window].astype(np.float64)
    return np.where(numbers > 0, (numbers + offsets[band]) / QUANTIFICATION, np.nan)


def _resized(plane: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    if len(plane) == size:
        return plane
    if len(plane) % size == 0:
        step = len(plane) // size
        return np.asarray(plane.reshape(size, step, size, step).mean(axis=(1, 3)))
    from skimage.transform import resize

    return np.asarray(resize(plane, (size, size), order=1, anti_aliasing=len(plane) > size, preserve_range=True))


def _open_graph(file: Path, threads: int | None, runtime: Runtime) -> Graph:
    try:
        return open_graph(file, threads, runtime)
    except SetupError:
        raise
    except Exception as error:  # as above
        raise ModelUnavailable(f"{file} cannot be opened: {error}. {REMEDY}") from error


def import_earth_model(
    graph: Path,
    directory: Path,
    *,
    name: str,
    channels: Sequence[str],
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> EarthManifest:
    """Copies a graph into a folder and writes its manifest, last. The graph runs once on noise, for its output's shape.

    Raises ModelUnavailable where the graph does not take these channels and size, or the arguments make no manifest.
    """
    model = _open_graph(graph, 1, "auto")
    noise = np.random.default_rng(0).normal(size=(2, len(channels), size, size)).astype(np.float32)
    try:
        vectors = model.run({model.inputs[0]: noise})
    except Exception as error:  # as above
        raise ModelUnavailable(f"{graph} does not take {noise.shape}: {error}. Check channels and size") from error
    if vectors.ndim != 2 or len(vectors) != 2:
        raise ModelUnavailable(f"{graph} returns {vectors.shape}, not (patches, dimensions); export it with pooling")
    fields = {"model": name, "channels": channels, "size": size, "mean": mean, "std": std}
    sha256 = {GRAPH: hashlib.sha256(graph.read_bytes()).hexdigest()}
    try:
        manifest = EarthManifest.model_validate({**fields, "dimensions": vectors.shape[1], "sha256": sha256})
    except ValidationError as error:
        raise ModelUnavailable(f"the manifest is not valid: {error}") from error
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MANIFEST).unlink(missing_ok=True)
    if graph.resolve() != (directory / GRAPH).resolve():
        shutil.copyfile(graph, directory / GRAPH)
    (directory / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest

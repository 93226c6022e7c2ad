"""What a collection of the vector index holds, and how its vectors are compressed.

A collection is named by the models that make its vectors, so that vectors of two models never mix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from qdrant_client import models

from stormpetrel.core.cells import RESOLUTIONS
from stormpetrel.posts.photos.perceptual_hash import BITS, PERCEPTUAL

# The document collections that are read by other fields than `_id`, and pymongo's keys of each index for that. The
# local server takes the index over two fields only where the first has one of its own.
DOCUMENT_INDEXES: dict[str, list[list[tuple[str, int]]]] = {
    "predictions": [[("key", 1)], [("key", 1), ("rank", -1)]],
    "products": [[("time", -1)]],
    "scenes": [[("time", -1)]],
    "patches": [[("time", -1)]],
    "incidents": [[("rank", -1)]],
    "incident_revisions": [[("incident_id", 1)], [("incident_id", 1), ("revision", -1)]],
}
CELLS = tuple(f"cells_{resolution}" for resolution in RESOLUTIONS)


@dataclass(frozen=True)
class Compression:
    """How dense vectors are searched: as they are, or quantised and the best rescored in full.

    `scalar` keeps a byte a value, `product` a byte for four bytes' worth of float32 four times over (1/16), `binary`
    a bit. `ef` is how many candidates the graph's search keeps; `oversampling` how many times the limit is rescored.
    """

    kind: Literal["none", "scalar", "product", "binary"] = "none"
    rescore: bool = True
    oversampling: float = 2.0
    ef: int = 128

    def quantisation(self) -> Any:
        """Qdrant's configuration of it; None where vectors stay as they are."""
        if self.kind == "scalar":
            int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
            return models.ScalarQuantization(scalar=int8)
        if self.kind == "product":
            x16 = models.ProductQuantizationConfig(compression=models.CompressionRatio.X16, always_ram=True)
            return models.ProductQuantization(product=x16)
        if self.kind == "binary":
            return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
        return None

    def search_params(self) -> dict[str, Any]:
        """How a dense query is to be searched, as Qdrant's query interface takes it."""
        compressed = {"quantization": {"rescore": self.rescore, "oversampling": self.oversampling}}
        return {"hnsw_ef": self.ef} | ({} if self.kind == "none" else compressed)


@dataclass(frozen=True)
class Placement:
    """Where a collection's points lie on a cluster; none means the server's own default. `write_consistency` is how
    many replicas must hold a write before it is acknowledged. `on_disk` leaves full vectors on disk."""

    shards: int | None = None
    replication_factor: int | None = None
    write_consistency: int | None = None
    on_disk: bool = False


@dataclass(frozen=True)
class VectorCollection:
    """A collection's vectors: dense ones with their dimensions (cosine, stored as float16: half the memory, and the
    topics keep float32), sparse ones by name, with IDF or without; and the payload fields that are filtered by."""

    name: str
    dense: dict[str, int]
    sparse: dict[str, bool] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    floats: tuple[str, ...] = ()
    points: tuple[str, ...] = ("location",)


def posts_collection(prefix: str, text: tuple[str, int], visual: tuple[str, int]) -> VectorCollection:
    """The posts' collection for a text model and a visual model, each with its dimensions.

    >>> posts_collection("", ("all-MiniLM-L6-v2", 384), ("descriptor", 128)).name
    'posts-all-minilm-l6-v2-384-descriptor-128'
    """
    return VectorCollection(
        _name(f"{prefix}posts", text, visual),
        {"text": text[1], "visual": visual[1]},
        {"lexical": True, "concepts": False},
        ("source", "language", "kind", "duplicate_of", "countries", "divisions", "labels", "unsure", *CELLS),
        ("event_time", "ingested_at", "indexed_at"),
        points=("location", "towns"),
    )


def patches_collection(
    prefix: str, sar: tuple[str, int], ms: tuple[str, int], earth: tuple[str, int] | None = None
) -> VectorCollection:
    """The patches' collection for the versions of both descriptors and of an embedding, each with its dimensions.

    >>> patches_collection("", ("awld-8x18-w7@1", 144), ("ms-4x32-sqrt@1", 128)).name
    'patches-awld-8x18-w7-1-144-ms-4x32-sqrt-1-128'
    """
    embedding = {"earth": earth} if earth else {}
    return VectorCollection(
        _name(f"{prefix}patches", sar, ms, *embedding.values()),
        {"sar": sar[1], "ms": ms[1], "fused": sar[1] + ms[1], **{name: spec[1] for name, spec in embedding.items()}},
        {},
        ("kind", "scene_id", "products", "sensors", "scale_level", "labels", "orbit_state", *CELLS),
        ("event_time", "indexed_at", "described_at", "new_water", "relative_orbit"),
        ("new_water_share", "new_water_confidence", "water_share", "cloud_cover"),
    )


def photos_collection(prefix: str) -> VectorCollection:
    """The collection of photos by their perceptual hashes: a point for each photo of each post.

    >>> photos_collection("").name
    'photos-phash-64'
    """
    return VectorCollection(
        _name(f"{prefix}photos", ("phash", BITS)), {PERCEPTUAL: BITS}, integers=("event_time",), points=()
    )


def _name(content: str, *made_with: tuple[str, int]) -> str:
    slugs = (re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-") for model, _ in made_with)
    return "-".join([content, *(f"{slug}-{spec[1]}" for slug, spec in zip(slugs, made_with, strict=True))])

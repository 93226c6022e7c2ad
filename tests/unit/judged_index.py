"""Posts and patches with vectors, and models of their labels, for tests of judging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.events import Annotation, ModelUpdated, Vector
from stormpetrel.core.ids import Collection, ItemKind, model_id
from stormpetrel.core.ports import Point
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.inference.judgement import Judge
from stormpetrel.learning.inference.judging import Judging
from stormpetrel.learning.inference.patch_rankers import PatchRankers
from stormpetrel.learning.inference.scorer import Scorer
from stormpetrel.learning.training.linear_model import LinearModel
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import MemoryDocuments

AT = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSIONS = 4
FLOOD = "posts/genova:flood"
WATER = "patches:water-bodies"
SPECS: Mapping[ItemKind, EmbeddingSpec] = {
    "posts": EmbeddingSpec("text", DIMENSIONS),
    "patches": EmbeddingSpec("fused@1", DIMENSIONS),
}


def unit_rows(seed: int, count: int) -> Any:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def post(number: int, vector: Any, indexed_at: int = 0, labels: Sequence[str] = (), event_time: int = 0) -> Point:
    payload = {"labels": list(labels), "indexed_at": indexed_at, "event_time": event_time, "kind": "original"}
    return Point(f"x:{number}", payload, {"text": vector})


def patch(number: int, vector: Any, level: str = "120", indexed_at: int = 0) -> Point:
    payload: dict[str, Any] = {"labels": [], "indexed_at": indexed_at, "event_time": 0, "scale_level": level}
    return Point(f"scene/{level}/{number}", payload, {"fused": vector})


def model(weights: Sequence[float], intercept: float, version: str = "v1", label: str = FLOOD) -> ModelUpdated:
    collection, _, name = label.partition(":")
    linear = LinearModel(np.array(weights, np.float64), intercept)
    return _model(collection, name, version, "text@1", "logistic", linear.fields())


def patch_model(version: str) -> ModelUpdated:
    collection, _, name = WATER.partition(":")
    return _model(collection, name, version, "fused@1", "none", {})


def untaught(version: str) -> ModelUpdated:
    """All annotations of the label were undone."""
    return _model("posts/genova", "flood", version, "", "none", {})


def _model(collection: str, label: str, version: str, vector_model: str, serving: Any, weights: Any) -> ModelUpdated:
    return ModelUpdated(
        model_id=model_id(collection, label),
        model_version=version,
        collection=collection,
        label=label,
        vector="text" if collection.startswith("posts") else "fused",
        vector_model=vector_model,
        annotations=2,
        last_annotation_id="ann-1",
        serving=serving,
        weights=weights,
        prequential={},
        state={},
        position=(0, 1),
        updated_at=AT,
    )


def annotations_of(
    vectors: Sequence[Any], signs: Sequence[int], level: int = 120
) -> Callable[[Collection], AnnotationStore]:
    """A store of patches that one person annotated."""
    store = AnnotationStore(Collection("patches"))
    for number, (vector, sign) in enumerate(zip(vectors, signs, strict=True)):
        store.take(
            Annotation(
                annotation_id=f"ann-{number}",
                collection="patches",
                item_id=f"scene/{level}/{number}",
                label="water-bodies",
                sign="positive" if sign > 0 else "negative",
                annotator="ada",
                scale_level=level,
                vectors={"fused": Vector.of(np.asarray(vector, np.float32), "fused@1")},
                annotated_at=AT,
            )
        )
    return lambda _: store


class World:
    """An index that is judged, and the models that judge it."""

    def __init__(
        self, posts: Sequence[Point] = (), patches: Sequence[Point] = (), annotations: Any = None, **options: Any
    ) -> None:
        self.index, self.documents, self.scorer = MemoryIndex(posts=posts, patches=patches), MemoryDocuments(), Scorer()
        judges: dict[ItemKind, Judge] = {
            "posts": Judge(self.index, "posts", "text"),
            "patches": Judge(self.index, "patches", "fused"),
        }
        rankers = PatchRankers(self.index, "patches", annotations or annotations_of([], []))
        self.judging = Judging(self.scorer, judges, dict(SPECS), rankers, self.documents, **options)

    def bearing(self, label: str, collection: str = "posts") -> set[str]:
        points = self.index.collections[collection].values()
        return {point.id for point in points if label in point.payload["labels"]}

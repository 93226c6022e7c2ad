"""A round at a finer scale level is limited to the cells that the coarser level's model accepts (Algorithm 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.events import Annotation, Vector
from stormpetrel.core.ids import Collection
from stormpetrel.core.ports import Point
from stormpetrel.learning.active import feedback as use_case
from stormpetrel.learning.active.embedding_cache import EmbeddingCache
from stormpetrel.learning.active.feedback import FirstExample
from stormpetrel.learning.active.rounds import ActiveLearning, Scope
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from tests.unit.memory_index import MemoryIndex

LABEL = "flood-water"
COARSE = [(row, column) for row in range(4) for column in range(4)]
WET = {(0, 0), (0, 1), (1, 0)}
AT = datetime(2025, 11, 4, tzinfo=UTC)


def vector_of(wet: bool, number: int) -> np.ndarray:
    values = np.array([1, 0, 0.02 * number] if wet else [0, 1, 0.02 * number], dtype=np.float32)
    return values / np.linalg.norm(values)


def point(level: int, row: int, column: int, wet: bool) -> Point:
    payload = {"scale_level": str(level), "event_time": 0, "indexed_at": 1, "scene_id": "S1A_X"}
    number = (row + 3 * column) % 5
    return Point(f"S1A_X/32632/g{level}/r{row:04d}c{column:04d}", payload, {"fused": vector_of(wet, number)})


def annotation(item: Point, sign: Any, level: int) -> Annotation:
    return Annotation(
        annotation_id=f"a:{item.id}",
        collection="patches",
        item_id=item.id,
        label=LABEL,
        sign=sign,
        annotator="ada",
        scale_level=level,
        vectors={"fused": Vector.of(item.dense["fused"], "m@1")},
        annotated_at=AT,
    )


@pytest.fixture
def learning() -> ActiveLearning:
    """Sixteen coarse patches, three of them wet, with four finer ones in each; four coarse ones are annotated."""
    coarse = {cell: point(480, *cell, cell in WET) for cell in COARSE}
    fine = [
        point(240, 2 * row + down, 2 * column + right, (row, column) in WET)
        for row, column in COARSE
        for down in (0, 1)
        for right in (0, 1)
    ]
    index = MemoryIndex(patches=[*coarse.values(), *fine])
    store = AnnotationStore(Collection("patches"))
    for cell, sign in (((0, 0), "positive"), ((0, 1), "positive"), ((3, 3), "negative"), ((2, 2), "negative")):
        store.take(annotation(coarse[cell], sign, 480))
    scope = Scope(Collection("patches"), "fused", 240)
    return ActiveLearning(EmbeddingCache(index), lambda kind: kind, None, scope, store)


def limited(learning: ActiveLearning, inside: str, level: int = 240) -> ActiveLearning:
    scope = Scope(learning.scope.collection, "fused", level, Predicate(inside=inside))
    return ActiveLearning(learning.embedding_cache, learning.index_of, None, scope, learning.store)


def test_only_what_lies_in_accepted_cells_is_ranked(learning: ActiveLearning) -> None:
    items = limited(learning, f"{LABEL}@480").items()
    cells = {tuple(int(part) // 2 for part in item_id[-10:].replace("r", "").split("c")) for item_id in items.ids}
    assert cells >= WET, "also the wet cell that nobody annotated"
    assert len(items) < len(learning.everything())
    assert not cells & {(3, 3), (2, 2)}, "nothing inside what was judged negative"


def test_a_round_tells_the_share_that_need_not_be_looked_at(learning: ActiveLearning) -> None:
    inside = limited(learning, f"{LABEL}@480")
    models: Any = SimpleNamespace(
        annotations=SimpleNamespace(check_label=lambda label, collection: None), active_learning=lambda scope: inside
    )
    answer = use_case.feedback(models, inside.scope, LABEL, 5, FirstExample())
    left = len(inside.items())
    assert answer["scored"] == left
    assert answer["saved"] == pytest.approx(1 - left / 64, abs=1e-6)
    assert answer["saved"] > 0.5


def test_a_finer_patch_without_a_coarser_one_stays(learning: ActiveLearning) -> None:
    index: Any = learning.embedding_cache._index
    orphan = point(240, 90, 90, False)
    index.collections["patches"][orphan.id] = orphan
    assert orphan.id in limited(learning, f"{LABEL}@480").items().rows


@pytest.mark.parametrize("level", [480, 240])
def test_a_level_that_is_no_coarser_is_refused(learning: ActiveLearning, level: int) -> None:
    with pytest.raises(BadQuery, match="no coarser scale level"):
        limited(learning, f"{LABEL}@240", level=level).items()


def test_a_predicate_by_a_label_that_has_no_model_is_told_those_there_are(learning: ActiveLearning) -> None:
    scope = Scope(learning.scope.collection, "fused", 240, Predicate(none=[Predicate(label="forest")]))
    unknown = ActiveLearning(learning.embedding_cache, learning.index_of, None, scope, learning.store)
    with pytest.raises(NotFound, match=f"no model of 'forest' in 'patches': there are {LABEL}"):
        unknown.items()

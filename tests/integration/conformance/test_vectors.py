"""What every vector index must do."""

from __future__ import annotations

import copy
import math
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import StoreRefused, StoreUnavailable
from stormpetrel.core.ports import Filter, NearestQuery, OrderQuery, Point
from stormpetrel.stores.collections import Compression, VectorCollection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.conformance.conftest import DIMENSIONS
from tests.integration.running import wait_until

pytestmark = pytest.mark.integration


def _point(entity: str, *vector: float, **payload: object) -> Point:
    return Point(entity, dict(payload), {"text": np.array(vector, dtype=np.float32)} if vector else {})


def _ids(index: QdrantIndex, collection: str, query: NearestQuery | OrderQuery) -> list[str]:
    (found,) = index.query(collection, [query])
    return [hit.payload["id"] for hit in found]


def test_points_come_by_cosine_and_can_be_found_at_once(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point("x:1", 1, 0, 0, 0), _point("x:2", 0.9, 0.5, 0, 0), _point("x:3", 0, 0, 1, 0)])
    near = NearestQuery("text", dense=np.array([2, 0.1, 0, 0], dtype=np.float32), limit=2)
    assert _ids(index, collection, near) == ["x:1", "x:2"]
    (found,) = index.query(collection, [near])
    assert found[0].score == pytest.approx(0.99875, abs=1e-3)  # the index keeps half precision
    held = index.vectors(collection, ["x:2", "x:unknown"], ["text"])["x:2"]["text"]
    assert held / np.linalg.norm(held) == pytest.approx(np.array([0.8742, 0.4856, 0, 0]), abs=1e-3)
    assert index.vectors(collection, ["x:unknown"], ["text"]) == {}


@pytest.mark.parametrize("kind", ["scalar", "product", "binary", "none"])
def test_another_compression_is_set_on_a_collection_that_is_there(index: QdrantIndex, kind: Any) -> None:
    collection = VectorCollection(f"conformance-{uuid.uuid4().hex[:8]}", {"text": DIMENSIONS}, {"lexical": True})
    index.migrate(collection)
    index.upsert(collection.name, [_point(f"x:{n}", 1, n, 0, 0) for n in range(20)])
    # Binary codes of these tie. Twice ten are rescored in full: all of them, so that no code decides on any server.
    near = NearestQuery("text", dense=np.array([1, 3, 0, 0], dtype=np.float32), limit=10)
    before = _ids(index, collection.name, near)
    compressed = copy.copy(index)
    compressed._compression = Compression(kind, oversampling=2.0)
    compressed.migrate(collection)
    compressed.migrate(collection)
    wait_until(lambda: compressed.settled(collection.name), 30, "settled")
    assert _ids(compressed, collection.name, near) == before


def test_sparse_queries_weigh_rare_terms_more(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [Point(f"x:{n}", {}, sparse={"lexical": ([7], [1.0])}) for n in range(20)])
    index.upsert(collection, [Point("x:rare", {}, sparse={"lexical": ([7, 8], [1.0, 1.0])})])
    index.upsert(collection, [Point("x:other", {}, sparse={"lexical": ([8], [1.0])})])
    found = _ids(index, collection, NearestQuery("lexical", sparse=([7, 8], [1.0, 1.0]), limit=30))
    assert found[:2] == ["x:rare", "x:other"]
    assert len(found) == 22


def _filtered(index: QdrantIndex, collection: str) -> Callable[[Filter], set[str]]:
    def ask(given: Filter) -> set[str]:
        return set(_ids(index, collection, OrderQuery("event_time", "desc", filter=given)))

    return ask


def test_filters_hold_together(index: QdrantIndex, collection: str) -> None:
    places = {"genoa": (8.93, 44.41), "savona": (8.48, 44.31), "suva": (178.44, -18.14), "samoa": (-171.77, -13.83)}
    index.upsert(
        collection,
        [
            _point(
                f"x:{name}",
                1,
                0,
                0,
                0,
                language="it" if lon < 9 and lon > 0 else "en",
                kind="original",
                event_time=n,
                location=[{"lon": lon, "lat": lat}],
                duplicate_of="x:0" if n % 2 else None,
            )
            for n, (name, (lon, lat)) in enumerate(places.items())
        ],
    )
    ask = _filtered(index, collection)
    assert ask(Filter(any_of={"language": ["it", "de"]})) == {"x:genoa", "x:savona"}
    assert ask(Filter(none_of={"language": ["it"]})) == {"x:suva", "x:samoa"}
    assert ask(Filter(ranges={"event_time": (1, 2)})) == {"x:savona", "x:suva"}
    assert ask(Filter(boxes=[(8.4, 44, 9, 45)], ranges={"event_time": (None, 0)})) == {"x:genoa"}
    assert ask(Filter(boxes=[(177, -20, -170, -10)])) == {"x:suva", "x:samoa"}, "a box over the 180th meridian"
    assert ask(Filter(circles=[(8.9, 44.4, 10)])) == {"x:genoa"}
    assert ask(Filter(polygon=[(8, 44), (8.6, 44), (8.6, 45), (8, 45), (8, 44)])) == {"x:savona"}
    genoa, suva = (Filter(ranges={"event_time": (n, n)}) for n in (0, 2))
    assert ask(Filter(either=[genoa, suva])) == {"x:genoa", "x:suva"}
    assert ask(Filter(either=[genoa, suva], neither=[Filter(any_of={"language": ["it"]})])) == {"x:suva"}
    assert ask(Filter(every=[Filter(either=[genoa, suva]), Filter(boxes=[(177, -20, -170, -10)])])) == {"x:suva"}
    assert index.count_by(collection, "duplicate_of", ["x:0", "x:9"]) == {"x:0": 2}
    assert index.count_by(collection, "duplicate_of", []) == {}
    assert index.counts_of(collection, "language", Filter(), 9) == {"it": 2, "en": 2}
    assert index.counts_of(collection, "language", Filter(ranges={"event_time": (0, 2)}), 1) == {"it": 2}
    assert index.counts_of(collection, "duplicate_of", Filter(), 9) == {"x:0": 2}, "a point without the field"


def test_places_are_those_of_the_field_that_a_filter_names(index: QdrantIndex) -> None:
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    index.migrate(VectorCollection(name, {"text": DIMENSIONS}, {}, ("kind",), ("event_time",), ("location", "towns")))
    genoa, liguria, savona = ({"lon": lon, "lat": lat} for lon, lat in ((8.93, 44.41), (8.7, 44.2), (8.48, 44.31)))
    fields = {"x:town": ([genoa], [genoa]), "x:region": ([liguria], []), "x:both": ([liguria, savona], [savona])}
    index.upsert(
        name,
        [
            _point(post_id, 1, 0, 0, 0, event_time=n, location=location, towns=towns)
            for n, (post_id, (location, towns)) in enumerate(fields.items())
        ],
    )
    near_genoa, near_savona = (8.93, 44.41, 30.0), (8.48, 44.31, 20.0)
    ask = _filtered(index, name)
    assert ask(Filter(circles=[near_genoa])) == {"x:town", "x:region", "x:both"}
    assert ask(Filter(circles=[near_genoa], place_field="towns")) == {"x:town"}
    assert ask(Filter(circles=[(8.93, 44.41, 40.0), near_savona], place_field="towns")) == {"x:both"}
    assert ask(Filter(boxes=[(8.4, 44.0, 9.0, 45.0)], place_field="towns")) == {"x:town", "x:both"}
    assert index.count(name, Filter(circles=[near_genoa], place_field="towns")) == 1


def test_all_points_of_one_moment_are_listed_by_their_ids(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point(f"x:{n}", 1, 0, 0, 0, event_time=1_762_286_400_000 + n // 3) for n in range(9)])
    moment = Filter(ranges={"event_time": (1_762_286_400_001, 1_762_286_400_001)})
    assert sorted(index.ids(collection, moment)) == ["x:3", "x:4", "x:5"]
    newest = OrderQuery("event_time", "desc", None, Filter(ranges={"event_time": (None, 1_762_286_400_001)}), 4)
    assert set(_ids(index, collection, newest)) > {"x:3", "x:4", "x:5"}


def test_order_starts_where_it_is_told(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point(f"x:{n}", 1, 0, 0, 0, event_time=n * 10) for n in range(6)])
    assert _ids(index, collection, OrderQuery("event_time", "asc", 25, limit=2)) == ["x:3", "x:4"]
    assert _ids(index, collection, OrderQuery("event_time", "desc", 25, limit=2)) == ["x:2", "x:1"]


def test_ids_are_those_that_a_filter_lets_through(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point(f"x:{n}", 1.0, 0.0, 0.0, 0.0, source="ab"[n % 2], event_time=n) for n in range(6)])
    within = Filter(any_of={"source": ["a"]}, ranges={"event_time": (None, 3)})
    assert sorted(index.ids(collection, within)) == ["x:0", "x:2"]
    assert len(list(index.ids(collection))) == 6


def test_single_vectors_are_written_beside_the_others(index: QdrantIndex, collection: str) -> None:
    """A point that is not there stays away, and does not keep the others from being written."""
    index.upsert(collection, [_point("x:1", 1, 0, 0, 0, source="x"), _point("x:2", 0, 1, 0, 0, source="x")])
    terms = {"lexical": ((7,), (1.0,))}
    unknown = Point("x:9", {}, {"text": np.array([0, 0, 1, 0], dtype=np.float32)})
    index.set_vectors(collection, [Point("x:1", {}, sparse=terms), unknown, _point("x:2", 0, 0, 0, 1)])
    assert sorted(index.ids(collection)) == ["x:1", "x:2"]
    assert sorted(index.ids(collection, Filter(any_of={"source": ["x"]}))) == ["x:1", "x:2"]
    assert _ids(index, collection, NearestQuery("lexical", sparse=((7,), (1.0,)))) == ["x:1"]
    vectors = index.vectors(collection, ["x:1", "x:2"], ["text"])
    assert vectors["x:1"]["text"] == pytest.approx([1, 0, 0, 0]) and vectors["x:2"]["text"] == pytest.approx(
        [0, 0, 0, 1]
    )
    with pytest.raises(StoreRefused):
        index.set_vectors(collection, [_point("x:1", 1, 0)])
    index.set_vectors(collection, [unknown])


def test_a_deleted_point_is_found_by_nobody(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point("x:1", 1, 0, 0, 0), _point("x:2", 1, 0, 0, 0)])
    index.delete(collection, ["x:1", "x:unknown"])
    assert list(index.ids(collection)) == ["x:2"]
    assert index.count(collection) == 1


operations = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_writing_twice_equals_once(index: QdrantIndex, steps: list[tuple[int, int, bool]]) -> None:
    """The law of every sink: the same writes again, all or a tail of them, change nothing."""
    name = f"twice-{uuid.uuid4().hex[:8]}"
    index.migrate(VectorCollection(name, {"text": DIMENSIONS}, {"lexical": True}))

    def play(part: list[tuple[int, int, bool]]) -> dict[str, list[float]]:
        for entity, direction, deleted in part:
            if deleted:
                index.delete(name, [f"x:{entity}"])
            else:
                index.upsert(name, [_point(f"x:{entity}", *np.eye(DIMENSIONS)[direction], event_time=direction)])
        ids = sorted(index.ids(name))
        return {entity: held["text"].tolist() for entity, held in sorted(index.vectors(name, ids, ["text"]).items())}

    once = play(steps)
    assert play(steps) == once
    assert play(steps[len(steps) // 2 :]) == once


def test_what_a_vector_index_refuses_leaves_it_whole(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point("x:1", 1, 0, 0, 0)])
    unknown = Point("x:2", {}, {"other": np.ones(DIMENSIONS, np.float32)})
    for bad in (_point("x:2", 1, 0), _point("x:2", math.nan, 0, 0, 0), unknown):
        with pytest.raises(StoreRefused):
            index.upsert(collection, [bad, _point("x:3", 1, 0, 0, 0)])
    with pytest.raises(StoreRefused):
        index.query(collection, [NearestQuery("text", dense=np.ones(2, np.float32))])
    index.upsert(collection, [_point("x:4", 1, 0, 0, 0)])
    assert set(index.ids(collection)) == {"x:1", "x:4"}
    with pytest.raises(StoreUnavailable):
        index.count("no-such-collection")


def test_three_that_migrate_at_once_all_succeed(index: QdrantIndex, documents: MongoStore) -> None:
    for _ in range(5):
        name = f"conformance-{uuid.uuid4().hex[:8]}"
        made = VectorCollection(name, {"text": DIMENSIONS}, {"lexical": True}, ("source",), ("event_time",))
        together = threading.Barrier(3)

        def migrate(made: VectorCollection = made, together: threading.Barrier = together) -> None:
            together.wait(20)
            index.migrate(made)
            documents.migrate()

        with ThreadPoolExecutor(3) as threads:
            for done in [threads.submit(migrate) for _ in range(3)]:
                done.result()
        index.upsert(name, [_point("x:1", 1, 0, 0, 0, source="a", event_time=1)])
        assert _ids(index, name, OrderQuery("event_time", "asc")) == ["x:1"]
        index.drop(name)
        index.drop(name)
        assert name not in index.collections()


def test_a_vector_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="Qdrant"):
        QdrantIndex("http://127.0.0.1:9", timeout_s=1).count("posts")

"""What every document store and every vector index must do: held against the local stack, and against servers
given by STORMPETREL_TEST_MONGO and STORMPETREL_TEST_QDRANT, their URLs.

Such servers may ask for more: STORMPETREL_TEST_MONGO_USER, _PASSWORD and _CA, STORMPETREL_TEST_QDRANT_KEY and _CA."""

from __future__ import annotations

import copy
import json
import math
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import StoreRefused, StoreUnavailable
from stormpetrel.core.ports import DocumentStore, Filter, NearestQuery, OrderQuery, Point
from stormpetrel.core.settings import Mongo, Qdrant
from stormpetrel.stores.collections import Compression, VectorCollection
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.qdrant import QdrantIndex
from tests.integration.running import RunningSystem, wait_until

pytestmark = pytest.mark.integration
SERVERS = ("local stack", "server")
DIMENSIONS = 4


@pytest.fixture(scope="module", params=SERVERS)
def documents(request: pytest.FixtureRequest, system: RunningSystem) -> Iterator[MongoStore]:
    given: dict[str, Any] = {"url": system.addresses["STORMPETREL_MONGO__URL"]}
    if request.param == "server":
        given = _given("STORMPETREL_TEST_MONGO", user="_USER", password="_PASSWORD", ca_file="_CA")
        given["tls"] = "ca_file" in given
    store = MongoStore.of(Mongo(database=f"conformance-{uuid.uuid4().hex[:8]}", **given))
    yield store
    store.close()


def _given(variable: str, **suffixes: str) -> dict[str, Any]:
    """The settings of a server that the environment names; skips the test where it names none."""
    if variable not in os.environ:
        pytest.skip(f"no server given: set {variable} to its URL")
    found = {
        name: os.environ[variable + suffix] for name, suffix in suffixes.items() if variable + suffix in os.environ
    }
    return {"url": os.environ[variable], **found}


@pytest.fixture(scope="module", params=SERVERS)
def index(request: pytest.FixtureRequest, system: RunningSystem) -> Iterator[QdrantIndex]:
    given: dict[str, Any] = {"url": system.addresses["STORMPETREL_QDRANT__URL"]}
    if request.param == "server":
        given = _given("STORMPETREL_TEST_QDRANT", api_key="_KEY", ca_file="_CA")
    made = QdrantIndex.of(Qdrant(**given))
    yield made
    made.close()


@pytest.fixture
def collection(index: QdrantIndex) -> str:
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    fields = (
        ("source", "language", "kind", "duplicate_of", "cells_7", "cells_5", "cells_3"),
        ("event_time", "indexed_at"),
    )
    index.migrate(VectorCollection(name, {"text": DIMENSIONS}, {"lexical": True}, *fields))
    return name


def test_documents_replace_each_other_by_id(documents: DocumentStore) -> None:
    documents.upsert("a", [{"_id": "x:1", "n": 1}, {"_id": "x:2", "n": 2}])
    documents.upsert("a", [{"_id": "x:1", "m": 3}])
    assert documents.get("a", ["x:1", "x:2", "x:9"]) == {"x:1": {"_id": "x:1", "m": 3}, "x:2": {"_id": "x:2", "n": 2}}
    assert documents.count("a") == 2


def test_the_last_of_several_documents_with_one_id_wins(documents: DocumentStore) -> None:
    documents.upsert("b", [{"_id": "x:1", "n": n} for n in range(5)])
    assert documents.get("b", ["x:1"])["x:1"]["n"] == 4
    assert list(documents.ids("b")) == ["x:1"]


def test_deleting_documents_leaves_the_others_and_knows_no_error(documents: DocumentStore) -> None:
    documents.upsert("c", [{"_id": f"x:{n}"} for n in range(1200)])
    documents.delete("c", [f"x:{n}" for n in range(700)] + ["x:unknown"])
    assert set(documents.ids("c")) == {f"x:{n}" for n in range(700, 1200)}
    assert documents.get("c", []) == {}
    documents.upsert("c", [])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_documents_come_back_as_they_were(documents: DocumentStore, value: object) -> None:
    documents.upsert("d", [{"_id": "file:ü/1", "value": value}])
    assert documents.get("d", ["file:ü/1"])["file:ü/1"] == {"_id": "file:ü/1", "value": value}


def test_the_newest_documents_come_falling_and_page_by_page(documents: DocumentStore) -> None:
    documents.upsert("newest", [{"_id": f"n:{n}", "time": n, "kind": "ab"[n % 2]} for n in range(10)])
    assert [found["_id"] for found in documents.newest("newest", "time", 3)] == ["n:9", "n:8", "n:7"]
    assert [found["_id"] for found in documents.newest("newest", "time", 2, {"kind": "a"}, before=6)] == ["n:4", "n:2"]
    assert documents.newest("newest-nothing", "time", 3) == []


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
    assert index.count_by(collection, "duplicate_of", ["x:0", "x:9"]) == {"x:0": 2}
    assert index.count_by(collection, "duplicate_of", []) == {}


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


def test_a_deleted_point_is_found_by_nobody(index: QdrantIndex, collection: str) -> None:
    index.upsert(collection, [_point("x:1", 1, 0, 0, 0), _point("x:2", 1, 0, 0, 0)])
    index.delete(collection, ["x:1", "x:unknown"])
    assert list(index.ids(collection)) == ["x:2"]
    assert index.count(collection) == 1


operations = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_writing_twice_equals_once(
    index: QdrantIndex, system: RunningSystem, steps: list[tuple[int, int, bool]]
) -> None:
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


def test_what_a_document_store_refuses_is_named_and_the_rest_is_taken(documents: DocumentStore) -> None:
    with pytest.raises(StoreRefused) as refusal:
        documents.upsert("refused", [{"_id": "x:1", "n": 1}, {"_id": "x:2", "$n": 1}, {"_id": "x:3", "n": math.nan}])
    assert refusal.value.ids == ("x:3",), "what no store takes is found before anything is sent"
    with pytest.raises(StoreRefused):
        documents.newest("refused", "n", 3, before=2**63)
    documents.upsert("refused", [{"_id": "x:1", "n": 2**63 - 1}, {"_id": "x:2", "n": -(2**63)}])
    assert documents.get("refused", ["x:1", "x:2"])["x:1"]["n"] == 2**63 - 1


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


def test_databases_of_one_server_do_not_see_each_other(documents: MongoStore) -> None:
    documents.upsert("shared", [{"_id": "x:1"}])
    other = copy.copy(documents)
    other._database = documents._client[f"{documents._database.name}-other"]
    assert list(other.ids("shared")) == []
    other.upsert("shared", [{"_id": "x:2"}])
    assert list(documents.ids("shared")) == ["x:1"]
    other.drop("shared")
    assert documents.count("shared") == 1


def test_stored_predictions_are_read_by_an_index(documents: MongoStore) -> None:
    documents.migrate()
    rows = [{"_id": f"{key}:{n}", "key": key, "rank": (n * 37) % 1000} for key in "ab" for n in range(1000)]
    documents.upsert("predictions", rows)
    page = documents.newest("predictions", "rank", 3, {"key": "a"}, before=998)
    assert [found["rank"] for found in page] == [997, 996, 995]
    plan = documents._database["predictions"].find({"key": "a", "rank": {"$lt": 998}}).sort("rank", -1).explain()
    winning = json.dumps(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in winning or "USING INDEX" in winning, winning


def test_a_server_that_is_not_there_is_named(index: QdrantIndex, documents: DocumentStore) -> None:
    with pytest.raises(StoreUnavailable, match="Qdrant"):
        QdrantIndex("http://127.0.0.1:9", timeout_s=1).count("posts")
    with pytest.raises(StoreUnavailable, match="MongoDB"):
        MongoStore("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "none").get("posts", ["x:1"])

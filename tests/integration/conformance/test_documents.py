"""What every document store must do."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormpetrel.core.errors import StoreRefused, StoreUnavailable
from stormpetrel.core.ports import DocumentStore
from stormpetrel.stores.mongo import MongoStore

pytestmark = pytest.mark.integration


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
    assert [found["_id"] for found in documents.oldest("newest", "time", 2, {"kind": "a"}, after=2)] == ["n:4", "n:6"]
    assert documents.oldest("newest-nothing", "time", 3) == []


def test_what_a_document_store_refuses_is_named_and_the_rest_is_taken(documents: DocumentStore) -> None:
    with pytest.raises(StoreRefused) as refusal:
        documents.upsert("refused", [{"_id": "x:1", "n": 1}, {"_id": "x:2", "$n": 1}, {"_id": "x:3", "n": math.nan}])
    assert refusal.value.ids == ("x:3",), "what no store takes is found before anything is sent"
    with pytest.raises(StoreRefused):
        documents.newest("refused", "n", 3, before=2**63)
    documents.upsert("refused", [{"_id": "x:1", "n": 2**63 - 1}, {"_id": "x:2", "n": -(2**63)}])
    assert documents.get("refused", ["x:1", "x:2"])["x:1"]["n"] == 2**63 - 1


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


def test_a_document_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="MongoDB"):
        MongoStore("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "none").get("posts", ["x:1"])

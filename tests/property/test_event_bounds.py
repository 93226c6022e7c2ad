"""What an event model lets in, the log and both stores can hold; anything else is refused by the documented errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import MalformedRecord, UnknownSchema
from stormpetrel.core.events import EVENTS, Post, PostDeleted, ProductAnnounced, TermWeights, Vector, decode, encode
from stormpetrel.core.ports import Document, Point
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.projections import PatchProjection, PostProjection, PredictionProjection, ProductProjection, Projection
from tests.unit.memory_stores import MemoryDocuments, MemoryVectors

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Json = dict[str, Any]


class BsonDocuments(MemoryDocuments):
    """A document store that holds what BSON can."""

    def upsert(self, collection: str, documents: Sequence[Document]) -> None:
        for document in documents:
            assert bson.decode(bson.encode(document)) == document
        super().upsert(collection, documents)


class JsonVectors(MemoryVectors):
    """A vector index that holds what its wire can."""

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        for point in points:
            assert orjson.loads(orjson.dumps(point.payload)) == point.payload


def projections() -> list[Projection[Any]]:
    documents, vectors = BsonDocuments(), JsonVectors()
    some = EmbeddingSpec("", 1)
    return [
        PostProjection(documents, vectors, "posts", some, "photos"),
        PatchProjection(documents, vectors, "patches", {}),
        ProductProjection(documents),
        PredictionProjection(documents),
    ]


HOSTILE = [
    *(2**63, -(2**63) - 1, 2**64, 10**30, 1e308, -1e308, math.nan, math.inf, -math.inf, 3.5e38, -1, 0, 0.5),
    *("", "\x00", "a\x00b", "x:\n", "x:1\x7f", "\ud800", "a" * 2_000_001, "$ref", "1", "NaN", True, None),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z"),
    *("2261-12-31T23:59:59-14:00", "1678-01-01T00:00:00+14:00", 1e20, -1e20, 253402300799, "24:00", "yesterday"),
    *([], {}, [[]], {"\x00": 1}, {"$set": 1}, {"a": 2**63}, {"a": [math.nan]}, {"a": {"\ud800": 1}}, {"": ""}),
    *([None], [1, 2, 3], {"a": "b"}, [[1e400, 2]], list(range(1_001)), {str(n): n for n in range(1_001)}),
]


def nested(levels: int) -> Json:
    value: Json = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def values_of(schema: Json, definitions: Json) -> st.SearchStrategy[Any]:
    """Values that a JSON Schema allows, small ones."""
    if schema.get("title") == "Vector":
        return st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=4).map(vector_of)
    if "$ref" in schema:
        definition = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return st.deferred(lambda: values_of(definition, definitions))  # a route holds routes
    if "anyOf" in schema:
        return st.one_of(*(values_of(choice, definitions) for choice in schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "object":
            return objects_of(schema, definitions)
        case "array":
            if "prefixItems" in schema:
                return st.tuples(*(values_of(item, definitions) for item in schema["prefixItems"])).map(list)
            least = schema.get("minItems", 0)
            return st.lists(values_of(schema["items"], definitions), min_size=least, max_size=max(3, least))
        case "string":
            return strings_of(schema)
        case "integer":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            return st.integers(low, schema.get("maximum", schema.get("exclusiveMaximum", 2**70) - 1))
        case "number":
            return st.floats(
                schema.get("minimum", schema.get("exclusiveMinimum")),
                schema.get("maximum"),
                exclude_min="exclusiveMinimum" in schema,
                allow_nan=False,
                allow_infinity=False,
            )
    return st.booleans() if schema.get("type") == "boolean" else st.none()


def vector_of(values: list[float]) -> Json:
    return Vector.of(np.array(values, dtype=np.float32), "model@1").model_dump()


def objects_of(schema: Json, definitions: Json) -> st.SearchStrategy[Json]:
    inner = schema.get("additionalProperties")
    if "properties" not in schema:
        free = st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5) | st.lists(st.floats(-1e308, 1e308), max_size=2)
        values = values_of(inner, definitions) if isinstance(inner, dict) else free
        return st.dictionaries(st.text("abc.", max_size=5), values, max_size=3)
    names = {name: values_of(part, definitions) for name, part in schema["properties"].items()}
    fixed = {name: part["default"] for name, part in schema["properties"].items() if name == "schema_version"}
    required = set(schema.get("required", ()))
    optional = {name: values for name, values in names.items() if name not in required and name not in fixed}
    required_values = {name: names[name] for name in required}
    return st.fixed_dictionaries(required_values, optional=optional).map(lambda fields: {**fields, **fixed})


def strings_of(schema: Json) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        moments = st.datetimes(datetime(1678, 1, 2), datetime(2261, 12, 30), timezones=st.just(UTC))
        return moments.map(lambda moment: moment.isoformat())
    size = {"min_size": schema.get("minLength", 0), "max_size": min(schema.get("maxLength", 40), 40)}
    pattern = schema.get("pattern", "")
    if pattern and not pattern.startswith("^[^"):
        longest = schema.get("maxLength", 100)
        found = st.from_regex(pattern, fullmatch=True)
        return found.filter(lambda text: size["min_size"] <= len(text) <= longest and "\n" not in text)
    return st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), **size)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to every part of a JSON value."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in parts:
        yield (*path, key)
        yield from places_in(inner, (*path, key))


def replaced(record: Json, path: tuple[Any, ...], value: Any) -> Json:
    copy = json.loads(json.dumps(record))
    part = copy
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return copy


def records_of(name: str) -> st.SearchStrategy[Json]:
    """Records that an event's JSON Schema allows, and such with one hostile part."""
    schema = EVENTS[name].model_json_schema()
    valid = values_of(schema, schema.get("$defs", {}))
    hostile = st.sampled_from([*HOSTILE, nested(65), nested(100)])

    def spoilt(record: Json) -> st.SearchStrategy[Json]:
        return st.builds(replaced, st.just(record), st.sampled_from(list(places_in(record))), hostile)

    return valid | valid.flatmap(spoilt)


def check_it_can_be_held(event: Any) -> None:
    assert encode(decode(encode(event), type(event))) == encode(event)
    for projection in projections():
        if isinstance(event, projection.event_types):
            projection.write([event])


@pytest.mark.parametrize("name", EVENTS)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_an_event_lets_in_can_be_held_and_all_else_is_refused(name: str, data: st.DataObject) -> None:
    record = data.draw(records_of(name))
    try:
        event = decode(json.dumps(record).encode(), EVENTS[name])
    except (MalformedRecord, UnknownSchema) as error:
        assert str(error)
    else:
        try:
            check_it_can_be_held(event)
        except MalformedRecord as error:  # a vector whose data has another size
            assert "vector of" in str(error)
    try:
        EVENTS[name].model_validate(record)
    except ValidationError as error:
        assert error.errors()


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1677-12-31T23:59:59Z", "2261-12-31T23:59:59-14:00"],
)
def test_a_moment_that_no_store_holds_is_malformed(moment: str) -> None:
    record = {"post_id": "x:1", "source": "x", "deleted_at": moment}
    with pytest.raises(MalformedRecord, match="deleted_at: Value error, the year must be between 1678 and 2261"):
        decode(json.dumps(record).encode(), PostDeleted)


def test_a_record_nested_beyond_any_reader_is_malformed() -> None:
    raw = b'{"product_name": "S1A", "footprint": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    with pytest.raises(MalformedRecord):
        decode(raw, ProductAnnounced)


@pytest.mark.parametrize("post_id", ["x:a\x00b", "x:\x7f", "x:line\nbreak", "x:" + "1" * 511])
def test_an_id_that_no_key_can_be_is_malformed(post_id: str) -> None:
    record = {"post_id": post_id, "source": "x", "deleted_at": "2026-01-01T00:00:00Z"}
    with pytest.raises(MalformedRecord, match="post_id"):
        decode(json.dumps(record).encode(), PostDeleted)


@pytest.mark.parametrize(
    ("indices", "weights"),
    [((1, 2), (1.0,)), ((1, 1), (1.0, 2.0)), ((2**32,), (1.0,)), ((-1,), (1.0,)), ((1,), (math.nan,))],
)
def test_a_sparse_vector_that_the_index_refuses_is_none(indices: tuple[int, ...], weights: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        TermWeights(indices=indices, values=weights)


@pytest.mark.parametrize("name", ["footprint", "assets"])
@pytest.mark.parametrize("payload", [{"a\x00": "b"}, {"$where": "b"}, nested(65), {"a": 2**63}, {"a": math.inf}])
def test_a_nested_payload_that_a_store_refuses_is_refused(name: str, payload: Json) -> None:
    fields = {
        "product_name": "S1A_X",
        "platform": "sentinel-1",
        "product_type": "GRD",
        "sensed_from": NOW,
        "sensed_until": NOW,
        "footprint": {},
        "source": "test",
        "announced_at": NOW,
    }
    assert ProductAnnounced(**fields)
    with pytest.raises(ValidationError, match=name):
        ProductAnnounced(**{**fields, name: payload})


product_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PRODUCT = {
    "Name": "S1A_IW_GRDH_1SDV_20251104T171500_20251104T171525_056789_06F8A1_1A2B.SAFE",
    "ContentLength": 1_000_000,
    "ContentDate": {"Start": "2025-11-04T17:15:00Z", "End": "2025-11-04T17:15:25Z"},
    "PublicationDate": "2025-11-04T18:00:00Z",
    "GeoFootprint": {"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 44]]]},
    "Attributes": [{"Name": "cloudCover", "Value": 10.0}],
    "Checksum": [{"Algorithm": "MD5", "Value": "aa"}],
    "S3Path": "/eodata/x",
}
NOTIFICATION = {"SubscriptionEvent": "created", "ProductName": PRODUCT["Name"], "ProductId": "1", "value": PRODUCT}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(list(places_in(NOTIFICATION))), value=product_values)
def test_any_notification_is_a_product_none_or_malformed(path: tuple[Any, ...], value: Any) -> None:
    try:
        event = cdse.notification(replaced(NOTIFICATION, path, value), NOW)
    except MalformedRecord as error:
        assert str(error)
    else:
        if event is not None:
            check_it_can_be_held(event)


def test_a_post_dated_at_the_bounds_keeps_its_moment() -> None:
    for moment in (datetime(1678, 1, 1, tzinfo=UTC), datetime(2261, 12, 31, 23, 59, 59, tzinfo=UTC)):
        post = Post(post_id="x:1", source="x", text="", created_at=moment, ingested_at=NOW)
        assert decode(encode(post), Post).created_at == moment


def test_predictions_have_a_score_for_each_item() -> None:
    record = {
        **{
            "schema_version": 2,
            "collection": "posts",
            "label": "flood",
            "vector": "text",
            "model_version": "m1",
            "annotations": 3,
        },
        **{"item_ids": ["x:1"], "part": 1, "parts": 1, "labelled_at": "2025-11-04T20:00:00+00:00"},
        "scores": {"model": "m1", "dimensions": 2, "data": "AAAAAAAAAAA="},
    }
    with pytest.raises(MalformedRecord, match="2 scores for 1 items"):
        decode(json.dumps(record).encode(), EVENTS["ItemsLabelled"])

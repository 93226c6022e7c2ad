"""Poison: records that no consumer can work on, of 40 kinds that fit every topic and some that fit a few.

Each kind makes a record from a right event of the topic. A record is dead-lettered with a reason, whatever its kind;
those of `HARMLESS` may also be worked on. No kind may stop, kill or block a process.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from stormpetrel.core.topics import (
    ANNOTATIONS,
    AUDIT,
    INCIDENT_STEPS,
    PHOTOS_AWAITED,
    POSTS_DROPPED,
    SIGNALS,
    SOURCE_GAPS,
    SOURCE_POSITIONS,
)
from stormpetrel.log import OutgoingRecord
from tests.chaos.samples import SAMPLES, Fields, Sample

TOO_EARLY, TOO_LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
BEYOND_INT64 = 2**63
HARMLESS = {
    "text_of_20000_characters",
    "text_of_20000_brackets",
    "text_of_one_emoji_20000_times",
    "nul_in_text",
    "schema_empty",  # the same as none: a topic of one event needs no header
    "schema_null",
}
# Read by people, or by processes of live sources, photos and incidents, which do not run under these faults.
UNREAD = {topic.name for topic in (AUDIT, POSTS_DROPPED, SIGNALS, SOURCE_GAPS, SOURCE_POSITIONS, PHOTOS_AWAITED)}


@dataclass(frozen=True)
class Poison:
    """A poison record for its topic, and what it is called."""

    kind: str
    record: OutgoingRecord

    @property
    def must_die(self) -> bool:
        return not (
            self.kind in HARMLESS
            or self.record.topic in UNREAD
            or self.record.topic == INCIDENT_STEPS.name  # what is no step counts for nothing
            # A vector of a model that nobody knows is an example like others, of a label that has no other.
            or (self.record.topic == ANNOTATIONS.name and self.kind == "vector_of_wrong_dimension")
        )


def poison_records(number: int = 0) -> Iterator[Poison]:
    """Every kind on every topic that it fits; `number` makes the keys distinct."""
    for sample in SAMPLES:
        schema = sample.event.name().encode()
        for kind in (*BYTES, *HEADERS, *FIELDS, *_special(sample)):
            name = f"poison-{number}-{kind}"
            fields, headers = sample.fields(name), {"schema": HEADERS.get(kind, schema)}
            change = (FIELDS | _special(sample)).get(kind, lambda fields, _: fields)
            value = _json(change(fields, sample) or fields)
            value = BYTES[kind](value) if kind in BYTES else value
            yield Poison(kind, OutgoingRecord(sample.topic.name, sample.key(name).encode(), value, headers))


def _json(fields: Fields) -> bytes:
    """JSON that may hold what JSON cannot: integers of any size, NaN, infinity."""
    return json.dumps(fields).encode()


def _nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "empty_value": lambda right: b"",
    "cut_off_json": lambda right: right[: len(right) // 2],
    "null_bytes": lambda right: b"\0" * 64,
    "not_utf8": lambda right: b"\xff\xfe\xfd" + right,
    "utf16": lambda right: right.decode().encode("utf-16"),
    "latin1": lambda right: b'{"text": "perch\xe9"}',
    "json_array": lambda right: b"[" + right + b"]",
    "json_string": lambda right: b'"flood"',
    "json_number": lambda right: b"7",
    "json_null": lambda right: b"null",
    "two_objects": lambda right: right + right,
    "not_a_number": lambda right: right[:-1] + b',"x":NaN}',
    "lone_surrogate": lambda right: right[:-1] + b',"x":"\\ud800"}',
    "number_of_400_digits": lambda right: right[:-1] + b',"x":' + b"9" * 400 + b"}",
    "nested_5000_deep": lambda right: right[:-1] + b',"x":' + _nested(5000) + b"}",
    "array_100000_deep": lambda right: b"[" * 100_000,
    "value_of_990_kb": lambda right: right[:-1] + b',"x":"' + b"A" * 990_000 + b'"}',
    "fields_20000": lambda right: orjson.dumps({f"field{n}": n for n in range(20_000)}),
    "gzip": gzip.compress,
    "html_page": lambda right: b"<!doctype html><html><body>502 Bad Gateway</body></html>",
    "byte_order_mark": lambda right: b"\xef\xbb\xbf" + right[:40],
}
HEADERS: dict[str, bytes | None] = {
    "schema_of_nothing": b"Nonsense",
    "schema_of_another_topic": b"Prediction",
    "schema_empty": b"",
    "schema_null": None,
    "schema_not_utf8": b"\xff\xfe",
    "schema_of_50_kb": b"S" * 50_000,
    "schema_with_nul": b"Post\0",
}
Change = Callable[[Fields, Sample], Any]


def _set(path: tuple[str, ...] | None, value: Any) -> Change:
    def change(fields: Fields, _: Sample) -> None:
        assert path
        for name in path[:-1]:
            fields = fields[name]
        fields[path[-1]] = value

    return change


def _id(value: str) -> Change:
    return lambda fields, sample: _set(sample.id_path, value)(fields, sample)


def _moment(value: Any) -> Change:
    return lambda fields, sample: _set(sample.moment_path, value)(fields, sample)


def _remove_id(fields: Fields, sample: Sample) -> None:
    fields.pop(sample.id_path[0])


FIELDS: dict[str, Change] = {
    "version_99": _set(("schema_version",), 99),
    "version_negative": _set(("schema_version",), -1),
    "version_text": _set(("schema_version",), "two"),
    "version_beyond_int64": _set(("schema_version",), BEYOND_INT64),
    "version_null": _set(("schema_version",), None),
    "field_missing": _remove_id,
    "field_unknown": _set(("nobody_knows_this",), 1),
    "no_fields": lambda fields, _: {"schema_version": fields["schema_version"]},
    "id_null": _id(None),  # type: ignore[arg-type]
    "id_of_10000_characters": _id("file:" + "i" * 10_000),
    "moment_too_early": _moment(TOO_EARLY),
    "moment_too_late": _moment(TOO_LATE),
    "moment_in_words": _moment("yesterday"),
    "moment_infinite": _moment(float("inf")),
    "moment_1e300": _moment(1e300),
    "moment_array": _moment([2026, 1, 1]),
}


def _data(values: Any) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def _special(sample: Sample) -> dict[str, Change]:
    """The kinds that need a vector, a text, or one event's own fields."""
    kinds: dict[str, Change] = {}
    if sample.vector_path:
        for kind, value in {
            "vector_of_nan": {"model": "m", "dimensions": 384, "data": _data([np.nan] * 384)},
            "vector_of_infinity": {"model": "m", "dimensions": 384, "data": _data([np.inf] * 384)},
            "vector_of_3e38": {"model": "m", "dimensions": 384, "data": _data([3e38] * 384)},
            "vector_of_wrong_dimension": {"model": "m", "dimensions": 5, "data": _data([1, 0, 0, 0, 0])},
            "vector_shorter_than_said": {"model": "m", "dimensions": 384, "data": _data([1, 0])},
            "vector_not_base64": {"model": "m", "dimensions": 384, "data": "?" * 2048},
            "vector_beyond_int64": {"model": "m", "dimensions": BEYOND_INT64, "data": _data([1])},
        }.items():
            kinds[kind] = _set(sample.vector_path, value)
    if sample.text_path:
        kinds |= {
            "text_of_20000_characters": _set(sample.text_path, "Genova, " * 2500),
            "text_of_20000_brackets": _set(sample.text_path, "(" * 20_000),
            "text_of_one_emoji_20000_times": _set(sample.text_path, "\U0001f30a" * 20_000),
            "nul_in_text": _set(sample.text_path, "water\0level"),
            "text_a_number": _set(sample.text_path, 7),
        }
    return kinds | OWN.get(sample.topic.name, {})


def _place(**changes: Any) -> Change:
    place = {"name": "Genova", "longitude": 8.9, "latitude": 44.4, "confidence": 1, "kind": "city"}
    return _set(("places",), [{**place, "resolution_method": "gazetteer", **changes}])


OWN: dict[str, dict[str, Change]] = {
    "posts.raw": {
        "text_of_20001_characters": _set(("text",), "a" * 20_001),
        "place_at_the_moon": _set(("native_place",), {"longitude": 1e9, "latitude": 0}),
        "place_not_a_number": _set(("native_place",), {"longitude": float("nan"), "latitude": 0}),
    },
    "posts.enriched": {
        "radius_infinite": _place(radius_km=float("inf")),
        "geonames_id_beyond_int64": _place(geonames_id=BEYOND_INT64),
        "terms_of_different_length": _set(("terms",), {"indices": [1, 2, 3], "values": [1.0]}),
        "terms_negative": _set(("terms",), {"indices": [-1], "values": [1.0]}),
        "terms_beyond_int64": _set(("terms",), {"indices": [BEYOND_INT64], "values": [1.0]}),
        "terms_doubled": _set(("terms",), {"indices": [5, 5], "values": [1.0, 1.0]}),
    },
    "products.announced": {
        "size_beyond_int64": _set(("size",), BEYOND_INT64),
        "footprint_without_end": _set(("footprint",), {"type": "Polygon", "coordinates": [[[float("inf"), 0]]]}),
        "key_with_nul": _set(("assets",), {"a\0b": "/nowhere"}),
    },
    "patches.described": {
        "row_beyond_int64": _set(("row",), BEYOND_INT64),
        "statistics_not_finite": _set(("statistics",), {"mean": float("inf")}),
        "key_with_nul": _set(("statistics",), {"a\0b": 1.0}),
    },
    "annotations": {
        "round_beyond_int64": _set(("round",), BEYOND_INT64),
        "collection_of_nobody": _set(("collection",), "Posts/../etc"),
    },
    "items.labelled": {"annotations_beyond_int64": _set(("annotations",), BEYOND_INT64)},
    "models.updated": {"annotations_beyond_int64": _set(("annotations",), BEYOND_INT64)},
    "saved_searches": {
        "within_beyond_int64": _set(("within",), BEYOND_INT64),
        "threshold_not_finite": _set(("query",), {"score_threshold": {"text": float("inf")}}),
    },
    "incidents": {
        "revision_beyond_int64": _set(("revision",), BEYOND_INT64),
        "confidence_not_a_number": _set(("confidence",), float("nan")),
        "state_of_nothing": _set(("state",), "exploded"),
    },
    "incident.actions": {"action_of_nothing": _set(("action",), "denied")},
    "incident.steps": {
        "ends_beyond_int64": _set(("ends",), {"posts.enriched/0": BEYOND_INT64}),
        "follows_beyond_int64": _set(("follows",), BEYOND_INT64),
    },
    "rules": {
        "no_area": _set(("route", "matchers"), {}),
        "cell_of_nothing": _set(("route", "matchers"), {"cells": ["fffffffffffffff"]}),
        "area_not_finite": _set(
            ("route", "matchers"), {"area": {"type": "Polygon", "coordinates": [[[float("inf"), 0]]]}}
        ),
    },
    "silences": {"ends_before_it_starts": _set(("ends_at",), "2025-01-01T00:00:00Z")},
    "notifications": {
        "mute_missing": _set(("mute",), None),
        "revision_beyond_int64": _set(("revision",), BEYOND_INT64),
    },
    "posts.matched": {"rank_beyond_int64": _set(("recent_rank",), BEYOND_INT64)},
}

"""Events as bytes and back: JSON on the wire, old versions upgraded.

An event's Kafka headers carry `schema` (its name), `version` and `trace`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from stormpetrel.core.errors import MalformedRecord, UnknownSchema
from stormpetrel.core.events import (
    access,
    alerting,
    detection,
    imagery,
    incidents,
    notifications,
    photos,
    posts,
    privacy,
    signals,
    sources,
)
from stormpetrel.core.events import annotations as annotation_events
from stormpetrel.core.events.values import Event

EVENTS: Mapping[str, type[Event]] = {
    model.name(): model
    for module in (
        posts,
        photos,
        imagery,
        annotation_events,
        incidents,
        detection,
        alerting,
        notifications,
        access,
        privacy,
        signals,
        sources,
    )
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Event) and model is not Event
}
PHOTO_FIELDS = ("visual_vector", "concepts", "concept_model", "photo_relevance", "photo_problem")  # until version 9
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


def _without_words(fields: dict[str, Any]) -> dict[str, Any]:
    reasons = fields.get("severity_reasons")
    if isinstance(reasons, list):
        fields = {**fields, "severity_reasons": [_without(each, ("words",)) for each in reasons]}
    return {**fields, "schema_version": 2}


def _without_photos(fields: dict[str, Any]) -> dict[str, Any]:
    return {**_without(fields, PHOTO_FIELDS), "schema_version": 10}


def _without(value: Any, names: Collection[str]) -> Any:
    return {name: part for name, part in value.items() if name not in names} if isinstance(value, dict) else value


# (schema name, version it reads) -> a function that makes the next version out of it.
UPGRADES: dict[tuple[str, int], Upgrade] = {
    ("EnrichedPost", 5): lambda fields: {**fields, "schema_version": 6},  # 6 adds limits
    ("EnrichedPost", 6): lambda fields: {**fields, "schema_version": 7},  # 7 adds photo_relevance
    ("EnrichedPost", 7): lambda fields: {**fields, "schema_version": 8},  # 8 adds the role of places
    ("EnrichedPost", 8): lambda fields: {**fields, "schema_version": 9},  # 9 adds event_relevance
    ("EnrichedPost", 9): _without_photos,  # from 10 on PhotosDescribed has them
    ("Incident", 1): _without_words,  # 2 leaves out the words of posts
    ("Incident", 2): lambda fields: {**fields, "signals": [], "schema_version": 3},  # 3 says what signals say
    ("NotificationLogged", 1): lambda fields: {**fields, "schema_version": 2},  # 2 adds signals to messages
    ("PatchDescribed", 3): lambda fields: {**fields, "schema_version": 4},  # 4 adds orbit_direction
    ("SceneDescribed", 2): lambda fields: {**fields, "schema_version": 3},  # 3 adds orbit_direction
    # 2 adds the query that the request became; a rank (`within`) decides of patches alone.
    ("SavedSearch", 1): lambda fields: {**fields, "schema_version": 2},
}


def encode(event: Event) -> bytes:
    """The event as UTF-8 JSON."""
    return orjson.dumps(event.model_dump(mode="json", exclude_none=True))


def headers_of(event: Event, trace: str | None = None) -> list[tuple[str, bytes]]:
    """Kafka headers: schema name, schema version and a trace id (a new one if none is given)."""
    return [
        ("schema", event.name().encode()),
        ("version", str(event.version).encode()),
        ("trace", (trace or uuid.uuid4().hex).encode()),
    ]


def decode(raw: bytes, *accepted: type[Event], schema: str | None = None) -> Any:
    """The event in `raw`, upgraded to this release's version.

    `schema` is the header's name; without it there must be one accepted type. Raises MalformedRecord or
    UnknownSchema, whose text goes to the dead letters.
    """
    name = schema or (accepted[0].name() if len(accepted) == 1 else None)
    model = EVENTS.get(name or "")
    if model is None or model not in accepted:
        wanted = ", ".join(m.name() for m in accepted)
        raise UnknownSchema(f"schema {name!r} is not read here (expected {wanted}); check the `schema` header")
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRecord(f"{name} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise MalformedRecord(f"{name} must be a JSON object, not {type(fields).__name__}")
    version = fields.get("schema_version", 1)
    while isinstance(version, int) and version < model.version and (name, version) in UPGRADES:
        fields = UPGRADES[(str(name), version)](fields)
        version = fields["schema_version"]
    if version != model.version:
        raise UnknownSchema(f"{name} version {version!r} cannot be read; this release reads up to {model.version}")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the record"
        raise MalformedRecord(f"{name}: {where}: {first['msg']}") from error

"""The published contract of the topics: JSON Schema of every event, and one AsyncAPI 3.0 document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import stormpetrel
from stormpetrel.core.events import EVENTS
from stormpetrel.core.topics import LIVE_TOPICS, Topic, all_topics

Json = dict[str, Any]
DEAD_LETTER_HEADERS = {
    "reason": "why the record could not be worked on",
    "stage": "which part gave it up",
    "provenance": "topic/partition/offset, or file:line, that it came from",
}


def json_schema(name: str) -> Json:
    """The JSON Schema (2020-12) of an event as it is written to its topic."""
    model = EVENTS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:stormpetrel:{name}:{model.version}",
        **model.model_json_schema(mode="validation"),
    }


def asyncapi() -> Json:
    """The AsyncAPI document: a channel for each topic, with its key, partitions, retention and messages."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stormpetrel topics",
            "version": stormpetrel.__version__,
            "description": "Events are JSON; headers carry schema, version and trace. At least once.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in all_topics()},
        "operations": {
            f"{action}-{topic.name}": {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}
            for action in ("send", "receive")
            for topic in LIVE_TOPICS
        },
        "components": {
            "messages": {name: _message(name) for name in EVENTS},
            "schemas": {name: json_schema(name) for name in EVENTS},
        },
    }


def _channel(topic: Topic) -> Json:
    messages: Json = {model.name(): {"$ref": f"#/components/messages/{model.name()}"} for model in topic.events}
    if not topic.events:
        headers = {name: {"type": "string", "description": text} for name, text in DEAD_LETTER_HEADERS.items()}
        messages["DeadLetter"] = {
            "summary": "The raw bytes of a record that could not be worked on",
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": headers, "required": list(headers)},
        }
    configuration = {"cleanup.policy": ["compact" if topic.compacted else "delete"], "retention.ms": topic.retention_ms}
    kafka = {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": configuration}
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}",
        "messages": messages,
        "bindings": {"kafka": {**kafka, "bindingVersion": "0.5.0"}},
    }


def _message(name: str) -> Json:
    text = {"type": "string"}
    return {
        "name": name,
        "summary": (EVENTS[name].__doc__ or "").strip().split("\n")[0],
        "headers": {"type": "object", "properties": {"schema": {"const": name}, "version": text, "trace": text}},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": text, "bindingVersion": "0.5.0"}},
    }


def documents() -> dict[str, str]:
    """File name -> content of everything that is published."""
    contents = {**{f"{name}.schema.json": json_schema(name) for name in EVENTS}, "asyncapi.json": asyncapi()}
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in contents.items()}


def export(directory: Path) -> list[Path]:
    """Writes the published files; the paths of them all."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (directory / name).write_text(content, encoding="utf-8")
    return [directory / name for name in documents()]

"""What `mkdocs build` takes from the code: the OpenAPI document, and tables of the topics and their events."""

from __future__ import annotations

import json
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from api.app import create_app
from stormpetrel.core import schemas

EVENT_TABLES = "<!-- event tables -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds openapi.json; no service is started for it."""
    openapi = create_app(lambda: None).openapi()  # type: ignore[arg-type, return-value]
    files.append(File.generated(config, "openapi.json", content=json.dumps(openapi)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Writes the tables where a page has the marker."""
    if EVENT_TABLES not in markdown:
        return markdown
    return markdown.replace(EVENT_TABLES, event_tables(schemas.asyncapi()))


def event_tables(document: dict[str, Any]) -> str:
    """The channels of an AsyncAPI document, and the fields of each message, as Markdown tables."""
    lines = ["## Channels", "", "| channel | key | partitions | messages |", "| --- | --- | --- | --- |"]
    for name, channel in document["channels"].items():
        key = channel["description"].removeprefix("Key: ")
        partitions = channel["bindings"]["kafka"]["partitions"]
        lines.append(f"| `{name}` | {key} | {partitions} | {', '.join(channel['messages'])} |")
    for name, schema in document["components"]["schemas"].items():
        summary = document["components"]["messages"][name]["summary"]
        lines += ["", f"## {name}", "", summary, "", "| field | type | required |", "| --- | --- | --- |"]
        required = schema.get("required", [])
        for field, definition in schema["properties"].items():
            lines.append(f"| `{field}` | {_type(definition)} | {'yes' if field in required else ''} |")
    return "\n".join(lines)


def _type(definition: dict[str, Any]) -> str:
    """A JSON Schema type in a few words."""
    if "$ref" in definition:
        return str(definition["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in definition:
        return " or ".join(_type(choice) for choice in definition["anyOf"])
    if "enum" in definition:
        return ", ".join(f"`{value}`" for value in definition["enum"])
    if definition.get("type") == "array":
        return f"array of {_type(definition['items'])}" if "items" in definition else "array"
    return str(definition.get("format") or definition.get("type") or "any")

"""What is published about the topics is what the code does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from stormpetrel.core.events import EVENTS, EnrichedPost, Place, PostDeleted, TermWeights, encode
from stormpetrel.core.schemas import documents
from stormpetrel.core.topics import LIVE_TOPICS, all_topics
from stormpetrel.demo.night import flood_night
from stormpetrel.posts.payloads import Skipped, read

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "schemas"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_published_file_is_the_one_the_code_makes(name: str) -> None:
    assert (PUBLISHED / name).read_text(encoding="utf-8") == documents()[name], (
        "run `stormpetrel schemas export docs/schemas` and commit the result"
    )


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_schema_is_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(documents()[f"{name}.schema.json"]))


def test_events_on_the_wire_meet_their_schema() -> None:
    schemas = {name: json.loads(documents()[f"{name}.schema.json"]) for name in EVENTS}
    for written in flood_night(60):
        found = read(json.dumps(written.record).encode(), NOW)
        assert not isinstance(found, Skipped)
        jsonschema.validate(json.loads(encode(found[0])), schemas["Post"])
    enriched = EnrichedPost(
        post=found[0],
        clean_text="a",
        language="en",
        language_confidence=1,
        enriched_at=NOW,
        terms=TermWeights(indices=(1,), values=(1.0,)),
        places=(Place(name="a", longitude=1, latitude=2, confidence=1, kind="point", resolution_method="native"),),
    )
    jsonschema.validate(json.loads(encode(enriched)), schemas["EnrichedPost"])
    deleted = PostDeleted(post_id="x:1", source="x", deleted_at=NOW)
    jsonschema.validate(json.loads(encode(deleted)), schemas["PostDeleted"])


def test_asyncapi_names_every_topic_with_its_partitions_and_messages() -> None:
    document = json.loads(documents()["asyncapi.json"])
    assert set(document["channels"]) == {topic.name for topic in all_topics()}
    for topic in LIVE_TOPICS:
        channel = document["channels"][topic.name]
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        assert set(channel["messages"]) == {model.name() for model in topic.events}
        for reference in channel["messages"].values():
            assert reference["$ref"].rsplit("/", 1)[1] in document["components"]["messages"]

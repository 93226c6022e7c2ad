"""A person is forgotten on a running system: in the stores at once, and in every record of every topic after the stated
time, which the test makes short."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.photo_settings import Photos
from stormpetrel.core.settings import Kafka, TopicSettings
from stormpetrel.core.topics import INCIDENTS, LIVE_TOPICS, POSTS_MATCHED, POSTS_RAW, Topic, all_topics
from stormpetrel.forgetting import Forgetting, Proof, Stores, Wanted, close_files, wanted
from stormpetrel.log.admin import apply_topics, topic_as_set
from stormpetrel.log.deletion import delete_records
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.stores.collections import photos_collection
from stormpetrel.stores.photo_objects import PhotoObjects
from tests.integration.annotating import annotate
from tests.integration.running import COLLECTION, RunningSystem, wait_until
from tests.unit.closed_incident import closed_incident

pytestmark = pytest.mark.integration
KEY = bytes(range(32))
NAMES = Pseudonyms(KEY)
DID = "did:plc:z72i7hdynmk6r22z27h6tvur"
ADA = NAMES.author(f"bsky:{DID}")
MINE, OTHERS = f"{ADA}/3kflood", "x:1460000000000000001"
WORDS = "The water stands in the cellar of via Canevari in Genova, we wait on the roof"
SEARCH = "people on a roof in Genova, water in the cellar"
QUIET = "A quiet evening in Bologna, the concert was lovely"
SHORT_S = 15
SHORT_DAYS = SHORT_S / 86_400
AT = datetime(2025, 11, 4, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, cache: Path, model_directory: Path) -> Iterator[RunningSystem]:
    """A stack of its own: its topics forget soon."""
    with RunningSystem(tmp_path_factory.mktemp("forgetting-stack"), cache) as running:
        running.addresses["STORMPETREL_PRIVACY__AUTHOR_KEY"] = base64.b64encode(KEY).decode()
        running.addresses["STORMPETREL_LOCAL__DIRECTORY"] = str(running.directory)
        running.start_pipeline()
        yield running


def jetstream(rkey: str, **record: Any) -> dict[str, Any]:
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": rkey, "record": record}
    return {"did": DID, "time_us": 1_762_286_400_000_000, "kind": "commit", "commit": commit}


def records() -> list[dict[str, Any]]:
    """A post, a broken one of the same person, and a post of somebody else."""
    created = {"createdAt": AT.isoformat()}
    x = {"author_id": "9", "created_at": AT.isoformat()}
    return [
        jetstream("3kflood", text=WORDS, langs=["en"], **created),
        jetstream("3kbroken", text=[WORDS], **created),
        {"data": {**x, "id": OTHERS.removeprefix("x:"), "text": QUIET}},
    ]


@pytest.fixture(scope="module")
def told(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> RunningSystem:
    """The system with a saved search and its match, posts, a dead letter, annotations and an incident."""
    saved = system.api("POST", "/v1/saved-searches", json={"text": SEARCH, "min_relevance": 0.01})
    assert saved.status_code == 201, saved.text
    file = tmp_path_factory.mktemp("forgetting") / "posts.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records()))
    assert system.replay(file) == {"published": 2, "passed": 0, "dead": 1}
    system.wait_until_worked_through()
    annotate(system, [(MINE, "positive"), (OTHERS, "negative")], "flood")
    producer = system.producer()
    incident = closed_incident([MINE, OTHERS])
    producer.publish(INCIDENTS, incident.incident_id, incident)
    producer.flush()
    wait_until(lambda: bool(system.documents.get("incidents", [incident.incident_id])), 30, "the incident is stored")
    wait_until(lambda: traces(system, [POSTS_MATCHED]) > 0, 30, "the saved search has matched")
    return system


def traces(system: RunningSystem, topics: list[Topic]) -> int:
    """Records with the person's words, id or name in them, as they come from the broker: searched without the code that
    is tested."""
    sought = [WORDS.encode(), DID.encode(), ADA.encode()]
    return sum(
        any(word in raw for word in sought for raw in (record.key or b"", record.value, *record.headers.values()))
        for topic in topics
        for record in system.reader.read(topic)
    )


def short(kafka: Kafka) -> Kafka:
    """The broker with topics that keep records for seconds."""
    topics = {topic.name: TopicSettings(retention_days=SHORT_DAYS) for topic in all_topics() if not topic.compacted}
    return kafka.model_copy(update={"topics": topics, "compacted_within_days": SHORT_DAYS})


def proof(system: RunningSystem, looked_for: Wanted, kafka: Kafka) -> Proof:
    index = system.index
    photos, points = PhotoObjects.of(Photos(store=str(system.directory / "photos"))), photos_collection("").name
    stores = Stores(system.documents, index, photos, COLLECTION, points, index.collections())
    forgetting = Forgetting(system.reader, system.producer(), stores, NAMES, partial(delete_records, kafka))
    return forgetting.prove(looked_for, [topic_as_set(kafka, topic) for topic in all_topics()])


def test_nothing_was_published_under_the_persons_own_id(told: RunningSystem) -> None:
    live = list(LIVE_TOPICS)
    assert not any(DID.encode() in record.value for topic in live for record in told.reader.read(topic))
    assert traces(told, [POSTS_RAW.dead()]) == 1, "what no source could read is kept as it came"


def test_a_forgotten_author_is_in_no_search_at_once_and_on_no_topic_in_the_end(told: RunningSystem) -> None:
    assert MINE in {hit["post"]["post_id"] for hit in told.search(text=WORDS)["hits"]}
    answer: Any = told.counts("forget", "--author", f"bsky:{DID}")
    assert answer["posts"] == 1 and answer["forgotten"]["annotations"] == 1
    assert answer["forgotten"]["posts.raw.dead"] == 1 and answer["forgotten"]["incidents"] == 1
    assert all(trace["until"] for trace in answer["left"])
    told.wait_until_worked_through()

    assert MINE not in {hit["post"]["post_id"] for hit in told.search(text=WORDS)["hits"]}
    assert told.api("GET", f"/v1/posts/{MINE}").status_code == 404
    shown = told.api("GET", f"/v1/incidents/{closed_incident([MINE]).incident_id}").text
    assert MINE not in shown and OTHERS in shown
    annotations = told.api("GET", "/v1/annotations", params={"collection": "posts/annotation-test"}).text
    assert MINE not in annotations

    looked_for = wanted(NAMES, authors=[f"bsky:{DID}"])
    looked_for.post_ids.add(MINE)
    looked_for.texts.add(WORDS)
    kafka = short(told.kafka)
    apply_topics(kafka, all_topics())
    topics = [topic_as_set(kafka, topic) for topic in all_topics()]

    def is_clean() -> bool:
        close_files(topics, told.reader, told.producer(), now())
        return proof(told, looked_for, kafka).is_clean

    wait_until(is_clean, 240, lambda: proof(told, looked_for, kafka).traces)
    assert traces(told, list(all_topics())) == 0
    assert told.api("GET", f"/v1/posts/{OTHERS}").status_code == 200, "the others are there"


def test_the_same_post_does_not_come_back(told: RunningSystem, tmp_path: Path) -> None:
    file = tmp_path / "again.jsonl"
    file.write_text(json.dumps(records()[0]) + "\n")
    told.replay(file)
    told.wait_until_worked_through()
    assert told.api("GET", f"/v1/posts/{MINE}").status_code == 404

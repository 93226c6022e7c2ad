"""The table of poison: at least 40 kinds on every topic, and what reads a topic refuses them with a reason."""

from __future__ import annotations

from collections import defaultdict

import pytest

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.topics import LIVE_TOPICS
from stormpetrel.log import Record
from tests.chaos.poison import BYTES, FIELDS, HARMLESS, HEADERS, Poison, poison_records
from tests.chaos.samples import SAMPLES, Sample

TOPICS = {topic.name: topic for topic in LIVE_TOPICS}
POISON = list(poison_records())
# What a reader takes, and only the stores or a learner can refuse.
DEEPER = {
    "vector_of_wrong_dimension",
    "vector_shorter_than_said",
    "vector_not_base64",
    "terms_of_different_length",
    "terms_doubled",
}


def _record(poison: Poison) -> Record:
    record = poison.record
    headers = {name: value or b"" for name, value in record.headers.items()}
    return Record(record.topic, 0, 0, record.key, record.value, headers)


def test_there_are_40_kinds_that_fit_every_topic() -> None:
    kinds = defaultdict(set)
    for poison in POISON:
        kinds[poison.record.topic].add(poison.kind)
    assert set(kinds) == set(TOPICS)
    assert len(set.intersection(*kinds.values())) == len(BYTES) + len(HEADERS) + len(FIELDS) >= 40


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.topic.name)
def test_what_poison_is_made_from_is_right(sample: Sample) -> None:
    assert type(sample.event).model_validate(sample.fields()) == sample.event
    assert type(sample.event) in sample.topic.events


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: f"{poison.record.topic}-{poison.kind}")
def test_a_reader_refuses_poison_with_a_reason_and_raises_nothing_else(poison: Poison) -> None:
    topic = TOPICS[poison.record.topic]
    try:
        event = _record(poison).decode(*topic.events, default=topic.events[0])
    except StormpetrelError as error:
        assert len(str(error)) > 15
    else:
        assert poison.kind in DEEPER or poison.kind in HARMLESS, event

"""`stormpetrel keys` on a topic that holds records which nobody can read."""

from __future__ import annotations

import json

import pytest

import stormpetrel.log.topic_reader
from stormpetrel.access.keys import new_key
from stormpetrel.cli import keys
from stormpetrel.core.topics import KEYS
from stormpetrel.log.memory import MemoryLog, MemoryTopicReader
from stormpetrel.log.record import OutgoingRecord, record_of_event


def test_a_record_that_cannot_be_read_hides_no_key_from_operators(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log, (_, added) = MemoryLog(), new_key("ada", ["read"])
    for poison in (b"", b"[]", b"\xff"):
        log.append(OutgoingRecord(KEYS.name, None, poison, {"schema": b"ApiKeyAdded"}))
    log.append(record_of_event(KEYS, added.key_id, added))
    monkeypatch.setattr(stormpetrel.log.topic_reader, "KafkaTopicReader", lambda _: MemoryTopicReader(log))
    keys.list_keys(as_json=True)
    shown = capsys.readouterr()
    assert [key["key_id"] for key in json.loads(shown.out)] == [added.key_id]
    assert shown.err.count("passed over") == 3

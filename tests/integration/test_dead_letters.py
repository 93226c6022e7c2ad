"""Operators list, replay and purge dead letters on the real broker, by command."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from stormpetrel.core.topics import AUDIT, SAVED_SEARCHES
from stormpetrel.local.stack import this_python
from stormpetrel.log import Record, dead_letter_of
from tests.integration.running import RunningSystem

pytestmark = pytest.mark.integration
TOPIC = SAVED_SEARCHES.name


def dead(system: RunningSystem, *arguments: str) -> Any:
    done = subprocess.run(
        this_python("dead", *arguments, "--json"),
        env={**os.environ, **system.addresses},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_dead_letters_are_listed_sent_through_again_and_purged(system: RunningSystem) -> None:
    dead(system, "purge", TOPIC)
    keys = [f"dead-{number}" for number in range(5)]
    records = [
        Record(TOPIC, 0, number, key.encode(), b"{}", {"schema": b"Nonsense"}) for number, key in enumerate(keys)
    ]
    producer = system.producer()
    producer.deliver([dead_letter_of(record, "schema 'Nonsense' is not read here", "test") for record in records])
    listed = dead(system, "list", TOPIC)
    assert {letter["key"] for letter in listed} == set(keys)
    assert {letter["reason"] for letter in listed} == {"schema 'Nonsense' is not read here"}
    assert len(dead(system, "list", TOPIC, "--limit", "2")) == 2
    assert dead(system, "purge", TOPIC, "--before", "2020-01-01")["purged"] == 0
    assert dead(system, "replay", TOPIC, "--purge")["replayed"] == 5
    again = [record.key for record in system.reader.read(SAVED_SEARCHES) if record.header("schema") == "Nonsense"]
    assert sorted(again) == [key.encode() for key in keys]
    # Whoever follows the topic may have refused them again by now; what was replayed is gone.
    assert "test" not in {letter["stage"] for letter in dead(system, "list", TOPIC)}
    done = [record.decode(*AUDIT.events) for record in system.reader.read(AUDIT)]
    assert {"dead purge", "dead replay --purge"} <= {event.action for event in done if event.object == TOPIC}

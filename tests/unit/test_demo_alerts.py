"""The demo's alerts from its rule to what its receivers were told: the API, the notify consumer and the local receivers
in one process, on a log in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.alerting.cap_schema import cap_faults
from stormpetrel.cli.demo_alerts import cap_alerts, make_rule, show_alerts, wait_until_told
from stormpetrel.local.alert_inbox import CAP, MAIL, WEBHOOK, mails, serving, webhook_messages, write_receivers
from stormpetrel.local.stack import free_port
from tests.memory_api import MemoryApi
from tests.unit.alerting_world import verdict
from tests.unit.test_alerting_api import System, system

LIGURIA = {"admin_codes": ["IT.08"]}


@contextmanager
def with_local_receivers(folder: Path) -> Iterator[System]:
    webhook_port = free_port()
    file = write_receivers(folder, webhook_port, free_port())
    alerting: dict[str, Any] = {"receivers": file, "private_hosts": [f"127.0.0.1:{webhook_port}"]}
    with serving(folder), system(MemoryApi(alerting=alerting)) as running:
        yield running


def test_the_demo_shows_what_each_receiver_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with with_local_receivers(tmp_path) as running:
        receivers = make_rule(running.client, LIGURIA)
        assert receivers == (WEBHOOK, MAIL, CAP)
        running.incident()
        wait_until_told(running.client, receivers, {"incident_id": "genoa", "revision": 1, "radar": None})
        running.incident(2, radar=verdict(), reason="new water on 3.0 km2")
        confirmed = {"incident_id": "genoa", "revision": 2, "radar": {"verdict": "confirmed"}}
        wait_until_told(running.client, receivers, confirmed)
        show_alerts(running.client, tmp_path, receivers, {"incident_id": "genoa"})
        alerts = cap_alerts(running.client, "genoa")
        document = running.client.get(f"/v1/alerts/cap/{alerts[-1]['identifier']}").content
    assert [message["type"] for message in webhook_messages(tmp_path)] == ["alert.first", "alert.confirmed"]
    subjects = [str(mail["Subject"]) for mail in mails(tmp_path)]
    assert subjects == ["Nuova segnalazione: alluvione, Genova", "Confermata dal radar: alluvione, Genova"]
    assert [alert["msgType"] for alert in alerts] == ["Alert", "Update"]
    assert alerts[1]["references"].split(",")[1] == alerts[0]["identifier"]
    assert cap_faults(document) == [] and b"<status>Exercise</status>" in document
    printed = capsys.readouterr()
    shown = printed.out + printed.err
    for words in (
        "confirmed: flood, Genova",
        "new water on 3.0 km2",
        *subjects,
        "Update",
        "/v1/incidents/genoa/report",
    ):
        assert words in shown, json.dumps(shown)


def test_receivers_that_the_system_lacks_are_not_named(tmp_path: Path) -> None:
    with system() as running:
        assert make_rule(running.client, LIGURIA) == (CAP,)

"""Alerts through the real broker: incidents to a webhook, a mail catcher and the CAP feed, across a kill."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree
from standardwebhooks.webhooks import Webhook

from stormpetrel.alerting.cap_feed import ATOM
from stormpetrel.alerting.cap_schema import cap_faults
from stormpetrel.core.clock import now
from stormpetrel.core.topics import INCIDENTS, NOTIFICATIONS, RULES
from tests.alert_servers import Hook, Mailbox, hook, mail_server
from tests.integration.running import RunningSystem, wait_until
from tests.unit.alerting_world import incident, rule, verdict

pytestmark = pytest.mark.integration
SECRET = f"whsec_{base64.b64encode(b'a secret of thirty-two bytes. ok').decode()}"
RECEIVERS = ("operations", "duty", "cap")


class Alerts:
    """The notify consumer with its receivers."""

    def __init__(self, system: RunningSystem, served: Hook, mailbox: Mailbox, variables: dict[str, str]) -> None:
        self.system, self.hook, self.mailbox, self.variables = system, served, mailbox, variables

    def start(self) -> None:
        self.system.start("notify", "consume", "notify", **self.variables)

    def publish(self, *events: Any) -> None:
        producer = self.system.producer()
        for event in events:
            topic, key = (RULES, event.rule_id) if hasattr(event, "rule_id") else (INCIDENTS, event.incident_id)
            producer.publish(topic, key, event)
        producer.flush()

    def entries(self) -> list[Any]:
        return [record.decode(*NOTIFICATIONS.events) for record in self.system.reader.read(NOTIFICATIONS)]

    def reasons(self, incident_id: str) -> list[str]:
        bodies = [json.loads(body)["data"] for _, body in self.hook.requests]
        return [body["reason"] for body in bodies if body["incidents"][0]["incident_id"] == incident_id]


@pytest.fixture
def alerts(system: RunningSystem, tmp_path: Path) -> Iterator[Alerts]:
    mailbox = Mailbox()
    with hook() as served, mail_server(mailbox) as mail_port:
        receivers = [
            {"name": "operations", "channel": "webhook", "url": f"http://127.0.0.1:{served.port}/in", "secret": SECRET},
            {
                "name": "duty",
                "channel": "email",
                "language": "it",
                "sender": "alerts@example.org",
                "to": ["duty@example.org"],
                "smtp": {"host": "127.0.0.1", "port": mail_port, "security": "none"},
            },
            {"name": "cap", "channel": "cap", "status": "Exercise", "languages": ["it", "en"]},
        ]
        file = tmp_path / "alerting.yaml"
        file.write_text(yaml.safe_dump({"receivers": receivers}))
        variables = {
            "STORMPETREL_ALERTING__RECEIVERS": str(file),
            "STORMPETREL_ALERTING__PRIVATE_HOSTS": f'["127.0.0.1:{served.port}"]',
        }
        running = Alerts(system, served, mailbox, variables)
        running.start()
        yield running
        if "notify" in system.ours:
            system.stop("notify")


def test_an_incident_is_told_confirmed_and_cleared_across_a_kill(alerts: Alerts) -> None:
    alerts.publish(rule("liguria", receivers=list(RECEIVERS), group_wait_s=0, group_interval_s=1))
    alerts.publish(incident("night-of-genoa", at=now()))
    wait_until(lambda: alerts.reasons("night-of-genoa") == ["first"], 30, "the webhook is told")
    alerts.system.kill("notify")
    alerts.publish(incident("night-of-genoa", 2, at=now(), radar=verdict()))
    alerts.start()
    # All receivers: what comes while a message is on its way becomes one message with what comes after.
    wait_until(lambda: _ended(alerts) == 6, 30, "radar's verdict is told")
    assert alerts.reasons("night-of-genoa")[-1] == "confirmed"
    alerts.publish(incident("night-of-genoa", 3, at=now(), radar=verdict(), state="closed"))
    wait_until(lambda: _ended(alerts) == 9, 30, "the all clear is told")
    assert alerts.reasons("night-of-genoa")[-1] == "all_clear"

    headers, body = alerts.hook.requests[-1]
    assert Webhook(SECRET).verify(body, headers)["type"] == "alert.all_clear"
    ids = Counter(headers["webhook-id"] for headers, _ in alerts.hook.requests)
    assert len(ids) == 3

    assert len(alerts.mailbox.mails) >= 3
    threads = {str(mail["References"]).split()[0] for mail in alerts.mailbox.mails}
    assert len(threads) == 1

    assert alerts.system.stop("notify") == 0
    alerts.system.start("serve", "serve", **alerts.variables)
    feed = etree.fromstring(alerts.system.api("GET", "/v1/alerts/cap.atom").content)
    links = [link.get("href") for link in feed.findall(f"{{{ATOM}}}entry/{{{ATOM}}}link")]
    assert len(links) == 3
    for link in links:
        document = alerts.system.api("GET", link[link.index("/v1/") :])
        assert cap_faults(document.content) == []
    explained = alerts.system.api("GET", "/v1/alerting/incidents/night-of-genoa").json()
    assert {entry["receiver"] for entry in explained["past"]} == set(RECEIVERS)


def _ended(alerts: Alerts) -> int:
    """How many messages were taken, by the log."""
    return len({entry.message_id for entry in alerts.entries() if entry.outcome == "sent"})


def test_kills_while_incidents_change_lose_nothing_and_double_no_id(alerts: Alerts) -> None:
    alerts.publish(rule("everywhere", receivers=["operations"], matchers={"everywhere": True}, group_wait_s=0))
    for revision, severity in enumerate(("minor", "moderate", "severe", "extreme"), start=1):
        alerts.publish(
            *(
                incident(f"killed-{number}", revision, at=now(), severity=severity, admin1_code=f"{number:02}")
                for number in range(12)
            )
        )
        time.sleep(0.3 * revision)
        alerts.system.kill("notify")
        alerts.start()

    def is_told() -> bool:
        worst = {}
        for _, body in alerts.hook.requests:
            for told in json.loads(body)["data"]["incidents"]:
                worst[told["incident_id"]] = told["worst_severity"]
        return all(worst.get(f"killed-{number}") == "extreme" for number in range(12))

    wait_until(is_told, 60, "every incident is told as it stands")
    bodies: dict[str, set[bytes]] = {}
    numbers: dict[str, set[int]] = {}
    for headers, body in alerts.hook.requests:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
        data = json.loads(body)["data"]
        if data["rule_id"] == "everywhere":
            numbers.setdefault(data["group"], set()).add(data["number"])
    assert all(len(same) == 1 for same in bodies.values())
    assert all(each == set(range(1, len(each) + 1)) for each in numbers.values())

"""From a post to a delivered webhook: bursts of posts about floods, through worker, detector and notifier."""

from __future__ import annotations

import base64
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fixtures import CACHE, MODEL, percentiles, say
from stormpetrel.core.clock import now
from stormpetrel.core.events import AlertRule, Incident, Matchers, Route
from stormpetrel.core.topics import INCIDENTS, POSTS_RAW, RULES
from stormpetrel.log import record_of_event
from stormpetrel.posts.text.encoder import ensure_text_model
from tests.alert_servers import Hook, hook
from tests.chaos.incident_load import TOWNS, burst
from tests.integration.running import BrokerAlone, RunningSystem

SECRET = f"whsec_{base64.b64encode(b'a secret of thirty-two bytes. ok').decode()}"
WITHIN_S = 60.0


def run(group_wait_s: float = 1.0) -> dict[str, Any]:
    """Seconds from the last post of a burst to its alert at the webhook, with the wait of a rule that states none.

    `posts_to_incident` is the part up to the opened incident on the log, by the broker's clock.
    """
    ensure_text_model(CACHE / "models", MODEL, say)
    with (
        tempfile.TemporaryDirectory(prefix="stormpetrel-bench-") as directory,
        BrokerAlone(Path(directory), CACHE) as system,
        hook() as served,
    ):
        _start(system, served, group_wait_s)
        published, not_told = _publish(system, served)
        opened = _opened_at(system)
        delivered = [_told_at(served)[town] - at for town, at in published.items()]
        to_incident = [opened[town] - at for town, at in published.items()]
    return {
        "bursts": len(published),
        "not_told": not_told,
        "group_wait_s": group_wait_s,
        "posts_to_webhook": percentiles(delivered),
        "posts_to_incident": percentiles(to_incident),
    }


def _start(system: RunningSystem, served: Hook, group_wait_s: float) -> None:
    file = system.directory / "alerting.yaml"
    url = f"http://127.0.0.1:{served.port}/in"
    receiver = {"name": "duty", "channel": "webhook", "url": url, "secret": SECRET}
    file.write_text(yaml.safe_dump({"receivers": [receiver]}))
    system.start("worker", "worker", wait=False)
    system.start("detect", "consume", "detect", wait=False)
    variables = {
        "STORMPETREL_ALERTING__RECEIVERS": str(file),
        "STORMPETREL_ALERTING__PRIVATE_HOSTS": f'["127.0.0.1:{served.port}"]',
    }
    system.start("notify", "consume", "notify", **variables)
    matchers = Matchers(everywhere=True, states=("opened", "growing"))
    route = Route(matchers=matchers, receivers=("duty",), group_wait_s=group_wait_s)
    rule = AlertRule(rule_id="everywhere", title="Everywhere", route=route, author="benchmark", changed_at=now())
    system.producer().deliver([record_of_event(RULES, rule.rule_id, rule)])
    system.wait_for("worker", "detect")


def _publish(system: RunningSystem, served: Hook) -> tuple[dict[str, float], list[str]]:
    """When the last post of each burst was sent, by the clock, under the place that was told; each burst waits for the
    alert before. And the towns of which nothing was told."""
    producer, generator = system.producer(), random.Random(7)
    published: dict[str, float] = {}
    not_told: list[str] = []
    for town, country in TOWNS:
        posts = burst((town, country))
        producer.deliver([record_of_event(POSTS_RAW, post.post_id, post) for post in posts])
        sent_at = time.time()
        deadline = time.monotonic() + WITHIN_S
        while len(_told_at(served)) == len(published) and time.monotonic() < deadline:
            time.sleep(0.05)
        new = [place for place in _told_at(served) if place not in published]
        if new:
            published[new[0]] = sent_at
            say(f"{town}: {_told_at(served)[new[0]] - sent_at:.2f} s")
        else:
            not_told.append(town)
            say(f"{town}: nothing was told within {WITHIN_S:.0f} s")
        time.sleep(generator.uniform(0, 2))
    return published, not_told


def _told_at(served: Hook) -> dict[str, float]:
    """When each place was told first, by the clock."""
    told: dict[str, float] = {}
    for at, (_, body) in zip(list(served.taken_at), list(served.taken), strict=False):
        for incident in json.loads(body)["data"]["incidents"]:
            told.setdefault(incident["place"], at)
    return told


def _opened_at(system: RunningSystem) -> dict[str, float]:
    """When the first revision that is opened came to stand on the log, by place."""
    opened: dict[str, float] = {}
    for record in system.reader.read(INCIDENTS):
        incident = record.decode(Incident)
        if incident.opened_at is not None:
            opened.setdefault(incident.place, record.timestamp_ms / 1000)
    return opened

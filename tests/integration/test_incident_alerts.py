"""From posts to an alert, and from a radar scene to its change: worker, detector, notifier and a webhook."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks.webhooks import Webhook

from stormpetrel.core.clock import now
from stormpetrel.core.events import Incident, Signal
from stormpetrel.core.topics import INCIDENTS, PATCHES_DESCRIBED, POSTS_RAW, RULES, SIGNALS
from stormpetrel.log import read_dead_letters
from tests.alert_servers import Hook, hook
from tests.chaos.incident_load import burst
from tests.described_scenes import scene_over
from tests.integration.running import BrokerAlone, RunningSystem, wait_until
from tests.unit.alerting_world import rule

pytestmark = pytest.mark.integration
SECRET = f"whsec_{base64.b64encode(b'a secret of thirty-two bytes. ok').decode()}"
WITHIN_S = 60.0  # of the last patch, until the verdict is told
MANILA, BRISBANE, AUCKLAND = ("Manila", "Philippines"), ("Brisbane", "Australia"), ("Auckland", "New Zealand")
RULE = "posts-to-alert"


class Alerted:
    """What the webhook was told of incidents, and what stands on the log."""

    def __init__(self, system: RunningSystem, served: Hook) -> None:
        self.system, self.served = system, served

    def publish(self, topic: Any, key: str, *events: Any) -> None:
        producer = self.system.producer()
        for event in events:
            producer.publish(topic, key or event.post_id, event)
        producer.flush()

    def newest(self, place: str) -> Incident | None:
        """The newest revision of the incident of a place."""
        of_place = [
            incident
            for record in self.system.reader.read(INCIDENTS)
            if (incident := record.decode(Incident)).place == place and incident.detector_version != "test@1"
        ]
        return max(of_place, key=lambda incident: incident.revision, default=None)

    def reasons(self, incident_id: str) -> list[str]:
        """Why it was told, by the messages that were taken."""
        told = [json.loads(body)["data"] for _, body in self.served.taken]
        return [each["reason"] for each in told if any(one["incident_id"] == incident_id for one in each["incidents"])]

    def open(self, town: tuple[str, str]) -> Incident:
        """Sends a burst of posts, and waits until the incident that it opens is told."""
        self.publish(POSTS_RAW, "", *burst(town))
        wait_until(lambda: (each := self.newest(town[0])) is not None and each.opened_at is not None, 60, "it opens")
        incident = self.newest(town[0])
        assert incident is not None
        wait_until(lambda: "first" in self.reasons(incident.incident_id), 60, "it is told")
        return incident

    def see(self, incident: Incident, name: str, water: float) -> None:
        """Describes a scene over an incident."""
        patches, scene = scene_over(incident, name, water)
        self.publish(PATCHES_DESCRIBED, name, *patches, scene)


@pytest.fixture(scope="module")
def alerted(cache: Path, model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerted]:
    tmp_path = tmp_path_factory.mktemp("alerts")
    with BrokerAlone(tmp_path, cache) as system, hook() as served:
        url = f"http://127.0.0.1:{served.port}/in"
        file = tmp_path / "alerting.yaml"
        receiver = {"name": "operations", "channel": "webhook", "url": url, "secret": SECRET}
        file.write_text(yaml.safe_dump({"receivers": [receiver]}))
        variables = {
            "STORMPETREL_ALERTING__RECEIVERS": str(file),
            "STORMPETREL_ALERTING__PRIVATE_HOSTS": f'["127.0.0.1:{served.port}"]',
        }
        system.start("worker", "worker", wait=False)
        system.start("detect", "consume", "detect", wait=False)
        system.start("notify", "consume", "notify", wait=False, **variables)
        system.wait_for("worker", "detect", "notify", seconds=300)
        running = Alerted(system, served)
        told = rule(RULE, receivers=["operations"], matchers={"admin_codes": ["PH", "AU", "NZ"]}, group_wait_s=0)
        running.publish(RULES, RULE, told)
        yield running


def test_posts_open_an_incident_that_is_told_and_the_radar_confirms_it(alerted: Alerted) -> None:
    # Until the webhook takes it, the message comes again under its id.
    alerted.served.status = 503
    alerted.publish(POSTS_RAW, "", *burst(MANILA))
    wait_until(lambda: len(alerted.served.requests) > 1, 90, "the message is sent, and sent again")
    first_ids = {headers["webhook-id"] for headers, _ in alerted.served.requests}
    alerted.served.status = 204
    wait_until(lambda: bool(alerted.served.taken), 60, "the message is taken")
    headers, body = alerted.served.taken[0]
    assert first_ids == {headers["webhook-id"]}
    assert Webhook(SECRET).verify(body, headers)["type"] == "alert.first"

    wait_until(lambda: (each := alerted.newest("Manila")) is not None and each.opened_at is not None, 60, "it opens")
    incident = alerted.newest("Manila")
    assert incident is not None and incident.kind == "flood" and incident.country_code == "PH"

    alerted.see(incident, "S1A_IW_GRDH_1SDV_20261130T053500_20261130T053525_061175_07A000_2222", water=0.05)
    wait_until(lambda: "confirmed" in alerted.reasons(incident.incident_id), WITHIN_S, "radar's word is told")
    seen = alerted.newest("Manila")
    assert seen is not None and seen.radar is not None and seen.incident_id == incident.incident_id
    assert seen.radar.verdict == "confirmed" and seen.radar.likelihood_ratio > 1
    assert seen.confidence >= seen.posts_confidence  # posts alone may have brought it to its most
    assert seen.next_pass is not None


def test_a_clear_scene_without_new_water_lowers_the_incident(alerted: Alerted) -> None:
    incident = alerted.open(BRISBANE)
    alerted.see(incident, "S1A_IW_GRDH_1SDV_20261130T053500_20261130T053525_061175_07A000_3333", water=0.0)
    wait_until(lambda: "refuted" in alerted.reasons(incident.incident_id), WITHIN_S, "radar's word is told")
    seen = alerted.newest("Brisbane")
    assert seen is not None and seen.radar is not None and seen.incident_id == incident.incident_id
    assert seen.radar.verdict == "refuted" and seen.confidence < seen.posts_confidence


def test_an_official_signal_joins_an_incident_decides_nothing_and_leaves_when_it_is_withdrawn(alerted: Alerted) -> None:
    incident = alerted.open(AUCKLAND)
    moments = {"published_at": now(), "ingested_at": now()}
    point = incident.longitude, incident.latitude
    signal = Signal(
        signal_id="gdacs:1", feed="gdacs", kind="flood", title="Red alert", level="red", point=point, **moments
    )
    alerted.publish(SIGNALS, "gdacs:2", incident)
    alerted.publish(SIGNALS, signal.signal_id, signal)

    def signals() -> list[str]:
        newest = alerted.newest("Auckland")
        return [each.signal_id for each in newest.signals] if newest is not None else []

    wait_until(lambda: signals() == ["gdacs:1"], 60, "it joins")
    back = {"published_at": now(), "ingested_at": now(), "withdrawn": True}
    alerted.publish(SIGNALS, signal.signal_id, signal.model_copy(update=back))
    wait_until(lambda: signals() == [], 60, "it leaves")
    seen = alerted.newest("Auckland")
    assert seen is not None and seen.radar is None and seen.confidence == seen.posts_confidence
    assert not {"confirmed", "refuted"}.intersection(alerted.reasons(incident.incident_id))
    letters = read_dead_letters(alerted.system.reader, SIGNALS)
    assert [(each.record.key, each.stage) for each in letters] == [(b"gdacs:2", "detect")]

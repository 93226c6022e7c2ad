"""The demo's alerts: a rule, and what a webhook, a mail catcher and the CAP feed were told by it, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from lxml import etree

from stormpetrel.alerting.cap import NAMESPACE
from stormpetrel.alerting.cap_feed import ATOM
from stormpetrel.cli.console import say
from stormpetrel.core.errors import StormpetrelError
from stormpetrel.local.alert_inbox import CAP, MAIL, WEBHOOK, mails, webhook_messages

RULE = "demo"
PATIENCE_S = 30.0
LEAST_CONFIDENCE = 0.5  # nobody is told of a mere suspicion
MOST_SHOWN = 6
Json = dict[str, Any]


def make_rule(client: httpx.Client, area: Mapping[str, Any]) -> tuple[str, ...]:
    """Writes the demo's rule for an area, as matchers say it; its receivers, of those that the system has. They are the
    local ones: nobody else is told of a demo."""
    known = {receiver["name"] for receiver in client.get("/v1/alerting/receivers").raise_for_status().json()}
    receivers = tuple(name for name in (WEBHOOK, MAIL, CAP) if name in known)
    matchers = {**area, "min_confidence": LEAST_CONFIDENCE}
    route = {"matchers": matchers, "receivers": receivers, "group_by": "incident"}
    rule = {"title": "The demo", "author": "demo", "route": route}
    client.put(f"/v1/alerting/rules/{RULE}", json=rule).raise_for_status()
    return receivers


def wait_until_told(client: httpx.Client, receivers: Iterable[str], incident: Json) -> None:
    """Returns when every receiver has taken the newest that is to be told of an incident: radar's word, where there is
    one, and that it opened otherwise. Raises StormpetrelError where one is not told within the patience."""
    verdict = (incident["radar"] or {}).get("verdict")
    wanted = {verdict} if verdict in ("confirmed", "refuted") else {"first", "new_in_group"}
    deadline, missing = time.monotonic() + PATIENCE_S, set(receivers)
    while missing:
        past = client.get(f"/v1/alerting/incidents/{incident['incident_id']}").raise_for_status().json()["past"]
        sent = [entry for entry in past if entry["outcome"] == "sent"]
        missing -= {entry["receiver"] for entry in sent if _says(entry, wanted, incident["revision"])}
        if missing and time.monotonic() > deadline:
            raise StormpetrelError(
                f"{', '.join(sorted(missing))} were not told of {incident['incident_id']} ({' or '.join(wanted)}) "
                f"within {PATIENCE_S:.0f} s; ask: stormpetrel alerting explain {incident['incident_id']}"
            )
        time.sleep(0.3)


def _says(entry: Json, reasons: Iterable[str], revision: int) -> bool:
    """Whether a message was told for one of these reasons, or is no older than a revision: a receiver that first hears
    of an incident after radar's word is told both at once."""
    return entry["reason"] in reasons or entry["revision"] >= revision


def show_alerts(client: httpx.Client, folder: Path, receivers: Iterable[str], incident: Json) -> None:
    """Shows what each receiver was told of an incident, what was kept back, and where the report is."""
    incident_id = incident["incident_id"]
    if WEBHOOK in receivers:
        _show_webhook(folder, incident_id)
    if MAIL in receivers:
        _show_mails(folder, incident_id)
    _show_cap(client, incident_id)
    kept = client.get("/v1/alerting/notifications", params={"incident_id": incident_id}).raise_for_status().json()
    muted = [entry for entry in kept if entry["outcome"] == "muted"]
    for entry in muted[:MOST_SHOWN]:
        say(
            f"kept back from {entry['receiver']}: {entry['reason']}, {entry['mute']['kind']}: {entry['mute']['reason']}"
        )
    say(
        f"who was told what, and why: .venv/bin/stormpetrel alerting explain {incident_id}\n"
        f"its report, to print: {client.base_url}/v1/incidents/{incident_id}/report\n"
    )


def _show_webhook(folder: Path, incident_id: str) -> None:
    told = [
        (message["data"]["reason"], each)
        for message in webhook_messages(folder)
        for each in message["data"]["incidents"]
        if each["incident_id"] == incident_id
    ]
    say(f"a webhook took {len(told)} messages of it, each with its signature checked and its id new:")
    for reason, each in told[-MOST_SHOWN:]:
        say(f"  {reason}: {each['kind']}, {each['place']}, {each['severity']}, {each['confidence']:.0%}. {each['why']}")


def _show_mails(folder: Path, incident_id: str) -> None:
    own = [mail for mail in mails(folder) if f"/v1/incidents/{incident_id}" in mail.get_content()]
    threads = {str(mail["References"]).split()[0] for mail in own}
    say(f"{own[0]['To'] if own else 'nobody'} got {len(own)} mails of it, in {len(threads)} thread:")
    for mail in own[-MOST_SHOWN:]:
        say(f"  {mail['Subject']}")


def cap_alerts(client: httpx.Client, incident_id: str) -> list[Json]:
    """The CAP alerts of an incident in the feed, the oldest first: `identifier`, `msgType`, `references`, `headline`
    and `certainty`."""
    feed = etree.fromstring(client.get("/v1/alerts/cap.atom").raise_for_status().content)
    told = []
    for link in feed.findall(f"{{{ATOM}}}entry/{{{ATOM}}}link"):
        alert = etree.fromstring(client.get(httpx.URL(link.get("href", "")).path).raise_for_status().content)
        if _text(alert, "info/parameter/value") == incident_id:
            told.append({name: _text(alert, name) for name in ("identifier", "msgType", "references")})
            told[-1] |= {name: _text(alert, f"info/{name}") for name in ("headline", "certainty")}
    return told[::-1]


def _show_cap(client: httpx.Client, incident_id: str) -> None:
    told = cap_alerts(client, incident_id)
    say(f"the CAP feed, {client.base_url}/v1/alerts/cap.atom, has {len(told)} alerts of it:")
    for each in told[-MOST_SHOWN:]:
        replaced = f" in place of {each['references'].split(',')[1]}" if each["references"] else ""
        say(f"  {each['msgType']} {each['identifier']}{replaced}: {each['headline']} ({each['certainty']})")


def _text(element: etree._Element, path: str) -> str:
    return element.findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))) or ""

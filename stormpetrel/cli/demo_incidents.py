"""The demo's incidents: what the detector has opened of the posts, and what the radar image then says of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from stormpetrel.cli.console import say
from stormpetrel.cli.incidents import line_of

PATIENCE_S = 30.0
MOST_SHOWN = 3
Json = dict[str, Any]


def show_incidents(client: httpx.Client) -> None:
    """Waits for an incident to open, and shows the newest ones."""
    page = _wait(client, {"limit": MOST_SHOWN}, lambda incidents: any(each["opened_at"] for each in incidents))
    opened = [each for each in page["incidents"] if each["opened_at"]]
    if not opened:
        say("the posts opened no incident: see docs/incidents.md for what it takes")
        return
    for incident in opened:
        say(f"incident {line_of(incident)}")
    say(f"its report, to print: {client.base_url}/v1/incidents/{opened[0]['incident_id']}/report")


def show_verdict(client: httpx.Client) -> None:
    """Waits for the radar's word on an incident, and shows it."""
    page = _wait(client, {"limit": 100}, lambda incidents: any(each["radar"] for each in incidents))
    for incident in [each for each in page["incidents"] if each["radar"]][:MOST_SHOWN]:
        radar, coming = incident["radar"], incident["next_pass"]
        say(
            f"radar on {incident['incident_id']}: {radar['verdict']}, {radar['new_water_km2']:.1f} km² of new water in "
            f"it; confidence {incident['posts_confidence']:.2f} by posts, {incident['confidence']:.2f} with the radar"
            + (f"; next pass {coming['platform']} {coming['expected_at']:.16}" if coming else "")
        )


def _wait(client: httpx.Client, parameters: Json, holds: Callable[[list[Json]], bool]) -> Json:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        page: Json = client.get("/v1/incidents", params=parameters).raise_for_status().json()
        if holds(page["incidents"]) or time.monotonic() > deadline:
            return page
        time.sleep(0.3)

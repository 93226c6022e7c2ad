"""The demo's incidents: what the detector has opened of the posts, and what the radar image then says of it.

The made-up night has to open one, and its radar image to confirm one: where they do not, the demo fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from stormpetrel.cli.console import say
from stormpetrel.cli.incidents import line_of
from stormpetrel.core.errors import StormpetrelError

PATIENCE_S = 30.0
MOST_SHOWN = 3
Json = dict[str, Any]


def show_incidents(client: httpx.Client, must_open: bool) -> Json | None:
    """Waits for an incident to open, and shows the newest ones; returns the newest of all. Raises StormpetrelError
    where none opens and one must."""
    page = _wait(client, {"limit": MOST_SHOWN}, lambda incidents: any(each["opened_at"] for each in incidents))
    opened: list[Json] = [each for each in page["incidents"] if each["opened_at"]]
    if not opened:
        if must_open:
            raise StormpetrelError(f"the night opened no incident within {PATIENCE_S:.0f} s; see the log of detect")
        say("the posts opened no incident: see docs/incidents.md for what it takes")
        return None
    for incident in opened:
        say(f"incident {line_of(incident)}")
    return opened[0]


def show_verdict(client: httpx.Client) -> Json:
    """Waits for the radar's word on the night's incidents, and shows it; returns one that it confirmed. Raises
    StormpetrelError where it confirms none."""
    page = _wait(client, {"limit": 100}, lambda incidents: any(map(_is_confirmed, incidents)))
    confirmed: list[Json] = [each for each in page["incidents"] if _is_confirmed(each)]
    if not confirmed:
        raise StormpetrelError(f"the radar confirmed no incident within {PATIENCE_S:.0f} s; see the log of detect")
    for incident in [each for each in page["incidents"] if each["radar"]][:MOST_SHOWN]:
        radar, coming = incident["radar"], incident["next_pass"]
        say(
            f"radar on {incident['incident_id']}: {radar['verdict']}, {radar['new_water_km2']:.1f} km² of new water in "
            f"it; confidence {incident['posts_confidence']:.2f} by posts, {incident['confidence']:.2f} with the radar"
            + (f"; next pass {coming['platform']} {coming['expected_at']:.16}" if coming else "")
        )
    return confirmed[0]


def _is_confirmed(incident: Json) -> bool:
    """Whether it was opened by posts, and radar has seen it."""
    return bool(incident["opened_at"] and incident["radar"] and incident["radar"]["verdict"] == "confirmed")


def _wait(client: httpx.Client, parameters: Json, holds: Callable[[list[Json]], bool]) -> Json:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        page: Json = client.get("/v1/incidents", params=parameters).raise_for_status().json()
        if holds(page["incidents"]) or time.monotonic() > deadline:
            return page
        time.sleep(0.3)

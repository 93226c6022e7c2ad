"""What a run of kills sends: changes of incidents, and bursts of posts that the detector makes incidents of."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import h3

from stormpetrel.core.clock import now
from stormpetrel.core.events import Incident, IncidentAction, Post, RadarVerdict, Silence

GROUPS = 40  # first divisions, each of them a group of incidents
SEVERITIES = ("minor", "moderate", "severe", "extreme")
PREFIX = "kills-"  # of the ids of incidents that are sent
SCENE = "S1A_kills"
# Far from one another, so that each of them has an incident of its own.
TOWNS = (
    ("Genoa", "Italy"),
    ("Palermo", "Italy"),
    ("Valencia", "Spain"),
    ("Seville", "Spain"),
    ("Hamburg", "Germany"),
    ("Munich", "Germany"),
    ("Lyon", "France"),
    ("Bordeaux", "France"),
    ("Manchester", "England"),
    ("Lisbon", "Portugal"),
    ("Warsaw", "Poland"),
    ("Budapest", "Hungary"),
    ("Nairobi", "Kenya"),
    ("Mumbai", "India"),
    ("Chennai", "India"),
    ("Manila", "Philippines"),
    ("Brisbane", "Australia"),
    ("Houston", "Texas"),
    ("Denver", "Colorado"),
    ("Miami", "Florida"),
)
REPORTS = (
    "Flood in {town}: the river is over its banks and water stands in the streets of {town}, {country}",
    "Cars are floating in {town} {country} after the heavy rain tonight, the flooding is terrible",
    "My cellar in {town} is full of flood water, {country} has never seen such rain",
    "Firefighters rescue people from flooded houses in {town}, {country}",
    "The underpass near the station of {town} in {country} is flooded, do not drive there",
    "Schools in {town}, {country}, stay closed because of the floods",
    "Evacuation in {town}, {country}: the flood has reached the first floor of the hospital",
    "Power is out in half of {town} {country}, the substation is under flood water",
    "Bridge closed in {town}, {country}, the river is still rising and the flood comes nearer",
    "Shops in the old town of {town} {country} are under a metre of mud and flood water",
)


@dataclass(frozen=True)
class Course:
    """An incident from its first revision to its close; `kept_from` says what keeps it from being told, if anything."""

    revisions: tuple[Incident, ...]
    closed: Incident
    kept_from: str | None = None

    @property
    def incident_id(self) -> str:
        return self.closed.incident_id


def courses(generator: random.Random, count: int, revisions: int) -> list[Course]:
    """So many incidents of so many revisions before their close. One in ten is silenced, one in ten muted by an action,
    and one in ten is suspected over a confirmed one and so inhibited."""
    return [_course(generator, number, revisions) for number in range(count)]


def _course(generator: random.Random, number: int, count: int) -> Course:
    kept_from = {7: "silence", 8: "action", 9: "inhibition"}.get(number % 10)
    worse_at = sorted(generator.sample(range(1, count), 3)) if kept_from != "inhibition" else []
    seen_at = generator.randrange(count) if generator.random() < 0.5 and kept_from is None else None
    if number % 10 == 6:
        seen_at = 0  # it inhibits the suspected one in its place, three numbers later
    grows_at = generator.randrange(count)
    made = []
    for index in range(count):
        severity = SEVERITIES[sum(index >= at for at in worse_at)]
        state = "suspected" if kept_from == "inhibition" else "growing" if index >= grows_at else "opened"
        radar = _confirmed() if seen_at is not None and index >= seen_at else None
        made.append(_incident(number, index + 1, state, severity, generator.random(), radar))
    last = made[-1]
    closed = last.model_copy(update={"revision": count + 1, "state": "closed", "change": "closed", "closed_at": now()})
    return Course(tuple(made), closed, kept_from)


def _incident(
    number: int, revision: int, state: str, severity: str, confidence: float, radar: RadarVerdict | None
) -> Incident:
    place = number - 3 if number % 10 == 9 else number  # in the place of the confirmed one
    longitude, latitude = -175.0 + 8.5 * (place % GROUPS), -75.0 + 2.0 * (place // GROUPS)
    moment = now()
    return Incident.model_validate(
        {
            "incident_id": f"{PREFIX}{number}",
            "revision": revision,
            "kind": "flood",
            "state": state,
            "change": "opened" if revision == 1 else "confidence",
            "reason": "12 authors in 10 minutes",
            "confidence": confidence,
            "posts_confidence": confidence,
            "severity": severity,
            "place": f"Place {number}",
            "country_code": "IT",
            "admin1_code": f"{place % GROUPS:02}",
            "longitude": longitude,
            "latitude": latitude,
            "cells": [h3.latlng_to_cell(latitude, longitude, 6)],
            "first_post_at": moment,
            "last_post_at": moment,
            "changed_at": moment,
            "decided_at": moment,
            "posts": 12,
            "authors": 12,
            "expected_rate": 0.5,
            "observed_rate": 72,
            "radar": radar,
            "detector_version": "kills@1",
        }
    )


def _confirmed() -> RadarVerdict:
    return RadarVerdict(
        verdict="confirmed",
        scene_id=SCENE,
        acquired_at=now(),
        decided_at=now(),
        new_water_km2=3,
        observed_share=1,
        likelihood_ratio=9,
    )


def silence_of(made: Sequence[Course]) -> Silence:
    """What silences the courses that are to be silent."""
    ids = [course.incident_id for course in made if course.kept_from == "silence"]
    moment = now()
    return Silence.model_validate(
        {
            "silence_id": "5" * 32,
            "matchers": {"incident_ids": ids},
            "author": "grace",
            "reason": "an exercise",
            "created_at": moment,
            "starts_at": moment,
            "ends_at": moment + timedelta(days=1),
        }
    )


def mutes_of(made: Sequence[Course]) -> list[IncidentAction]:
    """The actions that mute the courses that are to be muted."""
    muted = [course.incident_id for course in made if course.kept_from == "action"]
    return [
        IncidentAction(
            action_id=f"mute-{incident_id}",
            incident_id=incident_id,
            action="muted",
            actor="ada",
            reason="known already",
            until=now() + timedelta(days=1),
            acted_at=now(),
        )
        for incident_id in muted
    ]


def interleaved(generator: random.Random, made: Sequence[Course]) -> Iterator[Incident]:
    """All revisions but the last of each course, in order within a course. What inhibits comes before all else."""
    first = [course.revisions[0] for course in made if course.revisions[0].radar is not None]
    left = {course.incident_id: list(course.revisions) for course in made}
    for incident in first:
        left[incident.incident_id].pop(0)
    yield from first
    order = list(itertools.chain.from_iterable([incident_id] * len(rest) for incident_id, rest in left.items()))
    generator.shuffle(order)
    for incident_id in order:
        yield left[incident_id].pop(0)


def burst(town: tuple[str, str]) -> list[Post]:
    """Ten people report a flood in a town, now."""
    name, country = town
    moment = now()
    return [
        Post(
            post_id=f"file:{name}-{number}",
            source="file",
            text=report.format(town=name, country=country),
            created_at=moment + timedelta(milliseconds=number),
            ingested_at=moment + timedelta(milliseconds=number),
        )
        for number, report in enumerate(REPORTS)
    ]

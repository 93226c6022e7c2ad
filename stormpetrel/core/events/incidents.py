"""Incidents: what the stream of posts and the radar say is happening somewhere, and what people do with them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from stormpetrel.core.events.bounds import (
    Count,
    EventKind,
    Id,
    Key,
    Latitude,
    Longitude,
    Moment,
    Name,
    Note,
    Several,
    Share,
    Url,
)
from stormpetrel.core.events.signals import SignalLevel
from stormpetrel.core.events.values import Event, Frozen

IncidentId = Annotated[Key, Field(min_length=3, max_length=64)]
IncidentState = Literal["suspected", "opened", "growing", "easing", "closed"]
IncidentChange = Literal[
    "first",
    "opened",
    "grew",
    "eased",
    "closed",
    "reopened",
    "merged",
    "split",
    "radar",
    "confidence",
    "severity",
    "evidence",
    "action",
]
Severity = Literal["minor", "moderate", "severe", "extreme"]  # the words of CAP 1.2, from the least to the worst
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
Verdict = Literal["confirmed", "refuted", "unclear"]
Action = Literal["acknowledged", "handed_over", "muted", "unmuted", "false_alarm", "noted"]


def severity_rank(severity: Severity) -> int:
    """0 for minor, 3 for extreme."""
    return SEVERITIES.index(severity)


class SeverityReason(Frozen):
    """A stated rule that raises the severity, with the post that it rests on."""

    rule: Key
    severity: Severity
    post_id: Id


class EvidencePost(Frozen):
    """A representative post of an incident. `members` counts the near-duplicates it stands for, itself included.
    `photo_seen_before` is when nearly the same photo was posted before, the first time that is known."""

    post_id: Id
    posted_at: Moment
    language: Key
    relevance: Share
    members: Annotated[Count, Field(ge=1)] = 1
    has_photo: bool = False
    photo_seen_before: Moment | None = None


class RadarVerdict(Frozen):
    """What the newest described scene says of an incident's area.

    `new_water_km2` is the new water inside it, `observed_share` the share of its area that the scene saw clearly.
    `likelihood_ratio` multiplies the odds of the confidence. `patch_ids` are the patches that decided.
    """

    verdict: Verdict
    scene_id: Key
    acquired_at: Moment
    decided_at: Moment
    new_water_km2: Annotated[float, Field(ge=0)]
    observed_share: Share
    likelihood_ratio: Annotated[float, Field(gt=0)]
    patch_ids: Several[Id] = ()


class ExpectedPass(Frozen):
    """When a platform is expected over an incident next, from the repeat of its relative orbit."""

    platform: Key
    relative_orbit: Annotated[int, Field(ge=1, le=175)]
    expected_at: Moment


class IncidentSignal(Frozen):
    """An official signal that is evidence of an incident. `url` is an absolute address of the web, where it has one."""

    signal_id: Id
    feed: Key
    title: Name
    level: SignalLevel | None = None
    url: Url | None = None
    published_at: Moment


class Incident(Event):
    """An incident as it stands after its newest change (topic `incidents`, key `incident_id`).

    `revision` counts its changes from 1; `change` says what the newest one was and `reason` says it in words.
    `incident_id` and `revision` are the same whenever the same records are read again. `cells` are H3 cells of the
    affected area, `areas` its first divisions (`IT.14`), or H3 cells and countries where none is known, the heaviest
    first. Times are event time but for `decided_at`. `expected_rate` and `observed_rate` are posts an hour,
    each counted once per near-duplicate group and author, at the change. `confidence` is the calibrated probability
    that it is real; `posts_confidence` is the same without the parts of the radar and of recycled photos.
    `recycled_photos` counts the posts with photos of an earlier event. `signals` are the newest official signals of its
    hazard, place and time, which change no confidence. `merged_into` names the incident that goes on in its place,
    `split_from` the one that it was a part of.
    """

    version: ClassVar[int] = 3
    schema_version: int = 3
    incident_id: IncidentId
    revision: Annotated[Count, Field(ge=1)]
    kind: EventKind
    state: IncidentState
    change: IncidentChange
    reason: Note
    confidence: Share
    posts_confidence: Share
    severity: Severity
    severity_reasons: Several[SeverityReason] = ()
    place: Name
    country_code: Key | None = None
    admin1_code: Key | None = None
    longitude: Longitude
    latitude: Latitude
    cells: Several[Key]
    areas: Several[Key] = ()
    first_post_at: Moment
    last_post_at: Moment
    opened_at: Moment | None = None
    changed_at: Moment
    closed_at: Moment | None = None
    decided_at: Moment
    posts: Count
    authors: Count
    sources: dict[Key, Count] = Field(default_factory=dict)
    languages: dict[Key, Count] = Field(default_factory=dict)
    photos: Count = 0
    recycled_photos: Count = 0
    expected_rate: Annotated[float, Field(ge=0)]
    observed_rate: Annotated[float, Field(ge=0)]
    evidence: Several[EvidencePost] = ()
    radar: RadarVerdict | None = None
    next_pass: ExpectedPass | None = None
    signals: Several[IncidentSignal] = ()
    merged_from: Several[IncidentId] = ()
    merged_into: IncidentId | None = None
    split_from: IncidentId | None = None
    detector_version: Key


class IncidentAction(Event):
    """What a person does with an incident (topic `incident.actions`, key `incident_id`).

    A mute holds until `until`, or until the incident is closed where there is none. `handed_to` names the person or
    team that a hand-over goes to.
    """

    action_id: Annotated[Key, Field(min_length=3, max_length=64)]
    incident_id: IncidentId
    action: Action
    actor: Annotated[Key, Field(min_length=1, max_length=120)]
    reason: Note = ""
    until: Moment | None = None
    handed_to: Annotated[Key, Field(max_length=120)] | None = None
    acted_at: Moment

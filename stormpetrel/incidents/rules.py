"""What the detector goes by: the kinds of events that are one hazard, windows, and how far an incident reaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from stormpetrel.posts.event_kinds import ABOUT_EVENT_FROM

# A storm brings the flood and posts of both speak of the other: they are one incident, whose kind is the commoner one.
HAZARDS = {"flood": "water", "storm": "water"}
DEFAULT_REACH_KM = 150.0
REACH_KM = {"flood": 250.0, "storm": 300.0, "earthquake": 300.0, "wildfire": 250.0}


def hazard_of(kind: str) -> str:
    """The hazard that a kind of event belongs to: its own, but for floods and storms, which share one."""
    return HAZARDS.get(kind, kind)


@dataclass(frozen=True)
class DetectionRules:
    """Times are event time. Counts are posts, each counted once per near-duplicate group and author.

    A post is a report from a relevance of `least_relevance` on. A region is suspected from `suspected_posts` on whose
    number has a Poisson tail under 10^-`suspected_surprise`, and opened from `opened_posts` and a confidence of
    `opened_confidence` on. `allowed_lateness` is how late a post may come and still count; `clock_skew` how far in the
    future its own time may lie before the time of its arrival counts in its place. `label_kinds` are labels of posts
    that a team has taught by examples, each with the kind of event that it stands for.
    """

    least_relevance: float = ABOUT_EVENT_FROM
    least_place_confidence: float = 0.3
    suspected_posts: float = 3.0
    suspected_surprise: float = 4.0
    opened_posts: float = 4.0
    opened_confidence: float = 0.5
    same_voice: float = 0.92  # cosine of two texts from which on they are one voice
    windows: tuple[timedelta, ...] = field(
        default=(timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(hours=48))
    )
    allowed_lateness: timedelta = timedelta(hours=6)
    clock_skew: timedelta = timedelta(minutes=10)
    grows_by: float = 2.0  # times the posts at the last change of its size
    eases_after: timedelta = timedelta(hours=12)
    closes_after: timedelta = timedelta(hours=48)
    reopens_within: timedelta = timedelta(days=7)
    label_kinds: tuple[tuple[str, str], ...] = ()

    @property
    def longest_window(self) -> timedelta:
        return max(self.windows)

"""An incident while it is tracked: its reports, its area, and the event that tells how it stands."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stormpetrel.core.cells import distance_km
from stormpetrel.core.events import (
    ExpectedPass,
    Incident,
    IncidentChange,
    IncidentSignal,
    IncidentState,
    RadarVerdict,
    Severity,
    SeverityReason,
)
from stormpetrel.core.events.incidents import severity_rank
from stormpetrel.incidents.bursts import Burst, Counted, is_new_voice
from stormpetrel.incidents.confidence import Features, with_likelihood_ratio
from stormpetrel.incidents.event_tags import own_tags
from stormpetrel.incidents.evidence import representatives
from stormpetrel.incidents.recycled_photos import likelihood_ratio, recycled
from stormpetrel.incidents.reports import Report, Vote
from stormpetrel.incidents.severity import severity_of, worst_of
from stormpetrel.incidents.whereabouts import centre_of, core_of

MOST_REPORTS = 1_000  # newest reports that are held; counts go on beyond them
MOST_CELLS = 200
RATE_H = 6.0


def incident_id(hazard: str, first: Report) -> str:
    """The id of the incident that begins with this report: the same whenever the same records are read again."""
    digest = hashlib.blake2b(f"{hazard}|{first.post_id}".encode(), digest_size=5).hexdigest()
    return f"inc-{first.at:%Y%m%d}-{digest}"


@dataclass
class TrackedIncident:
    """An incident's reports and state. Times are event time."""

    incident_id: str
    hazard: str
    first_post_at: datetime
    last_post_at: datetime
    state: IncidentState = "suspected"
    revision: int = 0
    regions: dict[str, float] = field(default_factory=dict)
    places: dict[tuple[float, float], tuple[float, Vote]] = field(default_factory=dict)
    counted: list[Counted] = field(default_factory=list)
    said_again: int = 0
    posts: int = 0
    narrow: int = 0
    authors: set[str] = field(default_factory=set)
    unknown_authors: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    photos: int = 0
    relevance: float = 0.0
    votes: int = 0
    vote_weights: float = 0.0
    members: Counter[str] = field(default_factory=Counter)
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    told_posts: int = 0  # at the last change of its size
    peak: int = 0  # the most reports within the time after which it eases
    told_confidence: float = 0.0
    posts_confidence: float = 0.0
    told_severity: Severity = "minor"
    may_be_worse: bool = True
    radar: RadarVerdict | None = None
    next_pass: ExpectedPass | None = None
    signals: tuple[IncidentSignal, ...] = ()  # the newest first
    merged_from: tuple[str, ...] = ()
    merged_into: str | None = None
    split_from: str | None = None
    expected_rate: float = 0.0
    false_alarm: bool = False
    latest_features: Features | None = None
    reckoned_core: Vote | None = None  # until the next report
    reckoned_centre: tuple[float, float] | None = None
    reckoned_areas: list[tuple[float, float]] | None = None
    reckoned_tags: frozenset[str] | None = None
    restored_until: datetime | None = None  # reports up to then were counted before the restart
    restored_reasons: tuple[SeverityReason, ...] = ()
    seen_before: dict[str, datetime] = field(default_factory=dict)  # post -> its photo's first time

    @property
    def is_active(self) -> bool:
        return self.state != "closed"

    @property
    def is_open(self) -> bool:
        return self.state in ("opened", "growing", "easing")

    @property
    def kind(self) -> str:
        """The commonest kind of its hazard among its reports."""
        return max(self.kinds, key=lambda kind: (self.kinds[kind], kind))

    @property
    def recycled_photos(self) -> int:
        """How many of its posts show a photo of an earlier event."""
        return len(recycled(self.seen_before, self.first_post_at))

    def take(self, report: Report, same_voice: float) -> bool:
        """Counts a report where its voice is new."""
        if not is_new_voice(report, self.counted, same_voice):
            self.said_again += 1
            return False
        self.add(Counted(report.at, report.post_id, 1.0, report))
        return True

    def add(self, counted: Counted) -> None:
        """Adds a report that counts."""
        report = counted.report
        insort(self.counted, counted, key=lambda each: each[:2])
        del self.counted[:-MOST_REPORTS]
        if self.restored_until is not None and report.at <= self.restored_until:
            return
        self.first_post_at = min(self.first_post_at, report.at)
        self.last_post_at = max(self.last_post_at, report.at)
        self.posts += 1
        self.narrow += bool(report.votes)
        self.photos += report.has_photo
        self.relevance += report.probability
        self.sources[report.source] += 1
        self.languages[report.language] += 1
        self.kinds.update(report.kinds)
        self.tags.update(report.tags)
        if report.author:
            self.authors.add(report.author)
        else:
            self.unknown_authors += 1
        if report.severity:
            self.may_be_worse = True
        for vote in report.votes or report.countries:
            self.votes += 1
            self.vote_weights += min(1.0, vote.weight)
            weight = vote.weight * report.probability
            self.regions[vote.region] = self.regions.get(vote.region, 0.0) + weight
            point = (vote.longitude, vote.latitude)
            self.places[point] = (self.places.get(point, (0.0, vote))[0] + weight, vote)
        self.reckoned_core = self.reckoned_centre = self.reckoned_areas = self.reckoned_tags = None

    def absorb(self, other: TrackedIncident) -> None:
        """Takes over another incident's reports."""
        known = {each.post_id for each in self.counted}
        for each in other.counted:
            if each.post_id not in known:
                self.add(each)
        self.members.update(other.members)
        self.seen_before |= other.seen_before
        self.said_again += other.said_again
        self.signals += other.signals
        self.merged_from = (*self.merged_from, *other.merged_from, other.incident_id)[-50:]

    def release(self, post_ids: set[str]) -> None:
        """Gives up reports, and all that they counted for."""
        kept = [each for each in self.counted if each.post_id not in post_ids]
        self.counted, self.regions, self.places = [], {}, {}
        self.seen_before = {post_id: at for post_id, at in self.seen_before.items() if post_id not in post_ids}
        self.posts = self.narrow = self.photos = self.votes = self.unknown_authors = 0
        self.relevance = self.vote_weights = 0.0
        self.authors = set()
        for counter in (self.sources, self.languages, self.kinds, self.tags):
            counter.clear()
        for each in kept:
            self.add(each)

    def own_tags(self) -> frozenset[str]:
        """The hashtags and names of storms by which people call it."""
        if self.reckoned_tags is None:
            self.reckoned_tags = own_tags(self.tags, self.posts)
        return self.reckoned_tags

    def moments(self) -> list[datetime]:
        """When its reports were posted, in order."""
        return [each.at for each in self.counted]

    def count_between(self, since: datetime, until: datetime) -> int:
        moments = self.moments()
        return bisect_right(moments, until) - bisect_right(moments, since)

    def core(self) -> Vote:
        """The place below the country, in the country that most reports name, that most of these name."""
        if self.reckoned_core is None:
            self.reckoned_core = core_of(list(self.places.values()))
        return self.reckoned_core

    def centre(self) -> tuple[float, float]:
        """Longitude and latitude: the mean of the places in its main region that are no wider than half of it."""
        if self.reckoned_centre is None:
            self.reckoned_centre = centre_of(list(self.places.values()), self.core())
        return self.reckoned_centre

    def distance_km(self, vote: Vote) -> float:
        """From its centre to a place."""
        longitude, latitude = self.centre()
        return float(distance_km(longitude, latitude, [vote.longitude], [vote.latitude])[0])

    def cells(self) -> tuple[str, ...]:
        """The H3 cells of its places that are no wider than a town, the heaviest first; its centre's, if none is."""
        weights: Counter[str] = Counter()
        for weight, vote in self.places.values():
            if vote.radius_km <= 50:
                weights[vote.cell] += weight  # type: ignore[assignment]
        cells = tuple(cell for cell, _ in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])))[:MOST_CELLS]
        return cells or (self.core().cell,)

    def features(self, burst: Burst, louder_elsewhere: float) -> Features:
        """What the confidence is reckoned from."""
        return Features(
            posts=math.log1p(self.posts),
            narrow_posts=math.log1p(self.narrow),
            surprise=min(burst.surprise, 20.0) / 10,
            relevance=self.relevance / max(1, self.posts),
            place_confidence=self.vote_weights / max(1, self.votes),
            languages=math.log1p(len(self.languages)),
            sources=math.log1p(len(self.sources)),
            photos=self.photos / max(1, self.posts),
            louder_elsewhere=louder_elsewhere,
            distinct=self.posts / max(1, self.posts + self.said_again),
        )

    def confidence(self) -> float:
        """The posts' confidence, what their photos take from it, and the radar's verdict on it."""
        ratio = likelihood_ratio(self.recycled_photos, self.photos) * (self.radar.likelihood_ratio if self.radar else 1)
        return self.posts_confidence if ratio == 1 else with_likelihood_ratio(self.posts_confidence, ratio)

    def event(
        self, change: IncidentChange, reason: str, at: datetime, decided_at: datetime, detector_version: str
    ) -> Incident:
        """The next revision."""
        self.revision += 1
        severity, reasons = self.severity()
        self.told_severity, self.told_confidence = severity, self.confidence()
        core, (longitude, latitude) = self.core(), self.centre()
        return Incident(
            incident_id=self.incident_id,
            revision=self.revision,
            kind=self.kind,
            state=self.state,
            change=change,
            reason=reason,
            confidence=round(self.confidence(), 4),
            posts_confidence=round(self.posts_confidence, 4),
            severity=severity,
            severity_reasons=reasons,
            place=core.name,
            country_code=None if core.country == "?" else core.country,
            admin1_code=core.admin1,
            longitude=round(longitude, 5),
            latitude=round(latitude, 5),
            cells=self.cells(),
            areas=tuple(sorted(self.regions, key=lambda region: (-self.regions[region], region)))[:MOST_CELLS],
            first_post_at=self.first_post_at,
            last_post_at=self.last_post_at,
            opened_at=self.opened_at,
            changed_at=at,
            closed_at=self.closed_at,
            decided_at=decided_at,
            posts=self.posts,
            authors=len(self.authors) + self.unknown_authors,
            sources=dict(self.sources),
            languages=dict(self.languages),
            photos=self.photos,
            recycled_photos=self.recycled_photos,
            expected_rate=round(self.expected_rate, 5),
            observed_rate=round(self.count_between(at - timedelta(hours=RATE_H), at) / RATE_H, 4),
            evidence=representatives([each.report for each in self.counted], self.members, self.seen_before),
            radar=self.radar,
            next_pass=self.next_pass,
            signals=self.signals,
            merged_from=self.merged_from,
            merged_into=self.merged_into,
            split_from=self.split_from,
            detector_version=detector_version,
        )

    def severity(self) -> tuple[Severity, tuple[SeverityReason, ...]]:
        """How severe it is by what its reports say, with those before a restart."""
        _, reasons = severity_of((each.post_id, each.report.severity) for each in self.counted)
        return worst_of((*reasons, *self.restored_reasons))

    def is_worse(self) -> bool:
        """Whether its severity has risen since it was told."""
        if not self.may_be_worse:
            return False
        self.may_be_worse = False
        return severity_rank(self.severity()[0]) > severity_rank(self.told_severity)

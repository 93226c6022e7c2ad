"""The detector: enriched posts in event time become incidents, each told anew whenever it changes.

Posts wait until the watermark has passed them and are then taken in the order of their time and id. So the same records
give the same incidents, ids and revisions, however the partitions of the log were interleaved. A post that comes after
the watermark still counts within the allowed lateness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from stormpetrel.core.clock import now
from stormpetrel.core.events import (
    EnrichedPost,
    Incident,
    IncidentAction,
    PatchDescribed,
    PhotosDescribed,
    SceneDescribed,
    Signal,
)
from stormpetrel.incidents.bursts import Burst, Counted, burst_of
from stormpetrel.incidents.confidence import Confidence, with_likelihood_ratio
from stormpetrel.incidents.event_tags import EventTags
from stormpetrel.incidents.false_alarms import FalseAlarms
from stormpetrel.incidents.forgetting import gives_up, outgrown
from stormpetrel.incidents.lifecycle import Lifecycle
from stormpetrel.incidents.rates import DailySeason
from stormpetrel.incidents.reach import may_join, of_country
from stormpetrel.incidents.recycled_photos import SeenPhotos
from stormpetrel.incidents.region_tracks import RegionTracks
from stormpetrel.incidents.reports import Report, report_of
from stormpetrel.incidents.restart import restored
from stormpetrel.incidents.rules import DetectionRules
from stormpetrel.incidents.storm_names import StormNames
from stormpetrel.incidents.taken_posts import TakenPosts
from stormpetrel.incidents.tracked import TrackedIncident, incident_id
from stormpetrel.incidents.waiting_posts import WaitingPosts
from stormpetrel.incidents.watermark import event_time

LOUDNESS_WINDOW = timedelta(hours=24)
MOST_LOUDER = 3.0  # times as many reports of another open incident: more says no more
VERSION = "detector1"


class Detector:
    """Holds the regions' rates and the incidents. For one thread at a time.

    `skipped` counts posts that were not taken, by the reason; `failed` holds those that raised, until it is emptied.
    """

    def __init__(
        self,
        confidence: Confidence,
        rules: DetectionRules | None = None,
        english: Callable[[str], str] = str,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._rules, self._english = rules or DetectionRules(), english
        self._confidence = confidence
        self._lifecycle = Lifecycle(self._rules, clock, f"{VERSION}-{confidence.version}")
        self._waiting = WaitingPosts()
        self._watermark: datetime | None = None
        self._regions = RegionTracks(self._rules)
        self._storm_names, self._event_tags, self._false_alarms = StormNames(), EventTags(), FalseAlarms()
        self._taken, self._photos = TakenPosts(), SeenPhotos()
        self.incidents: dict[str, TrackedIncident] = {}
        self.skipped: Counter[str] = Counter()
        self.failed: list[tuple[EnrichedPost, Exception]] = []

    def restore(self, incidents: Iterable[Incident]) -> None:
        """Goes on, after a restart, with the newest revision of each incident. Then let it `take` the posts of the
        longest window before: they are heard again, and not counted again. So are signals, and not told again."""
        for incident in incidents:
            self._lifecycle.signals.note_told(incident.decided_at)
            tracked = restored(incident)
            if tracked.false_alarm and tracked.closed_at is not None:
                self._false_alarms.note(tracked.closed_at, tracked.hazard, tracked.core().region)
            if self._watermark is None or not self._lifecycle.is_over(tracked, self._watermark):
                self.incidents[tracked.incident_id] = tracked

    def take(self, post: EnrichedPost) -> list[Incident]:
        """Takes a post in. What changes is told by the `advance` that passes its time; at once, where it is late."""
        at = self._event_time(post)
        if self._watermark is not None and at <= self._watermark:
            if at < self._watermark - self._rules.allowed_lateness:
                self.skipped["late"] += 1
                return []
            return self._process(at, post)
        self._waiting.push(at, post)
        return []

    def advance(self, watermark: datetime) -> list[Incident]:
        """Takes every post up to this moment, in order, and lets time pass."""
        revisions: list[Incident] = []
        for at, post in self._waiting.until(watermark):
            try:
                revisions += self._process(at, post)
            except Exception as error:  # whoever starts again would meet the same post again
                self.failed.append((post, error))
        self._watermark = max(watermark, self._watermark or watermark)
        return revisions + self._pass_time(self._watermark)

    def forget(self, post_id: str) -> list[Incident]:
        """A post was deleted: nothing of it is held any more, and no incident shows it."""
        self._waiting.forget(post_id)
        self._taken.forget(post_id)
        self._regions.forget(post_id)
        self._photos.forget(post_id)
        reason = "a post that stood for it was deleted"
        return [
            self._lifecycle.tell(incident, "evidence", reason, self._watermark or incident.last_post_at)
            for incident in self.incidents.values()
            if gives_up(incident, post_id) and incident.revision
        ]

    def take_action(self, action: IncidentAction) -> list[Incident]:
        """What a person says of an incident; a false alarm closes it, and later ones there are doubted more."""
        incident = self.incidents.get(action.incident_id)
        if incident is None:
            return []
        revisions = self._lifecycle.act(incident, action)
        if revisions:
            self._false_alarms.note(action.acted_at, incident.hazard, incident.core().region)
        return revisions

    def take_photos(self, photos: PhotosDescribed) -> list[Incident]:
        """What is known of a post's photos; one that was posted before tells of an earlier event."""
        incident = self.incidents.get(self._taken.incident_of(photos.post_id) or "")
        if not self._photos.take(photos) or incident is None or self._watermark is None:
            return []
        incident.seen_before |= self._photos.among([photos.post_id])
        return self._revise(incident, self._watermark)

    def take_signal(self, signal: Signal) -> list[Incident]:
        """What an agency says of an event; it is held until there is an incident that it speaks of."""
        return self._lifecycle.hear(signal, self.incidents.values(), self._watermark)

    def take_patch(self, patch: PatchDescribed) -> None:
        """A patch of a scene that is not whole yet."""
        self._lifecycle.radar.take_patch(patch)

    def take_scene(self, scene: SceneDescribed) -> list[Incident]:
        """All patches of a scene are known: what the scene says of the incidents under it."""
        return self._lifecycle.see(scene, list(self.incidents.values()))

    def _event_time(self, post: EnrichedPost) -> datetime:
        at = event_time(post, self._rules.clock_skew)
        if at != post.post.created_at:
            self.skipped["future"] += 1
        return at

    def _process(self, at: datetime, post: EnrichedPost) -> list[Incident]:
        self._regions.listen_from(at)
        post_id = post.post.post_id
        if post_id in self._taken:
            self.skipped["repeated"] += 1
            return []
        if post.duplicate_of is not None:
            self._taken.note(post_id, self._taken.incident_of(post.duplicate_of))
            self._count_duplicate(post.duplicate_of)
            return []
        report = self._report_of(post, at)
        revisions = self._pass_time(at)
        if report is None:
            return revisions
        self._regions.hear(report.hazard, at)
        incident = self._incident_of(report)
        self._taken.note(post_id, incident.incident_id if incident else None)
        if incident is None:
            burst = self._regions.count(report)
            return revisions + (self._begin(*burst, at) if burst else [])
        if incident.take(report, self._rules.same_voice):
            incident.seen_before |= self._photos.among([post_id])
            revisions += self._revise(incident, at)
        return revisions

    def _report_of(self, post: EnrichedPost, at: datetime) -> Report | None:
        self._storm_names.hear(at, post)
        report = report_of(post, at, self._rules, self._english)
        report = report.without_places(self._storm_names.is_storm) if report else None
        if report is None:
            return None
        return replace(report, tags=self._event_tags.hear(at, post.clean_text, self._english))

    def _count_duplicate(self, original: str) -> None:
        if (incident := self.incidents.get(self._taken.incident_of(original) or "")) is not None:
            incident.members[original] += 1

    def _active(self, hazard: str) -> Iterator[TrackedIncident]:
        return (each for each in self.incidents.values() if each.hazard == hazard and self._lifecycle.listens(each))

    def _incident_of(self, report: Report) -> TrackedIncident | None:
        """The incident that a report belongs to: the busiest that its places lie in, or else one whose tag it bears, or
        else one of a country that it names."""
        active = list(self._active(report.hazard))
        joined = [each for each in active if any(may_join(each, vote) for vote in report.votes)]
        if not joined:
            joined = [each for each in active if each.own_tags().intersection(report.tags)]
        if not joined:
            joined = [each for each in active if any(of_country(each, vote.country) for vote in report.countries)]
        since = report.at - self._rules.longest_window
        return max(
            joined,
            key=lambda each: (each.is_open, each.count_between(since, report.at), each.incident_id),
            default=None,
        )

    def _begin(self, reports: list[Counted], burst: Burst, at: datetime) -> list[Incident]:
        """A new incident of these reports; the one that they belong to, where it was closed not long ago."""
        first = reports[0].report
        incident = TrackedIncident(
            incident_id(first.hazard, first), first.hazard, first_post_at=reports[0].at, last_post_at=reports[0].at
        )
        for each in reports:
            incident.add(each)
        taken = {each.post_id for each in reports}
        incident.seen_before |= self._photos.among(taken)
        self._regions.release(first.hazard, taken)
        earlier = self._lifecycle.goes_on(incident, self.incidents.values(), at)
        if earlier is not None:
            earlier.absorb(incident)
            incident = earlier
        else:
            self.incidents[incident.incident_id] = incident
        for post_id in taken:
            self._taken.note(post_id, incident.incident_id)
        incident.expected_rate = burst.expected / (burst.window.total_seconds() / 3600)
        self._judge(incident, at)
        revisions = self._lifecycle.begin(incident, burst, at)
        return revisions + self._revise(incident, at)

    def _judge(self, incident: TrackedIncident, at: datetime) -> None:
        """Reckons the confidence anew."""
        burst = burst_of(incident.moments(), incident.expected_rate, DailySeason(), at, self._rules.windows)
        features = incident.features(burst, self._louder_elsewhere(incident, at))
        incident.latest_features = features
        post_ids = tuple(each.post_id for each in incident.counted)
        ratio = self._false_alarms.odds_ratio(at, incident.hazard, incident.core().region)
        incident.posts_confidence = with_likelihood_ratio(self._confidence.probability(features, post_ids), ratio)

    def _louder_elsewhere(self, incident: TrackedIncident, at: datetime) -> float:
        """How many times as many reports another open incident of the hazard has; `MOST_LOUDER` at the most."""
        since = at - LOUDNESS_WINDOW
        others = (other for other in self._active(incident.hazard) if other is not incident and other.is_open)
        loudest = max((other.count_between(since, at) for other in others), default=0)
        return min(MOST_LOUDER, loudest / max(1, incident.count_between(since, at)))

    def _revise(self, incident: TrackedIncident, at: datetime) -> list[Incident]:
        if incident.state == "suspected":
            self._renew(incident, at)
        self._judge(incident, at)
        return self._lifecycle.revise(incident, self.incidents, at)

    def _renew(self, suspicion: TrackedIncident, at: datetime) -> None:
        """A suspicion rests on the reports of the longest window. Those that have left it are what is usual there."""
        if old := outgrown(suspicion, at - self._rules.longest_window):
            self._regions.count_as_usual(suspicion.hazard, old)
            suspicion.expected_rate = self._regions.usual_rate(suspicion.hazard, suspicion.core(), at)

    def _pass_time(self, at: datetime) -> list[Incident]:
        revisions: list[Incident] = []
        for incident in list(self.incidents.values()):
            passed = self._lifecycle.pass_time(incident, at)
            if passed and incident.closed_at is not None and incident.opened_at is None:
                self._regions.count_as_usual(incident.hazard, incident.counted)
            revisions += passed
            if self._lifecycle.is_over(incident, at):
                del self.incidents[incident.incident_id]
        return revisions

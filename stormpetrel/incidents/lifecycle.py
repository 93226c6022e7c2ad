"""The life of an incident: suspected, opened, growing, easing, closed; reopened, merged, split; confirmed or refuted.

Times are event time. What time alone changes is dated to the moment it was due, so that it does not matter when it was
looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from stormpetrel.core.events import Incident, IncidentAction, IncidentChange, SceneDescribed, Signal
from stormpetrel.incidents.bursts import Burst
from stormpetrel.incidents.official_signals import OfficialSignals
from stormpetrel.incidents.radar import Radar
from stormpetrel.incidents.reach import is_placed, touch
from stormpetrel.incidents.recycled_photos import recycled_words
from stormpetrel.incidents.rules import DetectionRules
from stormpetrel.incidents.split import split_off
from stormpetrel.incidents.tracked import TrackedIncident

LEAST_GROWTH = 5  # posts
EASED_SHARE = 0.25  # of the most reports within the time after which an incident eases
CONFIDENCE_STEP = 0.15  # that is told
GONE = timedelta(days=1)  # after an incident can no longer reopen


class Lifecycle:
    """Moves incidents from state to state, and says so."""

    def __init__(self, rules: DetectionRules, clock: Callable[[], datetime], version: str) -> None:
        self._rules, self._clock, self._version = rules, clock, version
        self.radar, self.signals = Radar(), OfficialSignals()

    def tell(self, incident: TrackedIncident, change: IncidentChange, reason: str, at: datetime) -> Incident:
        """The next revision of an incident, with the official signals of its place and time."""
        incident.signals = self.signals.of(incident)
        return incident.event(change, reason, at, self._clock(), self._version)

    def listens(self, incident: TrackedIncident) -> bool:
        """Whether reports still belong to an incident: it is not closed, or was a false alarm just now."""
        return incident.is_active or incident.false_alarm

    def is_over(self, incident: TrackedIncident, at: datetime) -> bool:
        """Whether nothing can come of a closed incident any more."""
        return incident.closed_at is not None and at - incident.closed_at > self._rules.reopens_within + GONE

    def goes_on(
        self, incident: TrackedIncident, others: Iterable[TrackedIncident], at: datetime
    ) -> TrackedIncident | None:
        """The incident that a new one is a part of: an active one, or one that was a false alarm just now; the nearest
        in time, if several."""
        candidates = [
            other
            for other in others
            if self.listens(other) and self._may_go_on(other, at) and other.hazard == incident.hazard
        ]
        return _nearest([other for other in candidates if touch(other, incident)])

    def _may_go_on(self, other: TrackedIncident, at: datetime) -> bool:
        lately = other.closed_at is None or at - other.closed_at <= self._rules.reopens_within
        return lately and other.merged_into is None

    def begin(self, incident: TrackedIncident, burst: Burst, at: datetime) -> list[Incident]:
        """A suspected incident, which nobody has been told of yet."""
        if incident.revision:
            return []
        hours = burst.window.total_seconds() / 3600
        reason = (
            f"{burst.reports:.0f} reports in {hours:.0f} h where {burst.expected:.2g} were expected "
            f"(chance 1 in 10^{burst.surprise:.0f})"
        )
        return [self.tell(incident, "first", reason, at)]

    def revise(self, incident: TrackedIncident, others: dict[str, TrackedIncident], at: datetime) -> list[Incident]:
        """What a new report changes; at most one revision of the incident, and those of incidents that merge."""
        if not incident.is_active:
            return []
        if incident.state == "suspected":
            return self._open(incident, others, at)
        recent = incident.count_between(at - self._rules.eases_after, at)
        incident.peak = max(incident.peak, recent)
        grown = incident.posts - incident.told_posts
        if grown >= LEAST_GROWTH and incident.posts >= self._rules.grows_by * incident.told_posts:
            return self._grow(incident, others, at)
        if incident.is_worse():
            return [self.tell(incident, "severity", "posts tell of worse", at)]
        if incident.state == "growing" and recent < EASED_SHARE * incident.peak:
            incident.state = "easing"
            return [self.tell(incident, "eased", f"{recent} reports in 12 h, {incident.peak} at the most", at)]
        if abs(incident.confidence() - incident.told_confidence) >= CONFIDENCE_STEP:
            reason = (
                recycled_words(incident.seen_before, incident.first_post_at)
                or "the reports have changed the confidence"
            )
            return [self.tell(incident, "confidence", reason, at)]
        return []

    def _open(self, incident: TrackedIncident, others: dict[str, TrackedIncident], at: datetime) -> list[Incident]:
        if incident.posts < self._rules.opened_posts or incident.confidence() < self._rules.opened_confidence:
            return []
        if not is_placed(incident):
            return []
        reason = f"{incident.posts} reports, confidence {incident.confidence():.2f}"
        earlier = self._closed_before(incident, others.values(), at)
        if earlier is not None:
            return [*self._reopen(earlier, incident, reason, at), *self._merge(earlier, others, at)]
        incident.state, incident.opened_at = "opened", at
        incident.told_posts = incident.posts
        opened = self.tell(incident, "opened", reason, at)
        return [opened, *self._merge(incident, others, at)]

    def _closed_before(
        self, incident: TrackedIncident, others: Iterable[TrackedIncident], at: datetime
    ) -> TrackedIncident | None:
        """The incident that closed here not long ago. One that never opened was a suspicion, and nothing goes on."""
        candidates = [
            other
            for other in others
            if not self.listens(other) and other.opened_at is not None and self._may_go_on(other, at)
        ]
        return _nearest([other for other in candidates if other.hazard == incident.hazard and touch(other, incident)])

    def _reopen(self, earlier: TrackedIncident, incident: TrackedIncident, reason: str, at: datetime) -> list[Incident]:
        """A closed incident goes on with the reports of the suspicion that has just proved credible."""
        earlier.absorb(incident)
        earlier.state, earlier.closed_at, earlier.told_posts = "opened", None, earlier.posts
        earlier.posts_confidence, earlier.latest_features = incident.posts_confidence, incident.latest_features
        incident.state, incident.closed_at, incident.merged_into = "closed", at, earlier.incident_id
        merged = self.tell(incident, "merged", f"it is a part of {earlier.incident_id}", at)
        return [merged, self.tell(earlier, "reopened", reason, at)]

    def _grow(self, incident: TrackedIncident, others: dict[str, TrackedIncident], at: datetime) -> list[Incident]:
        reason = f"{incident.posts} reports after {incident.told_posts}"
        incident.state, incident.told_posts = "growing", incident.posts
        revisions = []
        for part in split_off(incident, at):
            others[part.incident_id] = part
            part.opened_at, part.told_posts = at, part.posts
            part.posts_confidence, part.latest_features = incident.posts_confidence, incident.latest_features
            place = part.core().name
            revisions.append(self.tell(part, "split", f"the reports from {place} are another incident", at))
        return [*revisions, self.tell(incident, "grew", reason, at), *self._merge(incident, others, at)]

    def _merge(self, incident: TrackedIncident, others: dict[str, TrackedIncident], at: datetime) -> list[Incident]:
        """Joins the incidents of the hazard that touch; the one that opened first goes on."""
        revisions: list[Incident] = []
        for other in list(others.values()):
            if other is incident or other.hazard != incident.hazard or not (other.is_active and incident.is_active):
                continue
            if not touch(incident, other) or other.incident_id == incident.split_from:
                continue
            if other.split_from == incident.incident_id:
                continue
            pair = sorted(
                (incident, other), key=lambda each: (not each.is_open, each.opened_at or at, each.first_post_at)
            )
            kept, gone = pair
            kept.absorb(gone)
            gone.state, gone.closed_at, gone.merged_into = "closed", at, kept.incident_id
            revisions.append(self.tell(gone, "merged", f"it is a part of {kept.incident_id}", at))
            revisions.append(self.tell(kept, "merged", f"{gone.incident_id} is a part of it", at))
            if kept is not incident:
                break
        return revisions

    def pass_time(self, incident: TrackedIncident, at: datetime) -> list[Incident]:
        """What time alone changes: an incident of which nobody speaks eases, then closes."""
        revisions = []
        silent = at - incident.last_post_at
        if incident.state in ("opened", "growing") and silent >= self._rules.eases_after:
            incident.state = "easing"
            due = incident.last_post_at + self._rules.eases_after
            hours = self._rules.eases_after.total_seconds() / 3600
            revisions.append(self.tell(incident, "eased", f"no report for {hours:.0f} h", due))
        if incident.is_active and silent >= self._rules.closes_after:
            incident.state, due = "closed", incident.last_post_at + self._rules.closes_after
            incident.closed_at = due
            hours = self._rules.closes_after.total_seconds() / 3600
            revisions.append(self.tell(incident, "closed", f"no report for {hours:.0f} h", due))
        return revisions

    def act(self, incident: TrackedIncident, action: IncidentAction) -> list[Incident]:
        """What a person says; only a false alarm changes the incident itself."""
        if action.action != "false_alarm" or incident.false_alarm:
            return []
        incident.false_alarm, incident.state, incident.closed_at = True, "closed", action.acted_at
        reason = f"{action.actor} says that it is a false alarm: {action.reason}".rstrip(": ")
        return [self.tell(incident, "action", reason, action.acted_at)]

    def see(self, scene: SceneDescribed, incidents: Iterable[TrackedIncident]) -> list[Incident]:
        """What a described scene says of the incidents under it."""
        revisions = []
        for incident in incidents:
            verdict = self.radar.verdict(scene, incident, self._clock()) if self.listens(incident) else None
            if verdict is None:
                continue
            incident.radar = verdict
            incident.next_pass = self.radar.next_pass(scene, incident, verdict.acquired_at)
            words = {
                "confirmed": f"new water on {verdict.new_water_km2:.1f} km2",
                "refuted": f"no new water in the {verdict.observed_share:.0%} of it that the scene saw",
                "unclear": f"the scene saw {verdict.observed_share:.0%} of it, and no new water",
            }
            revisions.append(self.tell(incident, "radar", words[verdict.verdict], scene.sensed_at))
        self.radar.forget(scene.scene_id)
        return revisions

    def hear(self, signal: Signal, incidents: Iterable[TrackedIncident], at: datetime | None) -> list[Incident]:
        """What an official signal says of the incidents that are followed: told where it is the first one of an
        incident, and where it is withdrawn. Any other stands in the next revision, as those do that came before a
        restart without memory."""
        held = self.signals.take(signal)
        if held is None or self.signals.was_told(signal):
            return []
        news = [(incident, held.news_of(incident)) for incident in incidents]
        return [
            self.tell(incident, "evidence", reason, at or incident.last_post_at)
            for incident, reason in news
            if reason is not None
        ]


def _nearest(incidents: list[TrackedIncident]) -> TrackedIncident | None:
    """The one that was spoken of last."""
    return max(incidents, key=lambda other: (other.last_post_at, other.incident_id), default=None)

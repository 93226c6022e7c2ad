"""Reports of each region that belong to no incident yet, against what is usual there, and whether they are a burst."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from stormpetrel.incidents.bursts import Burst, Counted, RegionTrack, burst_of
from stormpetrel.incidents.rates import DailySeason, UsualRate
from stormpetrel.incidents.reports import Report, Vote
from stormpetrel.incidents.rules import DetectionRules

MOST_COUNTRY_KM = 800.0  # a country that is wider is no place of an incident: its posts wait for a narrower place


class RegionTracks:
    """The tracks of all hazards and regions. In event time."""

    def __init__(self, rules: DetectionRules) -> None:
        self._rules = rules
        self._since: datetime | None = None
        self._seasons: dict[str, DailySeason] = {}
        self._tracks: dict[tuple[str, str], RegionTrack] = {}

    def listen_from(self, at: datetime) -> None:
        """Says when the first post was taken: what is usual is reckoned from there on."""
        self._since = self._since or at

    def hear(self, hazard: str, at: datetime) -> None:
        """Counts a report for the hours at which people speak of the hazard."""
        self._seasons.setdefault(hazard, DailySeason()).add(at)

    def count(self, report: Report) -> tuple[list[Counted], Burst] | None:
        """Counts a report in its regions: the reports of a burst around one of them, None where there is none."""
        votes: dict[str, Vote] = {vote.region: vote for vote in (*report.votes, *report.countries)}
        changed = [
            vote
            for region, vote in votes.items()
            if self._track(report.hazard, region, report.at).take(report, vote.weight, self._rules.same_voice)
        ]
        bursts = (self._burst(report, vote) for vote in changed)
        return next((burst for burst in bursts if burst is not None), None)

    def release(self, hazard: str, post_ids: Collection[str]) -> None:
        """Gives up reports that belong to an incident now."""
        for (name, _), track in self._tracks.items():
            if name == hazard:
                track.drop(post_ids)

    def count_as_usual(self, hazard: str, reports: Iterable[Counted]) -> None:
        """Counts the reports of a suspicion of which nothing came for what is usual in their regions."""
        for counted in reports:
            for region in {vote.region for vote in (*counted.report.votes, *counted.report.countries)}:
                self._track(hazard, region, counted.at).usual.add(counted.at)

    def usual_rate(self, hazard: str, place: Vote, at: datetime) -> float:
        """How many reports an hour are usual in the region of a place and of its country as a whole."""
        return sum(self._track(hazard, region, at).usual.rate(at) for region in {place.region, place.country})

    def forget(self, post_id: str) -> None:
        """Gives up the reports of a post that was deleted."""
        for track in self._tracks.values():
            track.drop((post_id,))

    def _track(self, hazard: str, region: str, at: datetime) -> RegionTrack:
        key = (hazard, region)
        if key not in self._tracks:
            self._tracks[key] = RegionTrack(UsualRate(self._since or at))
        track = self._tracks[key]
        track.forget_before(at - self._rules.longest_window)
        return track

    def _burst(self, report: Report, vote: Vote) -> tuple[list[Counted], Burst] | None:
        """The reports of a burst around a place that was just named; None where there is none."""
        hazard, at = report.hazard, report.at
        region = self._busiest_region(hazard, vote.country, at) if vote in report.countries else vote.region
        if region is None:
            if vote.radius_km > MOST_COUNTRY_KM:
                return None
            region = vote.country
        tracks = [self._track(hazard, region, at)]
        if region != vote.country and region == self._busiest_region(hazard, vote.country, at):
            tracks.append(self._track(hazard, vote.country, at))
        reports = sorted(
            {each.post_id: each for track in tracks for each in track.counted}.values(), key=lambda c: c[:2]
        )
        usual = sum(track.usual.rate(at) for track in tracks)
        moments = [each.at for each in reports]
        burst = burst_of(moments, usual, self._seasons[hazard], at, self._rules.windows)
        if burst.reports < self._rules.suspected_posts or burst.surprise < self._rules.suspected_surprise:
            return None
        return reports, burst

    def _busiest_region(self, hazard: str, country: str, at: datetime) -> str | None:
        """The region below a country that most reports name now."""
        since = at - self._rules.longest_window
        counts = {
            region: count
            for (name, region), track in self._tracks.items()
            if name == hazard and region.startswith(f"{country}.") and (count := track.count_since(since))
        }
        return max(counts, key=lambda region: (counts[region], region), default=None)

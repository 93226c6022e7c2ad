"""Two detectors that the project's own is measured by: a fixed threshold, and the Global Flood Monitor's.

De Bruijn et al., "A global database of historic and real-time flood events", Scientific Data 2019:
a region is flooded where the mean time between its last posts is short against the usual time. Regions are first
divisions and countries. The constants are those of the published code with its "balanced" setting, without the
correction for the hour of the day, which needs years of posts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Protocol

import numpy as np

from stormpetrel.evaluation.alert_truth import OpenedAlert
from stormpetrel.incidents.reports import Report, Vote

THRESHOLD_POSTS = 5
THRESHOLD_WINDOW = timedelta(hours=24)
ONE_EVENT = timedelta(days=3)  # alerts of a region that are nearer are one
FACTOR, FRACTION, BASE = 7.0, 0.05, 3
MOST_LIMIT = timedelta(days=3)
LONGEST_GAP = timedelta(days=1)
STAYS_FLOODED = 6.0  # times the limit, within three days of the last flooded post
SPIN_UP_DAYS = 30
PERCENTILES = (30, 70)


class Baseline(Protocol):
    """A detector that takes reports and gives alerts."""

    def take(self, report: Report) -> list[OpenedAlert]: ...


@dataclass
class _Region:
    """The posts of a hazard in a region."""

    moments: deque[datetime] = field(default_factory=lambda: deque(maxlen=64))
    per_day: Counter[date] = field(default_factory=Counter)
    longitude: float = 0.0
    latitude: float = 0.0
    posts: int = 0
    alerted_at: datetime | None = None

    def add(self, at: datetime, vote: Vote) -> None:
        self.moments.append(at)
        self.per_day[at.date()] += 1
        self.posts += 1
        self.longitude += (vote.longitude - self.longitude) / self.posts
        self.latitude += (vote.latitude - self.latitude) / self.posts


class _ByRegion:
    """What both have in common: one alert for each region until it was silent for three days."""

    name = ""

    def __init__(self) -> None:
        self._regions: defaultdict[tuple[str, str], _Region] = defaultdict(_Region)

    def take(self, report: Report) -> list[OpenedAlert]:
        """The alerts that a report sets off."""
        alerts = []
        votes = {vote.region: vote for vote in (*report.votes, *report.countries)}
        for region, vote in votes.items():
            state = self._regions[report.hazard, region]
            state.add(report.at, vote)
            if not self._is_burst(state, report.at):
                continue
            if state.alerted_at is None or report.at - state.alerted_at > ONE_EVENT:
                kind = max(report.kinds, key=lambda name: (report.kinds[name], name))
                alert_id = f"{self.name}|{report.hazard}|{region}|{report.at.isoformat()}"
                alerts.append(OpenedAlert(alert_id, kind, state.longitude, state.latitude, report.at, 1.0))
            state.alerted_at = report.at
        return alerts

    def _is_burst(self, state: _Region, at: datetime) -> bool:
        raise NotImplementedError


class FixedThreshold(_ByRegion):
    """Five posts of a region within a day."""

    name = "fixed_threshold"

    def _is_burst(self, state: _Region, at: datetime) -> bool:
        return sum(moment > at - THRESHOLD_WINDOW for moment in state.moments) >= THRESHOLD_POSTS


class GlobalFloodMonitor(_ByRegion):
    """The mean time between a region's last posts against its usual time."""

    name = "global_flood_monitor"

    def _is_burst(self, state: _Region, at: datetime) -> bool:
        limit_s = self._limit_s(state, at)
        needed = BASE if math.isinf(limit_s) else math.floor(
            FACTOR * math.exp(-0.5 / 86_400 * limit_s / FRACTION) + BASE
        )  # fmt: skip
        moments = list(state.moments)[-needed - 1 :]
        if len(moments) <= needed:
            return False
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        if max(gaps) > LONGEST_GAP.total_seconds():
            return False
        limit_s = min(limit_s, MOST_LIMIT.total_seconds())
        flooded = state.alerted_at is not None and at - state.alerted_at < ONE_EVENT
        return sum(gaps) / len(gaps) < limit_s * (STAYS_FLOODED if flooded else 1.0)

    def _limit_s(self, state: _Region, at: datetime) -> float:
        """A twentieth of the usual time between two posts; infinite where there were none."""
        days = [state.per_day[at.date() - timedelta(days=back)] for back in range(1, SPIN_UP_DAYS + 1)]
        usual = float(np.mean(np.percentile(days, PERCENTILES)))
        return math.inf if usual == 0 else 86_400 / usual * FRACTION


BASELINES: Mapping[str, Callable[[], Baseline]] = {
    FixedThreshold.name: FixedThreshold,
    GlobalFloodMonitor.name: GlobalFloodMonitor,
}

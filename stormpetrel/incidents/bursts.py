"""The recent reports of one region: who spoke, in how many voices, and whether that is a burst."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from stormpetrel.incidents.rates import DailySeason, UsualRate, surprise
from stormpetrel.incidents.reports import Report

HEARD = 200  # newest reports that a new one is compared with
ONE_AUTHOR = timedelta(hours=24)  # within which an author counts once


class Counted(NamedTuple):
    """A report that counts, with the weight of its places in the region."""

    at: datetime
    post_id: str
    weight: float
    report: Report


class Burst(NamedTuple):
    """The most surprising window: how many reports, how many were expected, and minus log10 of the Poisson tail."""

    reports: float
    expected: float
    window: timedelta
    surprise: float


def is_new_voice(report: Report, heard: Sequence[Counted], same_voice: float) -> bool:
    """Whether nobody among those heard said the same, and their author has not spoken within a day."""
    recent = heard[-HEARD:]
    for counted in recent:
        other = counted.report
        if other.post_id == report.post_id:
            return False
        if report.author and other.author == report.author and abs(other.at - report.at) < ONE_AUTHOR:
            return False
    vectors = [counted.report.vector for counted in recent if counted.report.vector is not None]
    if report.vector is None or not vectors:
        return True
    return float(np.max(np.stack(vectors) @ report.vector)) < same_voice


@dataclass
class RegionTrack:
    """The reports of a hazard in one region (below a country, or a country alone) that belong to no incident."""

    usual: UsualRate
    counted: list[Counted] = field(default_factory=list)
    said_again: int = 0

    def take(self, report: Report, weight: float, same_voice: float) -> bool:
        """Counts a report where its voice is new."""
        if not is_new_voice(report, self.counted, same_voice):
            self.said_again += 1
            return False
        insort(self.counted, Counted(report.at, report.post_id, weight, report), key=lambda each: each[:2])
        return True

    def forget_before(self, moment: datetime) -> None:
        """Lets reports that left the longest window count as usual."""
        gone = bisect_right(self.counted, moment, key=lambda each: each.at)
        for each in self.counted[:gone]:
            self.usual.add(each.at)
        del self.counted[:gone]
        if not self.counted:
            self.said_again = 0

    def count_since(self, moment: datetime) -> int:
        """How many reports counted after this moment."""
        return len(self.counted) - bisect_right(self.counted, moment, key=lambda each: each.at)

    def drop(self, post_ids: Collection[str]) -> None:
        """Gives up the reports of these posts."""
        self.counted = [each for each in self.counted if each.post_id not in post_ids]


def burst_of(
    moments: Sequence[datetime], usual_rate: float, season: DailySeason, until: datetime, windows: Iterable[timedelta]
) -> Burst:
    """The most surprising of the windows that end at `until`, of reports at these moments in the order of time."""
    bursts = []
    for window in windows:
        count = len(moments) - bisect_right(moments, until - window)
        hours = window.total_seconds() / 3600
        expected = usual_rate * hours * season.factor(until - window, until)
        bursts.append(Burst(float(count), expected, window, surprise(count, expected)))
    return max(bursts, key=lambda burst: burst.surprise)

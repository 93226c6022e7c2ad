"""How many posts are expected: an exponentially weighted mean with a daily season, and the tail of its Poisson law.

The same law finds bursts in Guzman & Poblete (2013) and in disease surveillance (Farrington et al. 1996): what is
unlikely under the rate that was usual is a burst. A count enters the usual rate only when it has left the longest
window, so that a burst is never compared with itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from scipy.special import gammainc

HOUR_S = 3600.0
HALF_LIFE_H = 14 * 24.0
PRIOR_RATE = 0.02  # posts an hour in a region of which nothing is known
PRIOR_HOURS = 48.0  # how much time that is worth
SEASON_PRIOR = 200.0  # posts that stand for a day without a season, before the day's season is learned
LEAST_COUNT = 1e-12  # posts; the incomplete gamma function is wrong for numbers that are smaller than any normal one
MOST_SURPRISE = 50.0


def surprise(count: float, expected: float) -> float:
    """Minus the logarithm to base 10 of the probability of at least so many posts, by a Poisson law of this mean; at
    most 50. `count` may be a sum of weights: the tail is the regularised incomplete gamma function.

    >>> round(surprise(5, 0.5), 2), surprise(0, 3.0)
    (3.76, 0.0)
    """
    if count < LEAST_COUNT:
        return 0.0
    tail = float(gammainc(count, max(expected, 1e-9)))
    return MOST_SURPRISE if tail <= 10**-MOST_SURPRISE else max(0.0, -math.log10(tail))


@dataclass
class DailySeason:
    """The share of each hour of the day (UTC) in all posts of a hazard, times 24: 1 where no hour stands out."""

    counts: list[float] = field(default_factory=lambda: [SEASON_PRIOR / 24] * 24)

    def add(self, at: datetime) -> None:
        self.counts[at.hour] += 1.0

    def factor(self, since: datetime, until: datetime) -> float:
        """The mean of the hours between two moments."""
        hours = max(1, min(24, math.ceil((until - since).total_seconds() / HOUR_S)))
        chosen = [self.counts[(until.hour - back) % 24] for back in range(hours)]
        return float(24 * sum(chosen) / len(chosen) / sum(self.counts))


@dataclass
class UsualRate:
    """Posts an hour of a region, exponentially weighted with a half-life of two weeks."""

    since: datetime
    count: float = 0.0
    at: datetime | None = None

    def add(self, at: datetime, weight: float = 1.0) -> None:
        """Counts a post that has left the longest window."""
        self.count = self.count * self._decay(at) + weight
        self.at = max(at, self.at or at)

    def rate(self, at: datetime) -> float:
        """The expected posts an hour; the prior's where little time was seen."""
        seen_h = max(0.0, (at - self.since).total_seconds() / HOUR_S)
        weighted_h = float(1 - 0.5 ** (seen_h / HALF_LIFE_H)) * HALF_LIFE_H / math.log(2)
        return (PRIOR_RATE * PRIOR_HOURS + self.count * self._decay(at)) / (PRIOR_HOURS + weighted_h)

    def _decay(self, at: datetime) -> float:
        if self.at is None or at <= self.at:
            return 1.0
        hours = (at - self.at).total_seconds() / HOUR_S
        return float(0.5 ** (hours / HALF_LIFE_H))

"""What false alarms teach: where people have called some, the next burst of the hazard is less probable to be real.

By Laplace's rule of succession: n false alarms of a hazard in a region within thirty days divide the odds by 1 + n.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

REMEMBERED = timedelta(days=30)


@dataclass
class FalseAlarms:
    """The false alarms that people called, each with its moment, hazard and region."""

    called: list[tuple[datetime, str, str]] = field(default_factory=list)

    def note(self, at: datetime, hazard: str, region: str) -> None:
        """Remembers one."""
        self.called.append((at, hazard, region))

    def odds_ratio(self, at: datetime, hazard: str, region: str) -> float:
        """By what the odds of an incident of the hazard in the region are multiplied: 1 where none was called.

        >>> alarms = FalseAlarms([(datetime(2025, 1, 1), "water", "IT.08")])
        >>> alarms.odds_ratio(datetime(2025, 1, 9), "water", "IT.08")
        0.5
        """
        self.called = [each for each in self.called if at - each[0] <= REMEMBERED]
        return 1.0 / (1 + sum(each[1:] == (hazard, region) for each in self.called))

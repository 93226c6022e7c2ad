"""Quiet hours: by the clock of the receiver's own time zone, summer time included."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from stormpetrel.core.events import QuietHours, Severity
from stormpetrel.core.events.alerting import WEEK
from stormpetrel.core.events.incidents import severity_rank


def is_quiet(hours: QuietHours, now: datetime, severity: Severity) -> bool:
    """Whether an incident of this severity waits at this moment."""
    if severity_rank(severity) >= severity_rank(hours.override_severity):
        return False
    local = now.astimezone(ZoneInfo(hours.timezone))
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    clock = local.time().replace(tzinfo=None)
    if start < end:
        return start <= clock < end and _begins_on(hours, local)
    # Over midnight: the part after it belongs to the day before. Equal times are a whole day.
    if clock >= start:
        return _begins_on(hours, local)
    return clock < end and _begins_on(hours, local - timedelta(days=1))


def _begins_on(hours: QuietHours, day: datetime) -> bool:
    return WEEK[day.weekday()] in hours.days

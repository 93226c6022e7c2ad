"""Official signals beside incidents: what agencies say of the same hazard, there and then.

A signal is evidence of an incident whose cells its area covers or touches, whose hazard it names (a storm's counts for
a flood) and whose posts come within two days of its own times. It opens no incident and changes no confidence: no
labelled set has signals, so nothing could be learned from them. These bounds are stated, not learned.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from stormpetrel.core.events import IncidentSignal, Signal
from stormpetrel.incidents.rules import hazard_of
from stormpetrel.incidents.signal_areas import CellGround, SignalArea, area_of
from stormpetrel.incidents.tracked import TrackedIncident

WINDOW: Final = timedelta(hours=48)  # between the times of a signal and the posts of an incident
MOST_HELD: Final = 2_000  # signals; the ones that came first go first
MOST_SHOWN: Final = 5  # of an incident, the newest
LONGEST_TITLE, LONGEST_ADDRESS = 300, 500  # characters


@dataclass(frozen=True)
class HeldSignal:
    """A signal as far as incidents ask for it; from `begins_at` to `ends_at` it holds."""

    shown: IncidentSignal
    hazard: str | None
    area: SignalArea
    begins_at: datetime
    ends_at: datetime
    withdrawn: bool

    def fits(self, incident: TrackedIncident) -> bool:
        """Whether it is evidence of an incident."""
        return self.is_of_then(incident) and self.area.meets(CellGround(incident.cells()))

    def is_of_then(self, incident: TrackedIncident) -> bool:
        """Whether it names the incident's hazard, at its time, and some place."""
        if self.withdrawn or self.hazard != incident.hazard or not self.area:
            return False
        return self.begins_at - WINDOW <= incident.last_post_at and self.ends_at + WINDOW >= incident.first_post_at

    def news_of(self, incident: TrackedIncident) -> str | None:
        """What it changes of an incident, in words: the first signal joins, one that is withdrawn leaves. None where
        that is nothing, or stands in the next revision."""
        shown = {each.signal_id: each for each in incident.signals}.get(self.shown.signal_id)
        if self.withdrawn:
            # After a restart a false alarm is known by its newest revision, which is the person's word.
            if shown is None or incident.false_alarm:
                return None
            return f"{self.shown.feed} has withdrawn: {shown.title}"
        if incident.is_active and not incident.signals and self.fits(incident):
            return f"{self.shown.feed} says: {self.shown.title}"
        return None


class OfficialSignals:
    """Remembers signals, so that one that comes before its incident joins it when that begins.

    What came before a restart of which nothing but the incidents is known was told then, and is only remembered again.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, HeldSignal] = OrderedDict()
        self._told_until: datetime | None = None

    def note_told(self, decided_at: datetime) -> None:
        """A revision was decided then, before the restart: whatever had come by then had been heard."""
        self._told_until = max(decided_at, self._told_until or decided_at)

    def was_told(self, signal: Signal) -> bool:
        """Whether it came before such a restart."""
        return self._told_until is not None and signal.ingested_at <= self._told_until

    def take(self, signal: Signal) -> HeldSignal | None:
        """Holds a signal in place of an earlier one of its id. None where a later one is held, or where it says nothing
        of a kind of event or of a place."""
        known, coming = self._held.get(signal.signal_id), _held(signal)
        if known is not None and coming.shown.published_at < known.shown.published_at:
            return None
        if known is None and not coming.withdrawn and not (coming.hazard and coming.area):
            return None
        self._held[signal.signal_id] = coming
        self._held.move_to_end(signal.signal_id)
        if len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return coming

    def of(self, incident: TrackedIncident) -> tuple[IncidentSignal, ...]:
        """The newest signals that are evidence of an incident, the newest first. What it has and nobody remembers any
        more stays."""
        forgotten = {each.signal_id: each for each in incident.signals if each.signal_id not in self._held}
        signals = [*self._remembered(incident), *forgotten.values()]
        newest = sorted(signals, key=lambda each: (each.published_at, each.signal_id), reverse=True)
        return tuple(newest[:MOST_SHOWN])

    def _remembered(self, incident: TrackedIncident) -> list[IncidentSignal]:
        of_then = [each for each in self._held.values() if each.is_of_then(incident)]
        if not of_then:
            return []
        ground = CellGround(incident.cells())
        return [each.shown for each in of_then if each.area.meets(ground)]


def _held(signal: Signal) -> HeldSignal:
    moments = [each for each in (signal.published_at, signal.begins_at, signal.ends_at) if each is not None]
    shown = IncidentSignal(
        signal_id=signal.signal_id,
        feed=signal.feed,
        title=" ".join(signal.title.split())[:LONGEST_TITLE] or signal.signal_id,
        level=signal.level,
        url=_web_address(signal.url),
        published_at=signal.published_at,
    )
    hazard = hazard_of(signal.kind) if signal.kind else None
    return HeldSignal(shown, hazard, area_of(signal), min(moments), max(moments), signal.withdrawn)


def _web_address(url: str | None) -> str | None:
    """An absolute address of the web; None where it is none, or too long for a message."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and parts.netloc
    return url if is_web and url is not None and len(url) <= LONGEST_ADDRESS else None

"""Inhibition: an incident that a receiver knows of already mutes what it explains.

One that radar has confirmed mutes the suspected ones of its kind that it touches. A wider one mutes the narrower ones
of its kind that lie inside it and are not more severe.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import h3

from stormpetrel.alerting.matching import ancestors
from stormpetrel.core.events import Incident
from stormpetrel.core.events.incidents import severity_rank


@dataclass(frozen=True)
class Footprint:
    """An incident's cells, all coarser cells that hold them, and their area in square kilometres."""

    incident: Incident
    cells: frozenset[str]
    ancestors: frozenset[str]
    area_km2: float

    @classmethod
    def of(cls, incident: Incident) -> Footprint:
        cells = frozenset(incident.cells)
        area_km2 = sum(float(h3.cell_area(cell, "km^2")) for cell in cells)
        return cls(incident, cells, frozenset(ancestors(cells)), area_km2)

    def covers(self, other: Footprint) -> bool:
        """Whether every cell of the other one is a cell of this one, or lies in one."""
        return bool(other.cells) and all(
            cell in self.cells or not self.cells.isdisjoint(ancestors([cell])) for cell in other.cells
        )

    def touches(self, other: Footprint) -> bool:
        """Whether they have ground in common."""
        return not (
            self.cells.isdisjoint(other.cells)
            and self.cells.isdisjoint(other.ancestors)
            and self.ancestors.isdisjoint(other.cells)
        )


class Inhibition:
    """The open incidents by where they are."""

    def __init__(self) -> None:
        self._footprints: dict[str, Footprint] = {}
        self._by_cell: dict[str, set[str]] = defaultdict(set)
        self._above: dict[str, set[str]] = defaultdict(set)

    def put(self, incident: Incident) -> None:
        """Takes an incident as it stands now; one that is closed is nowhere."""
        self._take_away(incident.incident_id)
        if incident.state == "closed" or not incident.cells:
            return
        footprint = Footprint.of(incident)
        self._footprints[incident.incident_id] = footprint
        for cell in footprint.cells:
            self._by_cell[cell].add(incident.incident_id)
        for cell in footprint.ancestors:
            self._above[cell].add(incident.incident_id)

    def _take_away(self, incident_id: str) -> None:
        footprint = self._footprints.pop(incident_id, None)
        if footprint is None:
            return
        for index, cells in ((self._by_cell, footprint.cells), (self._above, footprint.ancestors)):
            for cell in cells:
                index[cell].discard(incident_id)
                if not index[cell]:
                    del index[cell]

    def inhibitors_of(self, incident: Incident) -> Iterator[Incident]:
        """The open incidents that mute this one, by id. Whether a receiver knows of them is for the caller to say."""
        narrower = self._footprints.get(incident.incident_id)
        if narrower is None:
            return
        for incident_id in sorted(self._near(narrower) - {incident.incident_id}):
            wider = self._footprints[incident_id]
            if _inhibits(wider, narrower):
                yield wider.incident

    def _near(self, footprint: Footprint) -> set[str]:
        sharing = (self._by_cell.get(cell, set()) for cell in footprint.cells | footprint.ancestors)
        inside = (self._above.get(cell, set()) for cell in footprint.cells)
        return set().union(*sharing, *inside)


def _inhibits(wider: Footprint, narrower: Footprint) -> bool:
    source, target = wider.incident, narrower.incident
    if source.kind != target.kind or is_confirmed(target):
        return False
    if is_confirmed(source) and target.state == "suspected":
        return wider.touches(narrower)
    # Neither a suspicion nor something mild may hide what is worse inside it.
    is_milder = severity_rank(source.severity) < severity_rank(target.severity)
    if is_milder or (source.state == "suspected" and target.state != "suspected"):
        return False
    return wider.area_km2 > narrower.area_km2 and wider.covers(narrower)


def is_confirmed(incident: Incident) -> bool:
    """Whether radar has confirmed it."""
    return incident.radar is not None and incident.radar.verdict == "confirmed"

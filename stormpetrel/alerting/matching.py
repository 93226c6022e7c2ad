"""Whether an incident is one that matchers mean, and why not where it is none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import h3
import orjson
import shapely

from stormpetrel.core.areas import polygon_of
from stormpetrel.core.cell_areas import cell_polygon
from stormpetrel.core.events import Incident, IncidentState, Matchers
from stormpetrel.core.events.incidents import severity_rank

# How bad a state is. A flood that eases is still one that was opened.
STATE_RANKS: Final[dict[IncidentState, int]] = {"closed": 0, "suspected": 1, "easing": 2, "opened": 2, "growing": 3}


def matches(matchers: Matchers, incident: Incident) -> bool:
    """Whether every stated part holds."""
    return mismatch(matchers, incident) is None


def mismatch(matchers: Matchers, incident: Incident) -> str | None:
    """The first part that does not hold, in words; None where the incident matches."""
    if matchers.incident_ids and incident.incident_id not in matchers.incident_ids:
        return "another incident is meant"
    if matchers.kinds and incident.kind not in matchers.kinds:
        return f"its kind is {incident.kind}, not {_listed(matchers.kinds)}"
    if matchers.states and incident.state not in matchers.states:
        return f"its state is {incident.state}, not {_listed(matchers.states)}"
    verdict = incident.radar.verdict if incident.radar else None
    if matchers.verdicts and verdict not in matchers.verdicts:
        return f"radar says {verdict or 'nothing'}, not {_listed(matchers.verdicts)}"
    if matchers.min_severity and severity_rank(incident.severity) < severity_rank(matchers.min_severity):
        return f"its severity is {incident.severity}, less than {matchers.min_severity}"
    if matchers.min_confidence is not None and incident.confidence < matchers.min_confidence:
        return f"its confidence is {incident.confidence:.2f}, less than {matchers.min_confidence:g}"
    if matchers.languages and not set(matchers.languages) & set(incident.languages):
        return f"its posts are in {_listed(incident.languages) or 'no known language'}"
    if matchers.names_an_area and not _touches_area(matchers, incident):
        return f"{incident.place} is outside the area"
    return None


def _listed(words: Iterable[str]) -> str:
    return " or ".join(words)


def _touches_area(matchers: Matchers, incident: Incident) -> bool:
    codes = {incident.country_code, f"{incident.country_code}.{incident.admin1_code}"} - {None}
    if codes & set(matchers.admin_codes):
        return True
    if matchers.cells and any_related(matchers.cells, incident.cells or (_cell_of(incident),)):
        return True
    if matchers.area is None:
        return False
    area = _geometry(orjson.dumps(matchers.area))
    shapes = [shapely.Point(incident.longitude, incident.latitude), *map(cell_polygon, incident.cells)]
    return bool(shapely.intersects(area, shapes).any())


def _cell_of(incident: Incident) -> str:
    return str(h3.latlng_to_cell(incident.latitude, incident.longitude, 7))


def any_related(cells: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a cell of one is a cell of the other, or lies in one; resolutions may differ.

    >>> any_related([h3.latlng_to_cell(44.4, 8.9, 3)], [h3.latlng_to_cell(44.4, 8.9, 7)])
    True
    """
    first, second = set(cells), set(others)
    return bool(first & second or first & ancestors(second) or second & ancestors(first))


def ancestors(cells: Iterable[str]) -> set[str]:
    """All coarser cells that hold one of these."""
    return {str(h3.cell_to_parent(cell, level)) for cell in cells for level in range(h3.get_resolution(cell))}


@lru_cache(256)
def _geometry(area: bytes) -> shapely.geometry.base.BaseGeometry:
    geometry = polygon_of(orjson.loads(area))
    shapely.prepare(geometry)
    return geometry

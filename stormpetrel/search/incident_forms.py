"""Incidents as GeoJSON (RFC 7946) and as CSV that a spreadsheet can open without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import shapely

from stormpetrel.core.cell_areas import ground_of
from stormpetrel.core.spreadsheets import neutralised
from stormpetrel.search.incident_listing import IncidentPage

COLUMNS = (
    "incident_id",
    "revision",
    "kind",
    "state",
    "change",
    "confidence",
    "severity",
    "place",
    "country_code",
    "admin1_code",
    "longitude",
    "latitude",
    "first_post_at",
    "last_post_at",
    "opened_at",
    "closed_at",
    "posts",
    "authors",
    "photos",
    "verdict",
    "new_water_km2",
    "reason",
)


def geojson(page: IncidentPage) -> dict[str, Any]:
    """A FeatureCollection: the outline of each incident's H3 cells as a MultiPolygon, its fields as properties, among
    them the longitude and latitude of its centre. A map program shows no GeometryCollection that joins the two."""
    members: dict[str, Any] = {"type": "FeatureCollection", "features": list(map(feature, page.incidents))}
    return {**members, "total": page.total, "next_cursor": page.next_cursor}


def feature(incident: dict[str, Any]) -> dict[str, Any]:
    """One incident as a Feature."""
    centre = {"type": "Point", "coordinates": [incident["longitude"], incident["latitude"]]}
    properties = {key: value for key, value in incident.items() if key != "cells"}
    return {
        "type": "Feature",
        "id": incident["incident_id"],
        "geometry": outline_of(incident["cells"]) or centre,
        "properties": properties,
    }


def outline_of(cells: Sequence[str]) -> dict[str, Any] | None:
    """The ground that these H3 cells cover, as a MultiPolygon whose outer rings run counter-clockwise; None without
    cells. Cells over the 180th meridian go beyond it."""
    if not cells:
        return None
    parts = [shapely.geometry.polygon.orient(part) for part in shapely.get_parts(ground_of(cells))]
    outline: dict[str, Any] = shapely.geometry.mapping(shapely.MultiPolygon(parts))
    return outline


def to_csv(incidents: Sequence[dict[str, Any]]) -> str:
    """A line an incident. Text that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for incident in incidents:
        radar = incident["radar"] or {}
        row = {**incident, "verdict": radar.get("verdict"), "new_water_km2": radar.get("new_water_km2")}
        writer.writerow({name: neutralised(row.get(name)) for name in COLUMNS})
    return out.getvalue()

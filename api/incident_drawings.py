"""The drawings of an incident's report, as inline SVG: its area on a graticule, and its reports over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from stormpetrel.core.cell_areas import cell_polygon

WIDTH, HEIGHT, EDGE = 420, 280, 30
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)  # degrees between lines of the graticule
MOST_LINES = 5
DEGREE_KM = 111.2


def map_svg(incident: Mapping[str, Any]) -> str:
    """The H3 cells of an incident and its centre, north up, a degree of longitude shortened to its length there."""
    longitude, latitude = incident["longitude"], incident["latitude"]
    rings = [[(_near(x, longitude), y) for x, y in cell_polygon(cell).exterior.coords] for cell in incident["cells"]]
    points = [(longitude, latitude), *(point for ring in rings for point in ring)]
    shortening = max(0.05, math.cos(math.radians(latitude)))
    west, east = min(x for x, _ in points) - 0.2, max(x for x, _ in points) + 0.2
    south, north = min(y for _, y in points) - 0.2, max(y for _, y in points) + 0.2
    scale = min((WIDTH - 2 * EDGE) / ((east - west) * shortening), (HEIGHT - 2 * EDGE) / (north - south))

    def at(x: float, y: float) -> tuple[float, float]:
        across = WIDTH / 2 + (x - (west + east) / 2) * shortening * scale
        return round(across, 1), round(HEIGHT / 2 - (y - (south + north) / 2) * scale, 1)

    half_width, half_height = (WIDTH / 2 - EDGE) / scale / shortening, (HEIGHT / 2 - EDGE) / scale
    bounds = ((west + east) / 2 - half_width, (west + east) / 2 + half_width)
    heights = ((south + north) / 2 - half_height, (south + north) / 2 + half_height)
    lines = _graticule(bounds, heights, at)
    cells = "".join(
        f'<polygon points="{" ".join(f"{x},{y}" for x, y in (at(*point) for point in ring))}" '
        'fill="#2f81f7" fill-opacity=".28" stroke="#1f6feb"/>'
        for ring in rings
    )
    x, y = at(longitude, latitude)
    centre = (
        f'<circle cx="{x}" cy="{y}" r="4" fill="#cf222e"/>'
        f'<text x="{x + 7}" y="{y - 5}" font-size="12" font-weight="600">{escape(incident["place"][:60])}</text>'
    )
    bar_km = _round_down((WIDTH / 4) / scale * DEGREE_KM)
    length = round(bar_km / DEGREE_KM * scale, 1)
    bar = (
        f'<path d="M{EDGE},{HEIGHT - 10}h{length}" stroke="#1b1f24" stroke-width="2"/>'
        f'<text x="{EDGE + length + 5}" y="{HEIGHT - 6}" font-size="10">{bar_km:g} km</text>'
    )
    return _svg("Map of the affected cells", lines + cells + centre + bar)


def _near(x: float, longitude: float) -> float:
    """The same meridian, on the near side of the 180th."""
    return x + 360 * round((longitude - x) / 360)


def _graticule(across: tuple[float, float], along: tuple[float, float], at: Any) -> str:
    span = max(across[1] - across[0], along[1] - along[0])
    step = next((step for step in STEPS if span / step <= MOST_LINES), STEPS[-1])
    drawn = ""
    for number in range(math.ceil(across[0] / step), math.floor(across[1] / step) + 1):
        (x, top), (_, bottom) = at(number * step, along[1]), at(number * step, along[0])
        name = (number * step + 180) % 360 - 180
        drawn += (
            f'<path d="M{x},{top}V{bottom}" stroke="#d0d7de"/><text x="{x + 2}" y="12" font-size="9">{name:g}°</text>'
        )
    for number in range(math.ceil(along[0] / step), math.floor(along[1] / step) + 1):
        (left, y), (right, _) = at(across[0], number * step), at(across[1], number * step)
        drawn += (
            f'<path d="M{left},{y}H{right}" stroke="#d0d7de"/>'
            f'<text x="1" y="{y - 2}" font-size="9">{number * step:g}°</text>'
        )
    return drawn


def _round_down(kilometres: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(kilometres, 1e-3)))
    return power * max(step for step in (1, 2, 5) if step * power <= max(kilometres, 1e-3))


def chart_svg(revisions: Sequence[Mapping[str, Any]]) -> str:
    """Reports counted so far, at each change; the dots are the changes."""
    counted = sorted((datetime.fromisoformat(each["changed_at"]), each["posts"]) for each in revisions)
    if not counted:
        return ""
    first = min(counted[0][0], datetime.fromisoformat(revisions[0]["first_post_at"]))
    span = max(1.0, (counted[-1][0] - first).total_seconds())
    most = max(1, *(posts for _, posts in counted))

    def at(moment: datetime, posts: int) -> tuple[float, float]:
        across = EDGE + (WIDTH - 2 * EDGE) * (moment - first).total_seconds() / span
        return round(across, 1), round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * posts / most, 1)

    points = [at(*each) for each in counted]
    path = f"M{EDGE},{HEIGHT - EDGE}" + "".join(f"H{x}V{y}" for x, y in points)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="#cf222e"/>' for x, y in points)
    axes = (
        f'<path d="M{EDGE},{EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#57606a"/>'
        f'<text x="2" y="{EDGE + 4}" font-size="10">{most}</text>'
        f'<text x="{EDGE}" y="{HEIGHT - 12}" font-size="10">{first:%m-%d %H:%M}</text>'
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 12}" font-size="10" text-anchor="end">'
        f"{counted[-1][0]:%m-%d %H:%M}</text>"
    )
    return _svg("Reports over time", axes + f'<path d="{path}" fill="none" stroke="#1f6feb" stroke-width="2"/>' + dots)


def _svg(title: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{title}</title>{body}</svg>'
    )

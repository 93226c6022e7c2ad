"""From the place and the filters of a request to the area of a query and the index's filter."""

from __future__ import annotations

from stormpetrel.core.ports import Filter
from stormpetrel.search.filter_request import FilterRequest
from stormpetrel.search.label_filters import labels_of
from stormpetrel.search.place_names import NamedPlace, PlaceNames
from stormpetrel.search.place_request import PlaceRequest, PolygonGeometry
from stormpetrel.search.query import Area


def area_of(place: PlaceRequest, names: PlaceNames) -> tuple[Area, NamedPlace | None]:
    """The area of a place request, and the place that its name was taken for. Raises BadQuery where no place has the
    name."""
    if place.near is not None:
        named = names.near(place.near)
        return Area(named.longitude, named.latitude, radius_km=place.radius_km), named
    if place.box:
        return box_area(place.box), None
    if isinstance(place.geojson, PolygonGeometry):
        ring = place.geojson.coordinates[0]
        corners = ring[:-1]
        middle = sum(lon for lon, _ in corners) / len(corners)
        return Area(middle, sum(lat for _, lat in corners) / len(corners), polygon=tuple(ring)), None
    longitude, latitude = place.geojson.coordinates if place.geojson else (place.longitude, place.latitude)
    return Area(float(longitude or 0.0), float(latitude or 0.0), radius_km=place.radius_km), None


def filter_of(filters: FilterRequest, area: Area | None, names: PlaceNames, until_ms: int | None = None) -> Filter:
    """What every hit meets; an area with an end is part of it.

    `until_ms` limits the later pages of an answer to posts that its first page could find. A town of a post lies in an
    area where its point does. A division that is wider than a town counts, by its point, only in an area that reaches
    at least 100 km from its centre; a country, or what is wider than 100 km, lies in no area. Raises BadQuery where a
    division is unknown.
    """
    keywords = {
        "language": filters.languages,
        "source": filters.sources,
        "labels": labels_of(filters.labels, "posts"),
        "countries": filters.countries,
        "divisions": [names.division_code(name) for name in filters.divisions or ()],
    }
    without = labels_of(filters.without_labels, "posts")
    since, until = (moment.timestamp() * 1000 if moment else None for moment in filters.window())
    ranges = {"event_time": (since, until), "ingested_at": (None, until_ms)}
    within = Filter(
        any_of={name: values for name, values in keywords.items() if values},
        none_of={"labels": without} if without else {},
        ranges={name: limits for name, limits in ranges.items() if limits != (None, None)},
    )
    if filters.box:
        within = box_area(filters.box).narrowed(within)
    return area.narrowed(within) if area else within


def box_area(box: tuple[float, float, float, float]) -> Area:
    """A box with its middle; one that crosses the 180th meridian has its west east of its east."""
    west, south, east, north = box
    middle = (west + east) / 2 if west <= east else ((west + east + 360) / 2 + 180) % 360 - 180
    return Area(middle, (south + north) / 2, box=box)

"""The last step of every notification parser: what a catalogue says becomes a ProductAnnounced within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import shapely
from pydantic import ValidationError
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.imagery.pairing import eastern, split_at_antimeridian

LONGEST_TEXT = 200  # characters of a part of an error message
MOST_ASSETS = 500
MOST_POINTS = 10_000  # of a footprint; real ones have some dozens
MENDED_SHARE = 0.01  # of the area that mending a footprint may change; more, and it crosses itself


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Whatever a parser stumbles over in a record from outside is that record's fault: MalformedRecord."""
    try:
        yield
    except MalformedRecord:
        raise
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise MalformedRecord(f"{_shortened(what)}: {_shortened(field)}: {_shortened(first['msg'])}") from error
    except Exception as error:
        reason = _shortened(next(iter(str(error).splitlines()), ""))
        kind = "" if isinstance(error, ValueError | StormpetrelError) else f"{type(error).__name__}: "
        raise MalformedRecord(f"{_shortened(what)}: {kind}{reason}") from error


def announced(footprint: Any, **fields: Any) -> ProductAnnounced:
    """The event of a product with this GeoJSON footprint or geometry. Use it within `parsing`.

    Raises ValueError where a number or a text is out of the event's bounds, there are too many assets, or the footprint
    has no area, coordinates that are no degrees, or crosses itself.
    """
    event = ProductAnnounced(footprint=mapping(_checked(shape(footprint))), **fields)
    if len(event.assets) > MOST_ASSETS:
        raise ValueError(f"it has {len(event.assets)} assets; at most {MOST_ASSETS} are taken")
    return event


def _checked(footprint: BaseGeometry) -> BaseGeometry:
    points = shapely.get_coordinates(footprint)
    if footprint.geom_type not in ("Polygon", "MultiPolygon") or not 3 < len(points) <= MOST_POINTS:
        raise ValueError(f"its footprint is no polygon of 4 to {MOST_POINTS} points: {footprint.geom_type}")
    if not np.isfinite(points).all() or (np.abs(points) > (360, 90)).any():
        raise ValueError("its footprint has coordinates that are no degrees (longitude, latitude)")
    west, _, east, _ = footprint.bounds
    # No image is half a globe wide: from 179 to -179 is meant the short way, and looks crossed the long way.
    unsplit = eastern(footprint) if footprint.geom_type == "Polygon" and east - west > 180 else footprint
    mended = shapely.make_valid(unsplit)
    if mended.area == 0 or abs(mended.area - unsplit.area) > MENDED_SHARE * mended.area:
        problem = "has no area" if mended.area == 0 else f"crosses itself: {shapely.is_valid_reason(unsplit)}"
        raise ValueError(f"its footprint {problem}")
    return split_at_antimeridian(mended if unsplit is footprint else footprint)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."

"""Official signals: what agencies say of an event, as feeds carry it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stormpetrel.core.events.bounds import EventKind, Id, Key, Latitude, Longitude, Moment, Name, Note, Several, Url
from stormpetrel.core.events.values import Event

SignalLevel = Literal["red", "orange", "yellow", "green"]


class Signal(Event):
    """What an agency says of an event (topic `signals`, key `signal_id`); a later one of the same id replaces it.

    `level` is the feed's own, GDACS's colours or CAP's severity as such. Areas are in degrees (WGS 84), longitude
    first: `point`, rings of `polygons`, `circles` with a radius in kilometres. `withdrawn`: the agency takes it back.
    """

    signal_id: Id
    feed: Key
    kind: EventKind | None = None
    title: Name
    summary: Note | None = None
    level: SignalLevel | None = None
    point: tuple[Longitude, Latitude] | None = None
    polygons: Several[Annotated[tuple[tuple[Longitude, Latitude], ...], Field(min_length=4, max_length=10_000)]] = ()
    circles: Several[tuple[Longitude, Latitude, Annotated[float, Field(ge=0, le=20_040)]]] = ()
    countries: Several[Key] = ()
    begins_at: Moment | None = None
    ends_at: Moment | None = None
    published_at: Moment
    ingested_at: Moment
    url: Url | None = None
    withdrawn: bool = False

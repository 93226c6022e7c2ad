"""What every hit must meet."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stormpetrel.core.clock import now
from stormpetrel.core.events import Source
from stormpetrel.predicates import PatchFilter
from stormpetrel.search.place_request import Box, PlaceName, Request, Words

FIRST_YEAR, LAST_YEAR = 1970, 2200
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# No more digits than make some ten to thirty years, so that a JSON Schema can say it whole.
DURATION = re.compile(
    r"([1-9][0-9]{0,5})\s*(min)|([1-9][0-9]{0,4})\s*(h)|([1-9][0-9]{0,3})\s*(d)|([1-9][0-9]{0,2})\s*(w)"
)
LABELS = "Labels that trained models give to posts or patches, named as by /v1/models: collection:label"


def _as_iso_8601(value: Any) -> Any:
    """Whether a number counts seconds or milliseconds, and since when, nobody can know."""
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*", value)):
        raise ValueError(f"{value!r} is a number; give a moment as ISO 8601, such as 2025-11-04T20:00:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR - 1}; give a moment of these years")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def duration(text: str) -> timedelta:
    """How long something lasts, from text such as 30min, 1h, 2d, 1w.

    >>> duration("90min")
    datetime.timedelta(seconds=5400)
    """
    match = DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no time that has passed; give a number and min, h, d or w, such as 30min or 1h")
    number, unit = (part for part in match.groups() if part)
    return int(number) * UNITS[unit]


def _valid_duration(text: str) -> str:
    duration(text)
    return text


def _country_code(text: str) -> str:
    if not re.fullmatch("[A-Za-z]{2}", text):
        raise ValueError(f"{text!r} is no country code; give ISO 3166 codes of two letters, such as IT")
    return text.upper()


YEARS = f"The year is {FIRST_YEAR} to {LAST_YEAR - 1}"
Moment = Annotated[datetime, BeforeValidator(_as_iso_8601), AfterValidator(_in_utc), Field(description=YEARS)]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]
Labels = Annotated[list[Words], Field(min_length=1, max_length=20)]
DURATION_PATTERN = (
    r"^\s*([1-9][0-9]{0,5}\s*[mM][iI][nN]|[1-9][0-9]{0,4}\s*[hH]|[1-9][0-9]{0,3}\s*[dD]|[1-9][0-9]{0,2}\s*[wW])\s*$"
)
Last = Annotated[
    str,
    Field(
        max_length=12,
        description="The time up to now: 30min, 1h, 2d, 1w",
        json_schema_extra={"pattern": DURATION_PATTERN},
    ),
    AfterValidator(_valid_duration),
]
CountryCode = Annotated[str, AfterValidator(_country_code), Field(json_schema_extra={"pattern": "^[A-Za-z]{2}$"})]


class FilterRequest(Request):
    """Every hit meets all of these. The time is that of the post, or of the satellite's pass."""

    languages: Annotated[list[Language], Field(min_length=1, max_length=50)] | None = None
    sources: Annotated[list[Source], Field(min_length=1, max_length=10)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    last: Last | None = None
    box: Box | None = None
    countries: Annotated[list[CountryCode], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="ISO 3166 codes; a post that names a place in one of them"
    )
    divisions: Annotated[list[PlaceName], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="First-order divisions by name or GeoNames code: Liguria, IT.08"
    )
    labels: Labels | None = Field(default=None, description=LABELS)
    without_labels: Labels | None = None
    patches: PatchFilter | None = Field(
        default=None, description="CQL2, as text or JSON, that every patch among the hits meets; see docs/imagery.md"
    )

    @model_validator(mode="after")
    def window_is_ordered(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since lies after until; swap them")
        if self.last and (self.since or self.until):
            raise ValueError("last ends now, and since and until say otherwise; give last alone, or leave it out")
        return self

    @property
    def is_empty(self) -> bool:
        return self == FilterRequest()

    def window(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last moment, now for `last`; None where a side is open."""
        return (now() - duration(self.last), None) if self.last else (self.since, self.until)

"""The query parameters that say which posts are listed or counted, and the place and filters that they stand for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from stormpetrel.core.events import Source
from stormpetrel.search.filter_request import CountryCode, FilterRequest, Language, Last, Moment
from stormpetrel.search.list_area import ListArea
from stormpetrel.search.place_request import PlaceName, Words


class PostParameters(ListArea):
    """Posts that meet all of these. A parameter that may be repeated means any of its values."""

    last: Last | None = None
    since: Moment | None = None
    until: Moment | None = None
    language: list[Language] = Field(default=[], max_length=50)
    source: list[Source] = Field(default=[], max_length=10)
    label: list[Words] = Field(default=[], max_length=20)
    without_label: list[Words] = Field(default=[], max_length=20)
    country: list[CountryCode] = Field(default=[], max_length=50)
    division: list[PlaceName] = Field(default=[], max_length=50)

    @model_validator(mode="after")
    def is_a_list(self) -> Self:
        try:
            _ = self.filters
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self

    @property
    def filters(self) -> FilterRequest:
        """The filters, as a search has them."""
        return FilterRequest(
            last=self.last,
            since=self.since,
            until=self.until,
            languages=self.language or None,
            sources=self.source or None,
            countries=self.country or None,
            divisions=self.division or None,
            labels=self.label or None,
            without_labels=self.without_label or None,
        )


class ListingRequest(PostParameters):
    """The posts, the newest first, page by page."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[Words, Field(max_length=2000)] | None = None

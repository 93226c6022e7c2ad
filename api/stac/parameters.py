"""What a STAC client may ask of items: in the address (GET), or in the body (POST).

FastAPI reads the types of attrs' classes as they stand, so they are no strings here.
"""

from typing import Annotated, Any, Literal

import attr
from fastapi import Path, Query
from pydantic import AliasChoices, BeforeValidator, Field
from stac_fastapi.types.search import APIRequest

from stormpetrel.search.place_request import NUMBER, Request

MOST_ITEMS = 1_000  # a page; who asks for more gets so many, as OGC API - Features says
LONGEST = 20_000  # characters of one parameter
Text = Annotated[str | None, Query(max_length=LONGEST)]
Limit = Annotated[int, Query(ge=1, le=2**31, description=f"items a page; {MOST_ITEMS:,} at most are given")]
Bounds = Annotated[
    str | None, Query(max_length=300, description="west,south,east,north in degrees; six numbers with heights")
]
DateTime = Annotated[
    str | None, Query(max_length=100, description="a moment, or an interval with .. or nothing for an open end")
]
Filter = Annotated[str | None, Query(max_length=LONGEST, description="CQL2 over the properties of /v1/stac/queryables")]
Language = Annotated[Literal["cql2-text", "cql2-json"] | None, Query(alias="filter-lang")]
Reference = Annotated[str | None, Query(alias="filter-crs", max_length=200)]
Order = Annotated[str | None, Query(max_length=200, description="-datetime (the newest first) or +datetime")]
Fields = Annotated[str | None, Query(max_length=2_000, description="names to leave in, or with a minus to leave out")]
Token = Annotated[str | None, Query(max_length=2_000, description="as the link next of the page before has it")]
COLLECTION = Path(json_schema_extra={"enum": ["patches", "products", "scenes"]})


@attr.s
class CollectionRequest(APIRequest):
    """A collection by its id."""

    collection_id: Annotated[str, COLLECTION] = attr.ib()


@attr.s
class ItemRequest(APIRequest):
    """An item by its id, which may have slashes."""

    collection_id: Annotated[str, COLLECTION] = attr.ib()
    item_id: Annotated[str, Path(min_length=1, max_length=512)] = attr.ib()


@attr.s
class Asked(APIRequest):
    """What is asked of the items of a collection, or of all."""

    bbox: Bounds = attr.ib(default=None)
    datetime: DateTime = attr.ib(default=None)
    limit: Limit = attr.ib(default=10)
    filter: Filter = attr.ib(default=None)
    filter_lang: Language = attr.ib(default=None)
    filter_crs: Reference = attr.ib(default=None)
    sortby: Order = attr.ib(default=None)
    fields: Fields = attr.ib(default=None)
    token: Token = attr.ib(default=None)


@attr.s
class ItemsRequest(Asked):
    """Of one collection."""

    collection_id: Annotated[str, COLLECTION] = attr.ib(kw_only=True)


@attr.s
class SearchRequest(Asked):
    """Of several collections."""

    collections: Text = attr.ib(default=None)
    ids: Text = attr.ib(default=None)
    intersects: Annotated[str | None, Query(max_length=LONGEST, description="a GeoJSON geometry")] = attr.ib(
        default=None
    )


class Sort(Request):
    """The order of the items."""

    field: Annotated[str, Field(max_length=100)] = "datetime"
    direction: Literal["asc", "desc"] = "desc"


class ShownFields(Request):
    """Which fields of an item are shown."""

    include: Annotated[list[str], Field(max_length=100)] | None = None
    exclude: Annotated[list[str], Field(max_length=100)] | None = None


def _as_list(names: Any) -> Any:
    return [names] if isinstance(names, str) else names  # some clients send one name as it is


Names = Annotated[list[Annotated[str, Field(max_length=512)]], Field(max_length=1_000), BeforeValidator(_as_list)]


class SearchBody(Request):
    """A search as STAC API - Item Search has it, with the extensions Filter, Sort and Fields."""

    collections: Names | None = None
    ids: Names | None = None
    bbox: Annotated[list[Annotated[float, NUMBER]], Field(min_length=4, max_length=6)] | None = None
    intersects: dict[str, Any] | None = None
    datetime: Annotated[str, Field(max_length=100)] | None = None
    limit: Annotated[int, NUMBER, Field(ge=1, le=2**31)] | None = 10
    filter: dict[str, Any] | Annotated[str, Field(max_length=LONGEST)] | None = None
    filter_lang: Literal["cql2-text", "cql2-json"] | None = Field(
        default=None, alias="filter-lang", validation_alias=AliasChoices("filter-lang", "filter_lang")
    )
    filter_crs: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, alias="filter-crs", validation_alias=AliasChoices("filter-crs", "filter_crs")
    )
    sortby: Annotated[list[Sort], Field(max_length=10)] | None = None
    fields: ShownFields = ShownFields()
    token: Annotated[str, Field(max_length=2_000)] | None = None

"""What a search request may hold. Coordinates are in GeoJSON order: longitude, latitude (WGS 84).

A saved search carries its request in an event, so that these forms belong to the domain.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from stormpetrel.core.events import Latitude, Longitude, Source
from stormpetrel.fusion import METHOD_NAMES

MAX_TEXT = 4000
MAX_CORNERS = 500
FIRST_YEAR, LAST_YEAR = 1970, 2200


def _valid_unicode(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a surrogate pair; send whole characters") from error
    return text


PostModality = Literal["text", "lexical", "visual", "concepts", "space", "time", "spatiotemporal"]
PatchModality = Literal["sar", "ms", "fused", "earth", "overhead"]
ModalityName = Literal[PostModality, PatchModality]
VectorName = Literal["text", "visual", "sar", "ms", "fused", "earth"]
SearchSource = Literal["posts", "patches"]
SOURCES = "posts, patches, or both, fused by place and day. If empty: posts; both for a patch or a patch's vectors"
MAX_PICTURE = 14_000_000  # characters of base64: a picture of 10 MB
Words = Annotated[str, AfterValidator(_valid_unicode)]
Text = Annotated[Words, Field(min_length=1, max_length=MAX_TEXT)]
ItemId = Annotated[Words, Field(min_length=3, max_length=512)]
Picture = Annotated[str, Field(max_length=MAX_PICTURE, description="JPEG, PNG, WebP or GIF in base64, at most 10 MB")]
Corner = tuple[Longitude, Latitude]


def _in_utc(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise ValueError(f"the year must be between {FIRST_YEAR} and {LAST_YEAR - 1}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]


def _valid_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = box
    if south > north:
        raise ValueError("south lies above north; a box is [west, south, east, north]")
    if west == east and south == north:
        raise ValueError("the box is a point; give a point and a radius instead")
    return box


Box = Annotated[tuple[Longitude, Latitude, Longitude, Latitude], AfterValidator(_valid_box)]


class Request(BaseModel):
    """A form that takes no other fields than its own, and no infinite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PointGeometry(Request):
    """A GeoJSON Point (RFC 7946)."""

    type: Literal["Point"]
    coordinates: Corner


class PolygonGeometry(Request):
    """A GeoJSON Polygon (RFC 7946) without holes: one closed ring of [longitude, latitude]."""

    type: Literal["Polygon"]
    coordinates: Annotated[
        list[Annotated[list[Corner], Field(min_length=4, max_length=MAX_CORNERS)]], Field(min_length=1, max_length=1)
    ]

    @model_validator(mode="after")
    def is_closed(self) -> Self:
        ring = self.coordinates[0]
        if ring[0] != ring[-1]:
            raise ValueError("the ring is open; repeat its first position at the end")
        return self


class PlaceRequest(Request):
    """Exactly one of: a point with or without a radius, a box, or a GeoJSON geometry."""

    longitude: Longitude | None = None
    latitude: Latitude | None = None
    radius_km: Annotated[float, Field(gt=0, le=20_000)] | None = None
    box: Box | None = None
    geojson: Annotated[PointGeometry | PolygonGeometry, Field(discriminator="type")] | None = None

    @model_validator(mode="after")
    def has_exactly_one_form(self) -> Self:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("a point needs both longitude and latitude")
        forms = [self.longitude is not None, self.box is not None, self.geojson is not None]
        if sum(forms) != 1:
            raise ValueError("give one of: longitude and latitude, box, geojson")
        if self.radius_km is not None and (self.box is not None or isinstance(self.geojson, PolygonGeometry)):
            raise ValueError("radius_km belongs to a point; a box or a polygon ends by itself")
        return self


Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]
Labels = Annotated[list[Words], Field(min_length=1, max_length=20)]
LABELS = "Labels that a trained model gives to a post, named as by /v1/models: collection:label"


class FilterRequest(Request):
    """Every hit meets all of these."""

    languages: Annotated[list[Language], Field(min_length=1, max_length=50)] | None = None
    sources: Annotated[list[Source], Field(min_length=1, max_length=10)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    box: Box | None = None
    labels: Labels | None = Field(default=None, description=LABELS)
    without_labels: Labels | None = None

    @model_validator(mode="after")
    def window_is_ordered(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError("since lies after until; swap them")
        return self


def _known_method(name: str) -> str:
    if name not in METHOD_NAMES:
        raise ValueError(f"there is no fusion of this name; give one of {', '.join(METHOD_NAMES)}")
    return name


class SearchRequest(Request):
    """What to look for: a post, a patch or a text, and any of a picture, a place, a time, or vectors of the models."""

    sources: list[SearchSource] = Field(default=[], max_length=2, description=SOURCES)
    patch_id: ItemId | None = None
    post_id: ItemId | None = None
    text: Text | None = None
    picture: Picture | None = None
    vectors: dict[VectorName, Annotated[list[float], Field(min_length=1, max_length=4096)]] = {}
    place: PlaceRequest | None = None
    time: Moment | None = None
    filters: FilterRequest = FilterRequest()
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    fusion: Annotated[str, AfterValidator(_known_method)] = Field(
        "tensor_min", description=f"One of {', '.join(METHOD_NAMES)}"
    )
    weights: dict[ModalityName, Annotated[float, Field(ge=0, le=100)]] = Field(
        default={}, description="How much a modality counts; 1 where none is given, 0 leaves it out of the fusion"
    )
    modalities: list[ModalityName] = Field(
        default=[],
        max_length=11,
        description="The modalities to search; all but `spatiotemporal` (place and time as one) if empty",
    )
    score_threshold: dict[ModalityName, float] = Field(
        default={}, description="The lowest score with which a hit stays in a modality's list"
    )
    cursor: Annotated[Words, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def is_answerable(self) -> Self:
        parts = (self.post_id, self.patch_id, self.text, self.picture, self.vectors or None, self.place, self.time)
        if all(part is None for part in parts):
            raise ValueError("nothing to look for; give post_id, patch_id, text, picture, vectors, place or time")
        if sum(part is not None for part in (self.post_id, self.patch_id, self.text)) > 1:
            raise ValueError("post_id, patch_id and text are queries of their own; give one of them")
        if self.searches_patches and self.fusion.startswith("adaptive"):
            raise ValueError("adaptive weights are learned for posts alone; give another fusion with patches")
        active_modalities = self._active_modalities()
        if not active_modalities:
            raise ValueError("no part of this request belongs to these modalities; name others, or none")
        if not any(self.weights.get(name, 1.0) for name in active_modalities):
            raise ValueError("all weights are 0; give one modality a weight above 0")
        if self.text is not None and not self.text.strip():
            raise ValueError("text is blank; give words, or leave it out")
        return self

    @property
    def searches_patches(self) -> bool:
        return "patches" in self.searched_sources

    @property
    def searched_sources(self) -> tuple[SearchSource, ...]:
        """The sources to search, each once; where none is named, those that the request's parts belong to."""
        if self.sources:
            return tuple(dict.fromkeys(self.sources))
        about_patches = self.patch_id is not None or any(name in get_args(PatchModality) for name in self.vectors)
        return ("posts", "patches") if about_patches else ("posts",)

    def _active_modalities(self) -> set[ModalityName]:
        """The modalities that this request can get hits from."""
        parts: list[tuple[object, tuple[ModalityName, ...]]] = [
            (self.post_id or self.patch_id, get_args(ModalityName)),
            (self.text, ("text", "lexical", *(("concepts",) if "concepts" in self.modalities else ()))),
            (self.picture, ("visual", "concepts")),
            (self.vectors or None, tuple(self.vectors)),
            (self.place, ("space", *(("overhead",) if self.searches_patches else ()))),
            (self.time, ("time",)),
            (self.place and self.time, ("spatiotemporal",)),
        ]
        possible = {name for part, names in parts if part is not None for name in names}
        return possible & (set(self.modalities) or set(get_args(ModalityName)) - {"spatiotemporal"})


class SavedSearchRequest(SearchRequest):
    """A search that stays: a new post matches where it ranks among the first `within` of the fused list."""

    within: Annotated[int, Field(ge=1, le=100)] = 20

"""What a search request may hold. Coordinates are in GeoJSON order: longitude, latitude (WGS 84).

A saved search carries its request in an event, so that these forms belong to the domain.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from stormpetrel.fusion import LEARNED_TENSOR, METHOD_NAMES
from stormpetrel.posts.text.language import LANGUAGES
from stormpetrel.search.filter_request import FilterRequest, Last, Moment
from stormpetrel.search.place_request import PlaceName, PlaceRequest, Radius, Request, Words

__all__ = ["MAX_TEXT", "Request", "SavedSearchRequest", "SearchRequest", "Text", "Words"]

MAX_TEXT = 4000
PostModality = Literal["text", "lexical", "visual", "concepts", "space", "time", "spatiotemporal"]
PatchModality = Literal["sar", "ms", "fused", "earth", "overhead", "reported", "new_water", "labelled"]
ModalityName = Literal[PostModality, PatchModality]
VectorName = Literal["text", "visual", "sar", "ms", "fused", "earth"]
SearchSource = Literal["posts", "patches"]
SOURCES = "posts, patches, or both, fused by place and day. If empty: posts; both for a patch or a patch's vectors"
MODALITIES = (
    "The modalities to search. If empty: all, but place and time as one (`spatiotemporal`) where both are evidence, "
    "and photos only where a visual model understands them"
)
EARLIER_METHODS = ("adaptive", "adaptive_feedback")  # of saved searches; the learned tensor is in their place
MAX_PICTURE = 14_000_000  # characters of base64: a picture of 10 MB
Text = Annotated[Words, Field(min_length=1, max_length=MAX_TEXT)]
ItemId = Annotated[Words, Field(min_length=3, max_length=512)]
Picture = Annotated[str, Field(max_length=MAX_PICTURE, description="JPEG, PNG, WebP or GIF in base64, at most 10 MB")]


def _known_method(name: str) -> str:
    if name in EARLIER_METHODS:
        return LEARNED_TENSOR
    if name not in METHOD_NAMES:
        raise ValueError(f"there is no fusion of this name; give one of {', '.join(METHOD_NAMES)}")
    return name


def _known_language(code: str) -> str:
    language = re.split("[-_]", code.strip().lower())[0]
    if language not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise ValueError(f"{code!r} is no language that is known here; leave lang out, or give one of {known}")
    return language


LANGUAGE_FORM = {"pattern": f"^({'|'.join(sorted(LANGUAGES))})$"}
StatedLanguage = Annotated[str, Field(max_length=20, json_schema_extra=LANGUAGE_FORM), AfterValidator(_known_language)]
FusionName = Annotated[str, AfterValidator(_known_method), Field(json_schema_extra={"enum": list(METHOD_NAMES)})]


class SearchRequest(Request):
    """What to look for: a post, a patch or a text, and any of a picture, a place, a time, or vectors of the models.

    Filters alone list the posts that meet them, the newest first.
    """

    sources: list[SearchSource] = Field(default=[], max_length=2, description=SOURCES)
    patch_id: ItemId | None = None
    post_id: ItemId | None = None
    text: Text | None = None
    lang: StatedLanguage | None = Field(
        default=None, description="The language of `text`, ISO 639-1; if not given, the one that it seems to be in"
    )
    picture: Picture | None = None
    vectors: dict[VectorName, Annotated[list[float], Field(min_length=1, max_length=4096)]] = Field(default={})
    place: PlaceRequest | None = None
    near: PlaceName | None = Field(default=None, description="Short for `place` with `near`")
    radius_km: Radius | None = Field(default=None, description="Around `near`")
    time: Moment | None = None
    filters: FilterRequest = FilterRequest()
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    fusion: FusionName = LEARNED_TENSOR
    weights: dict[ModalityName, Annotated[float, Field(ge=0, le=100)]] = Field(
        default={}, description="How much a modality counts; 1 where none is given, 0 leaves it out of the fusion"
    )
    modalities: list[ModalityName] = Field(default=[], max_length=15, description=MODALITIES)
    score_threshold: dict[ModalityName, float] = Field(
        default={}, description="The lowest score with which a hit stays in a modality's list"
    )
    min_relevance: float | None = Field(
        default=None, ge=0, le=1, description="Leaves out hits of a lower `relevance`, a probability"
    )
    cursor: Annotated[Words, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def is_answerable(self) -> Self:
        if self.near and self.place:
            raise ValueError("near is short for a place, and place is one already; give one of them")
        if self.radius_km is not None and not self.near:
            raise ValueError("radius_km has no centre here; give near, or put it into place")
        if self.filters.patches is not None and not self.searches_patches:
            raise ValueError("filters.patches limits patches, and none are searched; name patches in sources")
        if not self.has_evidence:
            if self.filters.is_empty and self.where is None:
                raise ValueError(
                    "nothing to look for; give post_id, patch_id, text, picture, vectors, place, time or filters"
                )
            if self.modalities and not self.searches_patches:
                raise ValueError("filters alone rank nothing; leave modalities out, or give a text, a point or a time")
            return self
        if sum(part is not None for part in (self.post_id, self.patch_id, self.text)) > 1:
            raise ValueError("post_id, patch_id and text are queries of their own; give one of them")
        active_modalities = self._active_modalities()
        if not active_modalities:
            raise ValueError("no part of this request belongs to these modalities; name others, or none")
        if not any(self.weights.get(name, 1.0) for name in active_modalities):
            raise ValueError("all weights are 0; give one modality a weight above 0")
        if self.text is not None and not self.text.strip():
            raise ValueError("text is blank; give words, or leave it out")
        if self.lang is not None and self.text is None:
            raise ValueError("lang says which language the text is in, and there is no text; leave lang out")
        return self

    @property
    def where(self) -> PlaceRequest | None:
        """The place, in either form."""
        return PlaceRequest(near=self.near, radius_km=self.radius_km) if self.near else self.place

    @property
    def has_evidence(self) -> bool:
        """Whether a part ranks posts; filters alone do not, unless the place is named as a modality."""
        named = bool({"space", "spatiotemporal"} & set(self.modalities))
        ranks_by_place = self.where is not None and (named or not self.where.is_filter)
        parts = (self.post_id, self.patch_id, self.text, self.picture, self.vectors or None, self.time)
        return ranks_by_place or any(part is not None for part in parts)

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
            (self.where, ("space",)),
            (self.time, ("time",)),
            (self.where and self.time, ("spatiotemporal",)),
            (self.searches_patches or None, ("overhead", "reported", "new_water", "labelled")),
        ]
        possible = {name for part, names in parts if part is not None for name in names}
        return possible & set(self.modalities or get_args(ModalityName))


class SavedSearchRequest(SearchRequest):
    """A search that stays. A new post matches where it meets the filters and its relevance reaches `min_relevance`; of
    patches, a place and day that ranks among the first `within`."""

    min_relevance: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Of posts: the lowest probability that a match answers the search; .25 if not given"
    )
    window: Last | None = Field(
        default=None, description="Of posts: a match is ranked among those of so long before it; 6h if not given"
    )
    within: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Of patches: how many of the first places and days match; 20 if not given"
    )

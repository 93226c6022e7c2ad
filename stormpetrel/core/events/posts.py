"""Posts, enriched posts and saved searches."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from stormpetrel.core.events.values import Event, Frozen, Latitude, Longitude, Moment, TermWeights, Vector

Source = Literal["x", "bluesky", "mastodon", "file"]
MAX_TEXT = 20_000  # characters; the longest form of any network is shorter


class Media(Frozen):
    """A photo or video of a post, by its URL."""

    kind: Literal["photo", "video", "other"]
    url: str | None = None
    alt_text: str | None = None


class NativePlace(Frozen):
    """The network's own geotag: a point, or the centre of a place's bounding box (then not `precise`)."""

    longitude: Longitude
    latitude: Latitude
    name: str | None = None
    precise: bool = True


class Post(Event):
    """A social post, in the same form for every network (topic `posts.raw`, key `post_id`)."""

    post_id: Annotated[str, Field(min_length=3, max_length=512, pattern=r"^[a-z]+:.+$")]
    source: Source
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    created_at: Moment
    ingested_at: Moment
    author_id: str | None = None
    author_place: str | None = None
    declared_language: str | None = None
    native_place: NativePlace | None = None
    media: tuple[Media, ...] = ()
    repost_of: str | None = None
    reply_to: str | None = None
    url: str | None = None
    rule_tags: tuple[str, ...] = ()


class PostDeleted(Event):
    """The author deleted a post: it leaves every projection (topics `posts.raw` and `posts.enriched`)."""

    post_id: Annotated[str, Field(min_length=3, max_length=512, pattern=r"^[a-z]+:.+$")]
    source: Source
    deleted_at: Moment


PlaceKind = Literal["point", "city", "admin2", "admin1", "country", "region"]
AREA_RADIUS_KM = 100.0  # a place with a larger radius is an area: its point says little about the event's location


class PlaceAlternative(Frozen):
    """Another place that a name may stand for."""

    name: str
    longitude: Longitude
    latitude: Latitude
    confidence: Annotated[float, Field(ge=0, le=1)]
    kind: PlaceKind
    country_code: str | None = None
    admin1_code: str | None = None
    geonames_id: int | None = None


class UnresolvedName(Frozen):
    """A place name in a post, `text[start:end]`, that was not resolved to a point, with the places it may stand for."""

    name: str
    start: int
    end: int
    alternatives: tuple[PlaceAlternative, ...] = ()
    why: tuple[str, ...] = ()


class Place(Frozen):
    """A place of a post, resolved to a point with a confidence.

    `text[start:end]` is the name. The location is within `radius_km` of the point. `resolution_method`: the network's
    own geotag, the gazetteer, or the context of a name that the gazetteer lacks. `why` is the evidence, for people.
    """

    name: str
    longitude: Longitude
    latitude: Latitude
    country_code: str | None = None
    admin1_code: str | None = None
    admin2_code: str | None = None
    geonames_id: int | None = None
    start: int | None = None
    end: int | None = None
    confidence: Annotated[float, Field(ge=0, le=1)]
    kind: PlaceKind
    resolution_method: Literal["native", "gazetteer", "context"]
    found_by: Literal["tagger", "gazetteer", "hashtag"] | None = None
    radius_km: Annotated[float, Field(ge=0)] | None = None
    alternatives: tuple[PlaceAlternative, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def is_area(self) -> bool:
        return is_area(self.kind, self.radius_km)


def is_area(kind: str, radius_km: float | None) -> bool:
    """Whether a place is too large for its point to be the location of an event."""
    return kind in ("country", "region") or (radius_km or 0) > AREA_RADIUS_KM


class ConceptScore(Frozen):
    """The score of a concept in a photo."""

    name: str
    score: Annotated[float, Field(gt=0, le=1)]


class Relevance(Frozen):
    """The prediction of a trained model for a post: a label's probability, and whether it is too uncertain to stand
    without a person's label."""

    collection: str
    label: str
    probability: Annotated[float, Field(ge=0, le=1)]
    unsure: bool
    model_version: str


class EnrichedPost(Event):
    """A post with its text and photo features and its places (topic `posts.enriched`, key `post_id`).

    A near-duplicate names its original in `duplicate_of`; it is counted there and has no vectors. `relevance` has the
    predictions of the annotated collections' models at enrichment. `visual_vector` and `concepts` describe the first
    photo; `photo_problem` is the reason where a photo could not be described. `limits` says by what the search for
    places was cut short: the post's length, the time, the number of places.
    """

    version: ClassVar[int] = 6
    schema_version: int = 6
    post: Post
    clean_text: str
    language: str
    language_confidence: Annotated[float, Field(ge=0, le=1)]
    duplicate_of: str | None = None
    similarity: Annotated[float, Field(ge=0, le=1)] | None = None
    places: tuple[Place, ...] = ()
    unresolved_names: tuple[UnresolvedName, ...] = ()
    text_vector: Vector | None = None
    terms: TermWeights | None = None
    visual_vector: Vector | None = None
    concepts: tuple[ConceptScore, ...] = ()
    concept_model: str | None = None
    photo_problem: str | None = None
    relevance: tuple[Relevance, ...] = ()
    enriched_at: Moment
    limits: tuple[str, ...] = ()


class SavedSearch(Event):
    """A saved search (topic `saved_searches`, key `saved_search_id`). `request` is the body of a search request; a new
    post matches if it is among its first `within` hits."""

    saved_search_id: Annotated[str, Field(min_length=3, max_length=64)]
    request: dict[str, Any]
    within: Annotated[int, Field(ge=1, le=100)]
    created_at: Moment


class SavedSearchDeleted(Event):
    """A saved search was deleted (topic `saved_searches`)."""

    saved_search_id: Annotated[str, Field(min_length=3, max_length=64)]
    deleted_at: Moment


PostEvent = Post | PostDeleted
EnrichedEvent = EnrichedPost | PostDeleted

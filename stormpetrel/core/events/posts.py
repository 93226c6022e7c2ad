"""Posts, what is found out about them, and standing queries."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from stormpetrel.core.events.values import Event, Frozen, Latitude, Longitude, Moment, TermWeights, Vector

Source = Literal["x", "bluesky", "mastodon", "file"]
MAX_TEXT = 20_000  # characters; the longest form of any network is shorter


class Media(Frozen):
    """A picture or film that hangs on a post; its pixels are fetched by who needs them."""

    kind: Literal["photo", "video", "other"]
    url: str | None = None
    alt_text: str | None = None


class NativePlace(Frozen):
    """The place that the network itself gave: a point, or the centre of a named place's box."""

    longitude: Longitude
    latitude: Latitude
    name: str | None = None
    precise: bool = True


class Post(Event):
    """A social post, the same form for every network (topic `posts.raw`, key `post_id`)."""

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
    """The author took a post back: it leaves every view (topics `posts.raw` and `posts.enriched`)."""

    post_id: Annotated[str, Field(min_length=3, max_length=512, pattern=r"^[a-z]+:.+$")]
    source: Source
    deleted_at: Moment


PlaceKind = Literal["point", "city", "admin2", "admin1", "country", "region"]
WIDE_KM = 100.0  # radius from which a place is an area: its middle says little about where the event is


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
    """A name of a place in a post, `text[start:end]`, that no point is given for, with what it may stand for."""

    name: str
    start: int
    end: int
    alternatives: tuple[PlaceAlternative, ...] = ()
    why: tuple[str, ...] = ()


class Place(Frozen):
    """A place that a post names or carries, resolved to a point, and how sure we are (0 to 1).

    `text[start:end]` is the name. What is meant lies within `radius_km` of the point. `origin`: the network's own
    geotag, the gazetteer, or the context of a name that the gazetteer lacks. `why` is the evidence, for people.
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
    """Whether a place is too wide for its middle to be where something happened."""
    return kind in ("country", "region") or (radius_km or 0) > WIDE_KM


class ConceptScore(Frozen):
    """How much a photo shows of a named concept."""

    name: str
    score: Annotated[float, Field(gt=0, le=1)]


class Relevance(Frozen):
    """What a model that people taught says of a post: the probability of a label, and whether it would rather ask."""

    collection: str
    label: str
    probability: Annotated[float, Field(ge=0, le=1)]
    unsure: bool
    model_version: str


class EnrichedPost(Event):
    """A post with all that was found out about it (topic `posts.enriched`, key `post_id`).

    A copy (`copy_of` is set) names the post that said it first; it is counted there and carries no vectors.
    `relevance` is what the models of annotated collections say of it as it comes.
    `visual_vector` and `concepts` are of its first photo; `photo_problem` says why there are none where it has one.
    """

    version: ClassVar[int] = 5
    schema_version: int = 5
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


class SavedSearch(Event):
    """A standing query (topic `subscriptions`, key `subscription_id`): `request` is a search as the API takes it."""

    saved_search_id: Annotated[str, Field(min_length=3, max_length=64)]
    request: dict[str, Any]
    within: Annotated[int, Field(ge=1, le=100)]
    created_at: Moment


class SavedSearchDeleted(Event):
    """Nobody listens to this standing query any more (topic `subscriptions`)."""

    saved_search_id: Annotated[str, Field(min_length=3, max_length=64)]
    deleted_at: Moment

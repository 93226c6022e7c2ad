"""Posts, enriched posts and saved searches."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stormpetrel.core.events.bounds import (
    Count,
    EventKind,
    FieldName,
    Integer,
    JsonObject,
    Key,
    Latitude,
    Longitude,
    Moment,
    Name,
    Note,
    Several,
    Share,
    Url,
)
from stormpetrel.core.events.values import Event, Frozen, TermWeights, Vector

Source = Literal["x", "bluesky", "mastodon", "team", "file"]
MAX_TEXT = 20_000  # characters; the longest form of any network is shorter
PostId = Annotated[Key, Field(min_length=3, pattern="^[a-z]+:[^\\x00-\\x1f\\x7f]+$")]


class Media(Frozen):
    """A photo or video of a post, by its URL."""

    kind: Literal["photo", "video", "other"]
    url: Url | None = None
    alt_text: Note | None = None


class NativePlace(Frozen):
    """The network's own geotag: a point, or the centre of a place's bounding box (then not `precise`)."""

    longitude: Longitude
    latitude: Latitude
    name: Name | None = None
    precise: bool = True


class Post(Event):
    """A social post, in the same form for every network (topic `posts.raw`, key `post_id`)."""

    post_id: PostId
    source: Source
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    created_at: Moment
    ingested_at: Moment
    author_id: Key | None = None
    author_place: Note | None = None
    declared_language: Name | None = None
    native_place: NativePlace | None = None
    media: Several[Media] = ()
    repost_of: Key | None = None
    reply_to: Key | None = None
    url: Url | None = None
    rule_tags: Several[Name] = ()


class PostDeleted(Event):
    """The author deleted a post: it leaves every projection (topics `posts.raw` and `posts.enriched`)."""

    post_id: PostId
    source: Source
    deleted_at: Moment


PlaceKind = Literal["point", "city", "admin2", "admin1", "country", "region"]
PlaceRole = Literal["affected", "mentioned"]
TOWN_RADIUS_KM = 25.0  # a division of a larger radius is wider than a town
AREA_RADIUS_KM = 100.0  # a place with a larger radius is an area: its point says little about the event's location


class PlaceAlternative(Frozen):
    """Another place that a name may stand for."""

    name: Name
    longitude: Longitude
    latitude: Latitude
    confidence: Share
    kind: PlaceKind
    country_code: Key | None = None
    admin1_code: Key | None = None
    geonames_id: Integer | None = None


class UnresolvedName(Frozen):
    """A place name in a post, `text[start:end]`, that was not resolved to a point, with the places it may stand for."""

    name: Name
    start: Count
    end: Count
    alternatives: Several[PlaceAlternative] = ()
    why: Several[Name] = ()


class Place(Frozen):
    """A place of a post, resolved to a point with a confidence.

    `text[start:end]` is the name. The location is within `radius_km` of the point. `resolution_method`: the network's
    own geotag, the gazetteer, or the context of a name that the gazetteer lacks. `why` is the evidence, for people.
    `role` says whether the post reports from the place or only names it; none where the language has no rules.
    """

    name: Name
    longitude: Longitude
    latitude: Latitude
    country_code: Key | None = None
    admin1_code: Key | None = None
    admin2_code: Key | None = None
    geonames_id: Integer | None = None
    start: Count | None = None
    end: Count | None = None
    confidence: Share
    kind: PlaceKind
    resolution_method: Literal["native", "gazetteer", "context"]
    found_by: Literal["tagger", "gazetteer", "hashtag"] | None = None
    radius_km: Annotated[float, Field(ge=0, le=20_040)] | None = None
    alternatives: Several[PlaceAlternative] = ()
    why: Several[Name] = ()
    role: PlaceRole | None = None

    @property
    def is_area(self) -> bool:
        return is_area(self.kind, self.radius_km)

    @property
    def is_town(self) -> bool:
        """Whether its point tells where it is: a point, a town, or a division no wider than one."""
        return self.kind in ("point", "city") or (not self.is_area and (self.radius_km or 0) <= TOWN_RADIUS_KM)


def is_area(kind: str, radius_km: float | None) -> bool:
    """Whether a place is too large for its point to be the location of an event."""
    return kind in ("country", "region") or (radius_km or 0) > AREA_RADIUS_KM


class Relevance(Frozen):
    """The prediction of a trained model for a post: a label's probability, and whether it is too uncertain to stand
    without a person's label."""

    collection: Key
    label: Key
    probability: Share
    unsure: bool
    model_version: Key


class EventRelevance(Frozen):
    """The calibrated probability that a post is about an event of `kind` (flood, storm, earthquake, wildfire, or a
    team's own kind), whatever anybody searches for."""

    kind: EventKind
    probability: Share
    model_version: Key


class EnrichedPost(Event):
    """A post with its text features and its places (topic `posts.enriched`, key `post_id`).

    A near-duplicate names its original in `duplicate_of`; it is counted there and has no vectors. `relevance` has the
    predictions of the annotated collections' models at enrichment; `event_relevance` how probable it is that the post
    is about an event of each kind. `limits` says by what the search for places was cut short: the post's length, the
    time, the number of places. What its photos show is in PhotosDescribed, which comes later.
    """

    version: ClassVar[int] = 10
    schema_version: int = 10
    post: Post
    clean_text: Annotated[str, Field(max_length=4 * MAX_TEXT)]  # NFC makes at most three characters of one
    language: Key
    language_confidence: Share
    duplicate_of: Key | None = None
    similarity: Share | None = None
    places: Several[Place] = ()
    unresolved_names: Several[UnresolvedName] = ()
    text_vector: Vector | None = None
    terms: TermWeights | None = None
    relevance: Several[Relevance] = ()
    event_relevance: Several[EventRelevance] = ()
    enriched_at: Moment
    limits: Several[Note] = ()


SavedSearchId = Annotated[Key, Field(min_length=3, max_length=64)]


class SavedLimits(Frozen):
    """What every match of a saved search meets, as the index's filter says it: values of fields, the time of the post
    in milliseconds since 1970, and areas in degrees (WGS 84), longitude first."""

    any_of: dict[FieldName, Several[Key]] = Field(default_factory=dict)
    none_of: dict[FieldName, Several[Key]] = Field(default_factory=dict)
    since_ms: float | None = None
    until_ms: float | None = None
    boxes: Several[tuple[Longitude, Latitude, Longitude, Latitude]] = ()
    polygon: Several[tuple[Longitude, Latitude]] | None = None
    circles: Several[tuple[Longitude, Latitude, Annotated[float, Field(gt=0, le=20_040)]]] = ()
    place_field: Literal["location", "towns"] = "location"


class SavedQuery(Frozen):
    """What a saved search became when it was saved: all that a post is matched with, so that no store is asked.

    `text` is encoded anew where `text_vector` is of another model than the posts'. `words` counts the distinct words of
    the text. `place` (longitude, latitude) and `at` are evidence; `radius_km` is how far the place counts, where it has
    an end. `modalities` are those that may find a post, `score_threshold` the lowest score that counts in each.
    """

    text: Annotated[str, Field(max_length=4 * MAX_TEXT)] | None = None
    words: Count = 0
    text_vector: Vector | None = None
    terms: TermWeights | None = None
    visual_vector: Vector | None = None
    concepts: TermWeights | None = None
    place: tuple[Longitude, Latitude] | None = None
    radius_km: Annotated[float, Field(gt=0, le=20_040)] | None = None
    at: Moment | None = None
    exclude: Key | None = None
    limits: SavedLimits = SavedLimits()
    modalities: Several[Key] = ()
    score_threshold: dict[FieldName, float] = Field(default_factory=dict)


class SavedSearch(Event):
    """A saved search (topic `saved_searches`, key `saved_search_id`). `request` is the body of a search request.

    A new post matches `query` where its relevance is at least `min_relevance`; its rank among the matches of `window_s`
    seconds is told beside it. A search of patches has no query: its
    places and days are ranked, and one among the first `within` is a match. One of version 1 has a request alone.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    saved_search_id: SavedSearchId
    request: JsonObject
    query: SavedQuery | None = None
    min_relevance: Share | None = None
    window_s: Annotated[float, Field(gt=0)] | None = None
    within: Annotated[int, Field(ge=1, le=100)] | None = None
    created_at: Moment


MatchDecision = Literal["relevance", "score"]


class PostMatched(Event):
    """A new post matches a saved search (topic `posts.matched`, key `saved_search_id`).

    `match_id` is the same whenever the same post is matched with the same search again. `relevance` is the probability
    that the post answers the search, None where no model of it fits the text model; `scores` are those of each modality
    as a search gives them, and `reason` says in words what decided. `recent_rank` is the post's rank by relevance among
    the `recent_count` matches of the time before it; it decides nothing.
    """

    match_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    saved_search_id: SavedSearchId
    post_id: PostId
    decided_by: MatchDecision
    relevance: Share | None = None
    scores: Annotated[dict[FieldName, float], Field(max_length=20)]
    reason: Note
    recent_rank: Annotated[Count, Field(ge=1)]
    recent_count: Annotated[Count, Field(ge=1)]
    posted_at: Moment
    matched_at: Moment


class SavedSearchDeleted(Event):
    """A saved search was deleted (topic `saved_searches`)."""

    saved_search_id: SavedSearchId
    deleted_at: Moment


PostEvent = Post | PostDeleted
EnrichedEvent = EnrichedPost | PostDeleted

"""What travels on the topics: one frozen, versioned pydantic model an event, JSON on the wire.

Times are UTC. Coordinates are GeoJSON order (longitude, latitude), WGS 84 degrees. Vectors are base64 of
little-endian float32. An event's Kafka headers carry `schema` (its name), `version` and `trace`.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from stormpetrel.errors import MalformedRecord, UnknownSchema


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_as_utc)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Source = Literal["x", "bluesky", "mastodon", "file"]
MAX_TEXT = 20_000  # characters; the longest form of any network is shorter


class Frozen(BaseModel):
    """A value: equal by content, never changed after it is made, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(Frozen):
    """What a topic carries. A change that old readers cannot read raises `version` and adds an upgrade."""

    version: ClassVar[int] = 1
    schema_version: int = 1

    @classmethod
    def name(cls) -> str:
        return cls.__name__


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


class Place(Frozen):
    """A place that a post names or carries, resolved to a point, and how sure we are (0 to 1)."""

    name: str
    longitude: Longitude
    latitude: Latitude
    country_code: str | None = None
    admin1_code: str | None = None
    geonames_id: int | None = None
    start: int | None = None
    end: int | None = None
    confidence: Annotated[float, Field(ge=0, le=1)]
    kind: Literal["point", "city", "country"]
    origin: Literal["native", "gazetteer"]


class Vector(Frozen):
    """A dense vector with the model that made it; `data` is base64 of little-endian float32."""

    model: str
    dimensions: Annotated[int, Field(gt=0)]
    data: str

    @classmethod
    def of(cls, values: NDArray[np.float32], model: str) -> Vector:
        packed = base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
        return cls(model=model, dimensions=len(values), data=packed)

    def values(self) -> NDArray[np.float32]:
        """The float32 values, shape (dimensions,). Raises MalformedRecord where the data do not fit."""
        try:
            array = np.frombuffer(base64.b64decode(self.data, validate=True), dtype="<f4")
        except ValueError as error:
            raise MalformedRecord(f"vector of {self.model} is not base64 of float32: {error}") from error
        if len(array) != self.dimensions:
            raise MalformedRecord(f"vector of {self.model} has {len(array)} values, {self.dimensions} promised")
        return array


class TermWeights(Frozen):
    """A sparse lexical vector: hashed stems and their BM25 term weights (IDF is the index's part)."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


class ConceptScore(Frozen):
    """How much a photo shows of a named concept."""

    name: str
    score: Annotated[float, Field(gt=0, le=1)]


class EnrichedPost(Event):
    """A post with all that was found out about it (topic `posts.enriched`, key `post_id`).

    A copy (`copy_of` is set) names the post that said it first; it is counted there and carries no vectors.
    `visual_vector` and `concepts` are of its first photo; `photo_problem` says why there are none where it has one.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    post: Post
    clean_text: str
    language: str
    language_confidence: Annotated[float, Field(ge=0, le=1)]
    copy_of: str | None = None
    similarity: Annotated[float, Field(ge=0, le=1)] | None = None
    places: tuple[Place, ...] = ()
    text_vector: Vector | None = None
    terms: TermWeights | None = None
    visual_vector: Vector | None = None
    concepts: tuple[ConceptScore, ...] = ()
    concept_model: str | None = None
    photo_problem: str | None = None
    enriched_at: Moment


class Subscription(Event):
    """A standing query (topic `subscriptions`, key `subscription_id`): `request` is a search as the API takes it."""

    subscription_id: Annotated[str, Field(min_length=3, max_length=64)]
    request: dict[str, Any]
    within: Annotated[int, Field(ge=1, le=100)]
    created_at: Moment


class SubscriptionEnded(Event):
    """Nobody listens to this standing query any more (topic `subscriptions`)."""

    subscription_id: Annotated[str, Field(min_length=3, max_length=64)]
    ended_at: Moment


PostEvent = Post | PostDeleted
EnrichedEvent = EnrichedPost | PostDeleted
EVENT_TYPES: tuple[type[Event], ...] = (Post, PostDeleted, EnrichedPost, Subscription, SubscriptionEnded)
EVENTS: Mapping[str, type[Event]] = {model.name(): model for model in EVENT_TYPES}
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
# (schema name, version it reads) -> a function that makes the next version out of it.
UPGRADES: dict[tuple[str, int], Upgrade] = {
    ("EnrichedPost", 1): lambda fields: {**fields, "schema_version": 2},  # 2 adds what its photo shows
}


def encode(event: Event) -> bytes:
    """The event as UTF-8 JSON."""
    return orjson.dumps(event.model_dump(mode="json", exclude_none=True))


def headers_of(event: Event, trace: str | None = None) -> list[tuple[str, bytes]]:
    """Kafka headers: schema name, schema version and a trace id (a new one if none is given)."""
    return [
        ("schema", event.name().encode()),
        ("version", str(event.version).encode()),
        ("trace", (trace or uuid.uuid4().hex).encode()),
    ]


def decode(raw: bytes, *accepted: type[Event], schema: str | None = None) -> Any:
    """The event in `raw`, upgraded to this release's version.

    `schema` is the header's name; without it there must be one accepted type. Raises MalformedRecord or
    UnknownSchema, whose text goes to the dead letters.
    """
    name = schema or (accepted[0].name() if len(accepted) == 1 else None)
    model = EVENTS.get(name or "")
    if model is None or model not in accepted:
        wanted = ", ".join(m.name() for m in accepted)
        raise UnknownSchema(f"schema {name!r} is not read here (expected {wanted}); check the `schema` header")
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRecord(f"{name} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise MalformedRecord(f"{name} must be a JSON object, not {type(fields).__name__}")
    version = fields.get("schema_version", 1)
    while isinstance(version, int) and version < model.version and (name, version) in UPGRADES:
        fields = UPGRADES[(str(name), version)](fields)
        version = fields["schema_version"]
    if version != model.version:
        raise UnknownSchema(f"{name} version {version!r} cannot be read; this release reads up to {model.version}")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the record"
        raise MalformedRecord(f"{name}: {where}: {first['msg']}") from error


POINT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "stormpetrel")


def point_id(entity_id: str) -> str:
    """The id of an entity's point in the vector index: UUIDv5 of its own id.

    >>> point_id("x:1460") == point_id("x:1460")
    True
    """
    return str(uuid.uuid5(POINT_NAMESPACE, entity_id))

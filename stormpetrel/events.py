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
    origin: Literal["native", "gazetteer", "context"]
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

    version: ClassVar[int] = 3
    schema_version: int = 3
    post: Post
    clean_text: str
    language: str
    language_confidence: Annotated[float, Field(ge=0, le=1)]
    copy_of: str | None = None
    similarity: Annotated[float, Field(ge=0, le=1)] | None = None
    places: tuple[Place, ...] = ()
    unresolved_names: tuple[UnresolvedName, ...] = ()
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


ProductName = Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]
Platform = Literal["sentinel-1", "sentinel-2"]


class Checksum(Frozen):
    """What a product's file must hash to."""

    algorithm: Literal["md5", "sha256", "blake3"]
    value: str


class ProductAnnounced(Event):
    """A Sentinel product exists, or has changed (topic `products.announced`, key `product_name`).

    `product_name` is the same whichever source tells of it. `footprint` is a GeoJSON (Multi)Polygon, split where it
    crosses the antimeridian. `location` is a folder, file or archive (a path, `https://` or `s3://`); `assets` names
    its files one by one where the source does. `cloud_cover` is in per cent. `reflectance_offset` is what is to be
    added to a Sentinel-2 product's digital numbers, where the source knows better than the product's own metadata.
    `revision` changes when the product does.
    """

    product_name: ProductName
    platform: Platform
    product_type: str
    sensed_from: Moment
    sensed_until: Moment
    footprint: dict[str, Any]
    published_at: Moment | None = None
    cloud_cover: Annotated[float, Field(ge=0, le=100)] | None = None
    relative_orbit: int | None = None
    orbit_direction: Literal["ascending", "descending"] | None = None
    location: str | None = None
    assets: dict[str, str] = {}
    reflectance_offset: int | None = None
    checksum: Checksum | None = None
    size: int | None = None
    revision: str = ""
    source: str
    announced_at: Moment


class ProductWithdrawn(Event):
    """A product was taken back: its patches leave every view (topic `products.announced`)."""

    product_name: ProductName
    source: str
    withdrawn_at: Moment


class NewWater(Frozen):
    """Water that an earlier image of the same ground does not have: share of the known pixels, and how sure (0 to
    1)."""

    share: Annotated[float, Field(ge=0, le=1)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    sensor: Platform
    before: ProductName


class PatchDescribed(Event):
    """A square of ground as one scene saw it (topic `patches.described`, key `scene_id`).

    `sar_vector` (144), `ms_vector` (128) and `fused_vector` (272) are unit vectors; a half that was not there has none.
    `earth_vector` is the embedding of an Earth-observation model, where one is configured.
    `side` is in pixels of 10 m, `row` and `column` count squares of that side from the corner of the UTM zone,
    northwards and eastwards, so that the same ground is the same square in every scene. `ring` is (longitude,
    latitude), closed.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    patch_id: Annotated[str, Field(min_length=3, max_length=512)]
    scene_id: str
    s1_product: ProductName | None = None
    s2_product: ProductName | None = None
    sensed_at: Moment
    epsg: int
    side: Annotated[int, Field(gt=0)]
    row: int
    column: int
    longitude: Longitude
    latitude: Latitude
    ring: tuple[tuple[float, float], ...]
    nodata_share: Annotated[float, Field(ge=0, le=1)]
    cloud_share: Annotated[float, Field(ge=0, le=1)] | None = None
    water_share: Annotated[float, Field(ge=0, le=1)] | None = None
    new_water: NewWater | None = None
    statistics: dict[str, float] = {}
    sar_vector: Vector | None = None
    ms_vector: Vector | None = None
    fused_vector: Vector | None = None
    earth_vector: Vector | None = None
    described_at: Moment


class PatchWithdrawn(Event):
    """A patch is gone, or a better one (of a pair) stands for its ground (topic `patches.described`)."""

    patch_id: Annotated[str, Field(min_length=3, max_length=512)]
    withdrawn_at: Moment


class SceneDescribed(Event):
    """All patches of a scene are on the log (topic `patches.described`, key `scene_id`).

    `shift_m` is what is left between the two images after registration, eastwards and northwards, in metres; `problems`
    says what could not be had (a before-image that is gone, a cloud mask). `new_water` is GeoJSON, degrees.
    `revisions` are the products' own: the same ones again are no new work.
    """

    scene_id: str
    s1_product: ProductName | None = None
    s2_product: ProductName | None = None
    before: ProductName | None = None
    sensed_at: Moment
    epsg: int
    bounds: tuple[float, float, float, float]
    footprint: dict[str, Any]
    patches: dict[str, int]
    shift_m: tuple[float, float] | None = None
    shift_certainty: float | None = None
    problems: tuple[str, ...] = ()
    new_water: dict[str, Any] | None = None
    new_water_confidence: float | None = None
    pictures: dict[str, str] = {}
    descriptors: tuple[str, ...] = ()
    revisions: dict[str, str] = {}
    described_at: Moment


class SceneWithdrawn(Event):
    """A scene is gone with its product (topic `patches.described`)."""

    scene_id: str
    withdrawn_at: Moment


PostEvent = Post | PostDeleted
EnrichedEvent = EnrichedPost | PostDeleted
EVENT_TYPES: tuple[type[Event], ...] = (
    Post, PostDeleted, EnrichedPost, Subscription, SubscriptionEnded, ProductAnnounced, ProductWithdrawn,
    PatchDescribed, PatchWithdrawn, SceneDescribed, SceneWithdrawn,
)  # fmt: skip
EVENTS: Mapping[str, type[Event]] = {model.name(): model for model in EVENT_TYPES}
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
# (schema name, version it reads) -> a function that makes the next version out of it.
UPGRADES: dict[tuple[str, int], Upgrade] = {
    ("EnrichedPost", 1): lambda fields: {**fields, "schema_version": 2},  # 2 adds what its photo shows
    ("EnrichedPost", 2): lambda fields: {**fields, "schema_version": 3},  # 3 adds what is known of its places
    ("PatchDescribed", 1): lambda fields: {**fields, "schema_version": 2},  # 2 adds an embedding
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

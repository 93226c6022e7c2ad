"""Sentinel products, and the scenes and patches described from them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stormpetrel.core.events.bounds import (
    Count,
    FieldName,
    Id,
    Integer,
    JsonObject,
    Key,
    Latitude,
    Longitude,
    Moment,
    Name,
    Several,
    Share,
)
from stormpetrel.core.events.values import Event, Frozen, Vector

ProductName = Annotated[str, Field(min_length=3, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")]
Platform = Literal["sentinel-1", "sentinel-2"]
Epsg = Annotated[int, Field(gt=0, le=1_000_000)]
Location = Annotated[str, Field(max_length=8_192)]
Files = Annotated[dict[FieldName, Location], Field(max_length=10_000)]
OrbitDirection = Literal["ascending", "descending"]
Degrees = Annotated[float, Field(ge=-540, le=540)]  # a ring across the antimeridian goes beyond 180


class Checksum(Frozen):
    """The hash that a product's file must have."""

    algorithm: Literal["md5", "sha256", "blake3"]
    value: Key


class ProductAnnounced(Event):
    """A Sentinel product exists, or has changed (topic `products.announced`, key `product_name`).

    `product_name` is the same in every source. `footprint` is a GeoJSON (Multi)Polygon, split where it crosses the
    antimeridian. `location` is a folder, file or archive (a path, `https://` or `s3://`); `assets` lists its files one
    by one where the source does. `cloud_cover` is in per cent. `reflectance_offset` is added to a Sentinel-2 product's
    digital numbers, where the source overrides the product's own metadata. `revision` changes when the product does.
    """

    product_name: ProductName
    platform: Platform
    product_type: Key
    sensed_from: Moment
    sensed_until: Moment
    footprint: JsonObject
    published_at: Moment | None = None
    cloud_cover: Annotated[float, Field(ge=0, le=100)] | None = None
    relative_orbit: Count | None = None
    orbit_direction: OrbitDirection | None = None
    location: Location | None = None
    assets: Files = Field(default_factory=dict)
    reflectance_offset: Integer | None = None
    checksum: Checksum | None = None
    size: Count | None = None
    revision: Key = ""
    source: Key
    announced_at: Moment


class ProductWithdrawn(Event):
    """A product was withdrawn: its patches leave every projection (topic `products.announced`)."""

    product_name: ProductName
    source: Key
    withdrawn_at: Moment


class NewWater(Frozen):
    """Water that the reference image does not show: its share of the valid pixels, and its confidence (0 to 1)."""

    share: Share
    confidence: Share
    sensor: Platform
    reference: ProductName


class PatchDescribed(Event):
    """A patch of one scene (topic `patches.described`, key `scene_id`).

    `sar_vector` (144), `ms_vector` (128) and `fused_vector` (272) are unit vectors; one whose image is missing is None.
    `earth_vector` is the embedding of an Earth-observation model, where one is configured. `scale_level` is the patch's
    size in pixels of 10 m; `row` and `column` count patches of that size from the corner of the UTM zone, northwards
    and eastwards, so that the same footprint has the same numbers in every scene. `ring` is (longitude, latitude),
    closed. `sensed_at` and `orbit_direction` are those of the radar image, or of the optical one where it is alone.
    """

    version: ClassVar[int] = 4
    schema_version: int = 4
    patch_id: Id
    scene_id: Id
    s1_product: ProductName | None = None
    s2_product: ProductName | None = None
    sensed_at: Moment
    orbit_direction: OrbitDirection | None = None
    epsg: Epsg
    scale_level: Annotated[Count, Field(gt=0)]
    row: Integer
    column: Integer
    longitude: Longitude
    latitude: Latitude
    ring: Several[tuple[Degrees, Degrees]]
    nodata_share: Share
    cloud_share: Share | None = None
    water_share: Share | None = None
    new_water: NewWater | None = None
    statistics: Annotated[dict[FieldName, float], Field(max_length=1_000)] = Field(default_factory=dict)
    sar_vector: Vector | None = None
    ms_vector: Vector | None = None
    fused_vector: Vector | None = None
    earth_vector: Vector | None = None
    described_at: Moment


class PatchWithdrawn(Event):
    """A patch is gone, or one of a pair has replaced it (topic `patches.described`)."""

    patch_id: Id
    withdrawn_at: Moment


class SceneDescribed(Event):
    """All patches of a scene are on the log (topic `patches.described`, key `scene_id`).

    `shift_m` is the residual shift of the two images after registration, eastwards and northwards, in metres;
    `problems` lists what was missing (a reference image, a cloud mask). `new_water` is GeoJSON, degrees. `revisions`
    are the products': a scene of the same revisions is not described again. `sensed_at` and `orbit_direction` are as
    in its patches.
    """

    version: ClassVar[int] = 3
    schema_version: int = 3
    scene_id: Id
    s1_product: ProductName | None = None
    s2_product: ProductName | None = None
    reference: ProductName | None = None
    sensed_at: Moment
    orbit_direction: OrbitDirection | None = None
    epsg: Epsg
    bounds: tuple[float, float, float, float]
    footprint: JsonObject
    patches: Annotated[dict[FieldName, Count], Field(max_length=1_000)]
    shift_m: tuple[float, float] | None = None
    shift_certainty: float | None = None
    problems: Several[Name] = ()
    new_water: JsonObject | None = None
    new_water_confidence: float | None = None
    pictures: Files = Field(default_factory=dict)
    descriptors: Several[Key] = ()
    revisions: Annotated[dict[FieldName, Key], Field(max_length=1_000)] = Field(default_factory=dict)
    described_at: Moment


class SceneWithdrawn(Event):
    """A scene is gone with its product (topic `patches.described`)."""

    scene_id: Id
    withdrawn_at: Moment

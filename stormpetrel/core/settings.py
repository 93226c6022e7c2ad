"""One typed settings tree: `config/stormpetrel.yaml`, then `STORMPETREL_*` variables on top.

A nested value is set by two underscores: `STORMPETREL_KAFKA__BOOTSTRAP=broker:9092`. Another file is named by
`STORMPETREL_CONFIG`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from stormpetrel.core.incident_settings import Alerting, Detection
from stormpetrel.core.photo_settings import Photos, VisualModel
from stormpetrel.core.privacy_settings import Privacy, Retention
from stormpetrel.core.security_settings import Access, KafkaSecurity, Section
from stormpetrel.core.source_settings import Sources, X

CONFIG_DIRECTORY = Path(__file__).resolve().parents[2] / "config"


class TopicSettings(Section):
    """Of one topic: partitions when it is made, and days that it keeps records (-1: for ever)."""

    partitions: int | None = Field(None, ge=1)
    retention_days: float | None = Field(None, ge=-1)


class Kafka(Section):
    """The broker, and how topics are made. `topics` are exceptions, by the topic's name. A compacted topic drops a
    record that another has replaced within `compacted_within_days`."""

    bootstrap: str = "127.0.0.1:9092"
    replication_factor: int = Field(1, ge=1)
    min_insync_replicas: int = Field(1, ge=1)
    compacted_within_days: float = Field(7.0, gt=0)
    topics: dict[str, TopicSettings] = Field(default_factory=dict)
    group_prefix: str = "stormpetrel"
    stalled_after_s: float = Field(45, gt=0)
    security: KafkaSecurity = KafkaSecurity()


class Mongo(Section):
    """The document store. With `tls` its certificate is checked against `ca_file`, or the system's. `write_concern` is
    how many members must hold a write, or "majority"."""

    url: str = "mongodb://127.0.0.1:27017"
    database: str = "stormpetrel"
    user: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None
    write_concern: Annotated[int, Field(ge=1)] | Literal["majority"] = "majority"
    timeout_s: float = Field(30, gt=0, le=600)


class Compressed(Section):
    """How dense vectors are searched: see the table in docs/retrieval.md."""

    kind: Literal["none", "scalar", "product", "binary"] = "none"
    rescore: bool = True
    oversampling: float = Field(2.0, ge=1, le=20)
    ef: int = Field(128, ge=10, le=4096)


class Qdrant(Section):
    """The vector index. The certificate of an `https` URL is checked against `ca_file`, or the system's. `shards`,
    `replication_factor`, `write_consistency` and `on_disk` hold for collections that are made from then on; none means
    the server's own."""

    url: str = "http://127.0.0.1:6333"
    api_key: SecretStr | None = None
    ca_file: Path | None = None
    collection_prefix: str = ""
    timeout_s: float = Field(10, gt=0, le=600)
    compression: Compressed = Compressed()
    shards: int | None = Field(None, ge=1)
    replication_factor: int | None = Field(None, ge=1)
    write_consistency: int | None = Field(None, ge=1)
    on_disk: bool = False


class Inference(Section):
    """What computes the exported models. `auto` is OpenVINO where it is installed and takes the graph, else ONNX
    Runtime; the vectors of both may lie in one collection."""

    runtime: Literal["auto", "openvino", "onnxruntime"] = "auto"


class TextModel(Section):
    """`threads`, here and of the other models: None means as many as the process may use cores."""

    name: str = "all-MiniLM-L6-v2"
    batch_size: int = Field(16, ge=1, le=256)
    threads: int | None = Field(None, ge=1)


class Lexicon(Section):
    """Word lists of your own, beside the project's, that gloss texts for a text model that knows English alone. They
    lie in `directory`, a table for each language: `it.tsv`, `it.mine.tsv`."""

    directory: Path = Path(".stormpetrel/lexicon")


class Worker(Section):
    batch: int = Field(64, ge=1, le=1000)
    batch_within_s: float = Field(0.05, gt=0)
    duplicate_window: int = Field(20_000, ge=1)
    duplicate_similarity: float = Field(0.8, gt=0, le=1)
    probe_port: int = Field(6066, ge=0)


class Matching(Section):
    """How new posts are matched with saved searches. `kept` is how many matches of a saved search an API process holds
    in memory for listeners that come back; older ones are read from the log."""

    batch_within_s: float = Field(0.1, gt=0)
    kept: int = Field(200, ge=1, le=10_000)


class Index(Section):
    """`judged_days`: when a model changes, items of so many days are judged anew; none: everything that is kept."""

    batch: int = Field(500, ge=1, le=5000)
    batch_within_s: float = Field(0.25, gt=0)
    probe_port: int = Field(6067, ge=0)
    judged_days: float | None = Field(None, gt=0)


class Api(Section):
    """`tile_threads` draw the map tiles of scenes, and `tile_cache_mb` of drawn tiles are kept in memory."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0)
    list_depth: int = Field(100, ge=10, le=1000)
    tile_threads: int = Field(2, ge=1, le=64)
    tile_cache_mb: float = Field(64.0, ge=0, le=100_000)


class Places(Section):
    """How names of places are found and resolved. `gazetteer` is a folder with a dump of GeoNames, beside the installed
    one; `tagger` a spaCy pipeline of your own; `recent_h` how long the posts before speak for those after;
    `searched_characters` and `within_s` what the places of one post may cost."""

    gazetteer: Path | None = None
    tagger: Path | None = None
    recent_h: float = Field(24.0, gt=0)
    searched_characters: int = Field(5000, ge=1, le=20_000)
    within_s: float = Field(1.0, gt=0)


class Imagery(Section):
    """Which Sentinel products are worked on, and how. `area` is west, south, east, north in degrees; none: everywhere.
    `earth_model` is the folder of a model whose embedding every patch gets too. Products are read from `allowed_hosts`
    and `private_hosts` alone (host or host:port), and `token` is sent to `token_host` alone."""

    area: tuple[float, float, float, float] | None = None
    most_cloud: float = Field(80.0, ge=0, le=100)
    pair_within_h: float = Field(72.0, gt=0)
    reference_within_days: float = Field(60.0, gt=0)
    scale_levels: tuple[int, ...] = (480, 240, 120)
    directory: Path = Path(".stormpetrel/imagery")
    permanent_water: Path | None = None
    slope: Path | None = None
    hand: Path | None = None
    earth_model: Path | None = None
    earth_model_threads: int | None = Field(None, ge=1)
    largest_download_gb: float = Field(12.0, gt=0)
    allowed_hosts: tuple[str, ...] = (
        "*.dataspace.copernicus.eu",
        "sentinel-cogs.s3.us-west-2.amazonaws.com",
        "sentinel2l2a01.blob.core.windows.net",
        "sentinel1euwest.blob.core.windows.net",
        "sentinel1euwestrtc.blob.core.windows.net",
    )
    private_hosts: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    token: SecretStr | None = None
    token_host: str = "download.dataspace.copernicus.eu"
    s3_endpoint: str | None = "https://eodata.dataspace.copernicus.eu"
    probe_port: int = Field(6069, ge=0)


class Catalogue(Section):
    """Where notices of new products are fetched. `user` and `password` are those of the Data Space; `secret` is what a
    push must carry."""

    stac_url: str = "https://stac.dataspace.copernicus.eu/v1"
    stac_collections: tuple[str, ...] = ("sentinel-1-grd", "sentinel-2-l2a")
    odata_url: str = "https://catalogue.dataspace.copernicus.eu/odata/v1"
    subscriptions_url: str = "https://catalogue.dataspace.copernicus.eu/odata/v1"
    identity_url: str = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
    subscription_id: str | None = None
    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    secret: SecretStr | None = None
    folder: Path | None = None
    every_s: float = Field(60.0, gt=0)
    since_h: float = Field(24.0, gt=0)
    requests_per_minute: int = Field(300, ge=1)
    probe_port: int = Field(6070, ge=0)


class Local(Section):
    directory: Path = Path(".stormpetrel")
    kafka_port: int = 9092
    kafka_controller_port: int = 9093
    mongo_port: int = 27017
    qdrant_port: int = 6333


class Settings(BaseSettings):
    """Everything that can be set, with what holds if nothing is."""

    model_config = SettingsConfigDict(
        env_prefix="STORMPETREL_",
        env_nested_delimiter="__",
        extra="ignore",
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,  # it may be a secret
    )

    kafka: Kafka = Kafka()
    mongo: Mongo = Mongo()
    qdrant: Qdrant = Qdrant()
    inference: Inference = Inference()
    text_model: TextModel = TextModel()
    lexicon: Lexicon = Lexicon()
    visual_model: VisualModel = VisualModel()
    photos: Photos = Photos()
    worker: Worker = Worker()
    matching: Matching = Matching()
    index: Index = Index()
    alerting: Alerting = Alerting()
    detection: Detection = Detection()
    api: Api = Api()
    access: Access = Access()
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    api_key: SecretStr | None = None
    x: X = X()
    sources: Sources = Sources()
    places: Places = Places()
    imagery: Imagery = Imagery()
    catalogue: Catalogue = Catalogue()
    local: Local = Local()
    cache: Path = Path(".stormpetrel/cache")
    probe_host: str = "127.0.0.1"

    @property
    def local_kafka(self) -> Kafka:
        """The broker of the local stack."""
        address = f"127.0.0.1:{self.local.kafka_port}"
        return self.kafka.model_copy(update={"bootstrap": address, "security": KafkaSecurity()})

    @property
    def models(self) -> Path:
        """Where exported models lie."""
        return self.cache / "models"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        chosen = os.environ.get("STORMPETREL_CONFIG", str(CONFIG_DIRECTORY / "stormpetrel.yaml"))
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=chosen)

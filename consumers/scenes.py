"""products.announced -> patches.described: pairs a product with its partner, and has the scene read, cut and described.

A scene's events are published when all of it is described: a file that breaks in the middle leaves nothing behind. A
crash before the commit does the scene again, under the same ids.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import shapely
import structlog

from consumers.known_products import KnownProducts
from stormpetrel.bootstrap import picture_folder
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadProduct, StoreUnavailable, StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, SceneWithdrawn
from stormpetrel.core.ports import Document, DocumentReader, EventProducer
from stormpetrel.core.settings import Imagery, Settings
from stormpetrel.core.topics import PATCHES_DESCRIBED, PRODUCTS_ANNOUNCED
from stormpetrel.imagery.pairing import Rules, scenes_of
from stormpetrel.imagery.patches.earth_model import EarthModel, read_earth_manifest
from stormpetrel.imagery.readers.gdal import require_gdal
from stormpetrel.imagery.readers.locations import Gate
from stormpetrel.imagery.types import Scene
from stormpetrel.log import BatchConsumer, Record, Rejected
from stormpetrel.log.batch_consumer import LONGEST_WORK_S
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.lag import GroupOffsets, LagMonitor
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.models.graph import Runtime
from stormpetrel.process.metrics import SCENE_SECONDS, SCENES, model_in_use
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.downloads import Downloads
from stormpetrel.stores.egress_proxy import EgressProxy
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.objects import point_gdal_to

log = structlog.get_logger()
STAGE = "scenes"
MOST_ATTEMPTS = 3
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)


class Attempts:
    """Counts, in files, how often a record was begun: one that has ended the process each time is given up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def counted(self, record: Record) -> Iterator[None]:
        """Raises BadProduct where this record was begun `MOST_ATTEMPTS` times and never ended, well or badly."""
        file = self._folder / f"{record.topic}-{record.partition}-{record.offset}"
        count = len(file.read_bytes()) if file.exists() else 0
        if count >= MOST_ATTEMPTS:
            file.unlink()
            raise BadProduct(
                f"describing it has ended the process {count} times: is the memory enough, and the product whole? "
                "Then: stormpetrel dead replay products.announced"
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as out:
                out.write(b".")
        except OSError as error:
            raise StoreUnavailable(f"imagery.directory cannot be written: {error}") from error
        try:
            yield
        finally:
            file.unlink(missing_ok=True)  # it ended, and the process lives


@contextmanager
def products_fault() -> Iterator[None]:
    """What a reader stumbles over is the product's fault (BadProduct), so that it does not stop those behind it. A full
    disk is not: StoreUnavailable."""
    try:
        yield
    except StormpetrelError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_IS_FULL:
            raise StoreUnavailable(f"imagery.directory takes no more: {error}") from error
        log.exception("a product broke its reader")
        raise BadProduct(f"its reader broke: {type(error).__name__}: {error}") from error


class SceneWork:
    """Works on one product at a time: describes its scenes, or withdraws them."""

    def __init__(
        self,
        settings: Imagery,
        producer: EventProducer,
        known_products: KnownProducts,
        documents: DocumentReader,
        downloads: Downloads,
        runtime: Runtime = "auto",
    ) -> None:
        self._settings, self._runtime = settings, runtime
        area = shapely.box(*settings.area) if settings.area else None
        reference_within = timedelta(days=settings.reference_within_days)
        self._rules = Rules(timedelta(hours=settings.pair_within_h), reference_within, area)
        self._producer, self._known_products = producer, known_products
        self._documents, self._downloads = documents, downloads
        self._attempts = Attempts(settings.directory / "attempts")
        self._broken: set[tuple[str, str]] = set()
        self._withdrawn_scenes: set[str] = set()  # since they were last described; the store may not know it yet
        self._earth_model: EarthModel | None = None

    def __call__(self, records: Sequence[Record]) -> list[Rejected]:
        """The products that cannot be worked on. Raises StoreUnavailable where a store or the broker is down."""
        rejected: list[Rejected] = []
        for record in records:
            try:
                with self._attempts.counted(record), products_fault():
                    event = record.decode(ProductAnnounced, ProductWithdrawn)
                    if isinstance(event, ProductAnnounced):
                        self._describe_product(event)
                    else:
                        self._withdraw(event)
            except StormpetrelError as error:
                if error.is_temporary:
                    raise
                rejected.append(Rejected(record, str(error)))
        SCENES.labels("dead").inc(len(rejected))
        return rejected

    def _describe_product(self, product: ProductAnnounced) -> None:
        if self._too_cloudy(product):
            log.info("too many clouds", product=product.product_name, cloud_cover=product.cloud_cover)
            SCENES.labels("cloudy").inc()
            return
        candidates = [other for other in self._known_products.catch_up() if not self._too_cloudy(other)]
        latest = {other.product_name: other for other in candidates}.get(product.product_name)
        if latest is not None and latest.revision > product.revision:
            return  # a newer notification of it is on its way
        self._describe_scenes(product, self._without_broken(candidates))

    def _describe_scenes(self, product: ProductAnnounced, candidates: list[ProductAnnounced]) -> None:
        """Describes every scene of a product. If a scene fails, its partner may be at fault: it is tried without.

        Raises BadProduct where the product itself is at fault.
        """
        scenes = scenes_of(product, candidates, self._rules)
        if not scenes:
            SCENES.labels("elsewhere").inc()
        for scene in scenes:
            try:
                self._describe(scene)
            except BadProduct as error:
                names = (member.product_name for member in scene.products)
                partner = next((name for name in names if name != product.product_name), None)
                if partner is None:
                    self._broken.add(_version(product))
                    raise
                log.warning("retrying without the partner", product=product.product_name, partner=partner)
                self._describe_scenes(product, [other for other in candidates if other.product_name != partner])
                self._broken |= {_version(member) for member in scene.products if member.product_name == partner}
                log.warning("a partner is broken and left out", partner=partner, reason=str(error))
                return

    def _too_cloudy(self, product: ProductAnnounced) -> bool:
        return product.cloud_cover is not None and product.cloud_cover > self._settings.most_cloud

    def _without_broken(self, products: Iterable[ProductAnnounced]) -> list[ProductAnnounced]:
        return [product for product in products if _version(product) not in self._broken]

    def _describe(self, scene: Scene) -> None:
        # Rasters and compiled kernels take 200 MiB: a consumer that waits for products does without.
        from stormpetrel.imagery.describe import describe_scene
        from stormpetrel.imagery.scene_events import descriptor_versions, patch_events, scene_event, withdrawal_events
        from stormpetrel.imagery.water.exclusion_masks import ExclusionMasks

        revisions, model = _revisions(scene), self._open_earth_model()
        earth = model.manifest.version if model else ""
        document = {} if scene.id in self._withdrawn_scenes else self._document_of(scene.id)
        if (document.get("revisions"), document.get("descriptors")) == (revisions, list(descriptor_versions(earth))):
            SCENES.labels("known").inc()
            return  # another source announced the same product, or this was done before a restart
        with SCENE_SECONDS.time():
            masks = ExclusionMasks(self._settings.permanent_water, self._settings.slope, self._settings.hand)
            pictures = picture_folder(self._settings, scene.id)
            with products_fault():
                local_scene = self._downloads.localise(scene)
                described = describe_scene(local_scene, pictures, self._settings.scale_levels, masks, model)
            described_at = now()
            for event in patch_events(scene, described, described_at, earth):
                self._producer.publish(PATCHES_DESCRIBED, scene.id, event)
            for key, withdrawal in withdrawal_events(scene, described, described_at):
                self._producer.publish(PATCHES_DESCRIBED, key, withdrawal)
            last = scene_event(scene, described, described_at, earth).model_copy(update={"revisions": revisions})
            self._producer.publish(PATCHES_DESCRIBED, scene.id, last)
            self._producer.flush()
            self._withdrawn_scenes.discard(scene.id)
        SCENES.labels("described").inc()
        log.info("scene is described", scene=scene.id, patches=len(described.patches), problems=described.problems)

    def _open_earth_model(self) -> EarthModel | None:
        """Opened with the first scene. Raises ModelUnavailable."""
        if self._earth_model is None and self._settings.earth_model is not None:
            folder, threads = self._settings.earth_model, self._settings.earth_model_threads
            self._earth_model = EarthModel(folder, threads, self._runtime)
            model_in_use("earth", self._earth_model.manifest.version, self._earth_model.runtime)
        return self._earth_model

    def _withdraw(self, event: ProductWithdrawn) -> None:
        """Withdraws every scene of the product; its partners are described alone."""
        products = {product.product_name: product for product in self._known_products.catch_up()}
        if event.product_name in products:
            return  # it was announced again since
        scenes = self._scenes_with(event.product_name, products.values())
        for scene_id in sorted(scenes):
            withdrawal = SceneWithdrawn(scene_id=scene_id, withdrawn_at=now())
            self._producer.publish(PATCHES_DESCRIBED, scene_id, withdrawal)
        self._withdrawn_scenes |= scenes
        self._producer.flush()
        for scene_id in scenes:
            shutil.rmtree(picture_folder(self._settings, scene_id), ignore_errors=True)
        SCENES.labels("withdrawn").inc()
        partners = {name for scene_id in scenes for name in scene_id.split("|")} - {event.product_name}
        for name in sorted(partners & products.keys()):
            self._describe_scenes(products[name], self._without_broken(products.values()))

    def _scenes_with(self, product_name: str, products: Collection[ProductAnnounced]) -> set[str]:
        """The ids of a product's scenes: those that the store has, and those that were planned with the products there
        are. The store alone may be behind the log, and then has no scene of an hour ago."""
        stored = {
            document["_id"]
            for field in ("s1_product", "s2_product")
            for document in self._documents.newest("scenes", "time", 1000, {field: product_name})
        }
        last = self._known_products.last_announcement(product_name)
        planned: list[Scene] = []
        with suppress(BadProduct):  # it was a dead letter then, and has no scene
            planned = scenes_of(last, products, self._rules) if last is not None else []
        return stored | {scene.id for scene in planned} | {product_name}

    def _document_of(self, scene_id: str) -> Document:
        """Empty where the scene is not described, or one of its pictures is lost: then it is described again."""
        document = self._documents.get("scenes", [scene_id]).get(scene_id, {})
        names, folder = document.get("pictures") or {}, picture_folder(self._settings, scene_id)
        return document if all((folder / name).is_file() for name in names.values()) else {}


def _version(product: ProductAnnounced) -> tuple[str, str]:
    return product.product_name, product.revision


def _revisions(scene: Scene) -> dict[str, str]:
    """The products that a scene is made of, with their revisions: the same ones again are no new work."""
    members = [scene.radar, scene.optical, scene.radar_reference, scene.optical_reference]
    return {member.product_name: member.revision for member in members if member is not None}


def run(settings: Settings) -> None:
    """Runs the scenes consumer until SIGTERM or SIGINT."""
    set_up_log("scenes")
    require_gdal()
    readiness = Readiness("the broker")
    serve_probes(settings.imagery.probe_port, readiness, settings.probe_host)
    if settings.imagery.earth_model is not None:
        read_earth_manifest(settings.imagery.earth_model)
    documents = MongoStore.of(settings.mongo)
    known_products = KnownProducts(KafkaTopicReader(settings.kafka))
    producer = KafkaProducer(settings.kafka)
    consumer, offsets = KafkaConsumer(settings.kafka, STAGE), GroupOffsets(settings.kafka, STAGE)
    patience_s = LONGEST_WORK_S + settings.kafka.stalled_after_s  # a scene takes minutes
    LagMonitor(offsets, [PRODUCTS_ANNOUNCED], consumer.assigned, readiness, patience_s).start()
    with EgressProxy(Gate.of(settings.imagery)) as proxy:
        point_gdal_to(settings.imagery.s3_endpoint, proxy.url)
        downloads, runtime = Downloads(settings.imagery, proxy), settings.inference.runtime
        work = SceneWork(settings.imagery, producer, known_products, documents, downloads, runtime)
        BatchConsumer(consumer, producer, STAGE, work, readiness).run([PRODUCTS_ANNOUNCED.name], batch=1, within_s=0.5)
    known_products.close()

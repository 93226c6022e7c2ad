"""products.announced -> patches.described: pairs a product with its partner, and has the scene read, cut and described.

A scene's events are published when all of it is described: a file that breaks in the middle leaves nothing behind. A
crash before the commit does the scene again, under the same ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import shapely
import structlog

from consumers.known_products import KnownProducts
from stormpetrel.bootstrap import picture_folder
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadProduct, StormpetrelError
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, SceneWithdrawn
from stormpetrel.core.ports import DocumentReader, EventProducer
from stormpetrel.core.settings import Imagery, Settings
from stormpetrel.core.topics import PATCHES_DESCRIBED, PRODUCTS_ANNOUNCED
from stormpetrel.imagery.pairing import Rules, Scene, scenes_of
from stormpetrel.imagery.patches.earth_model import EarthModel, read_earth_manifest
from stormpetrel.log import BatchConsumer, Record, Rejected
from stormpetrel.log.batch_consumer import LONGEST_WORK_S
from stormpetrel.log.consumer import KafkaConsumer
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.log.topic_reader import KafkaTopicReader
from stormpetrel.process.metrics import SCENE_SECONDS, SCENES
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.downloads import Downloads
from stormpetrel.stores.mongo import MongoStore
from stormpetrel.stores.objects import point_gdal_to

log = structlog.get_logger()
STAGE = "scenes"


def rules_of(settings: Imagery) -> Rules:
    area = shapely.box(*settings.area) if settings.area else None
    return Rules(timedelta(hours=settings.pair_within_h), timedelta(days=settings.reference_within_days), area)


class SceneWork:
    """One product at a time."""

    def __init__(
        self,
        settings: Imagery,
        producer: EventProducer,
        known: KnownProducts,
        documents: DocumentReader,
        downloads: Downloads,
    ) -> None:
        self._settings, self._rules = settings, rules_of(settings)
        self._producer, self._known, self._documents, self._downloads = producer, known, documents, downloads
        self._broken: set[tuple[str, str]] = set()
        self._model: EarthModel | None = None

    def __call__(self, records: Sequence[Record]) -> list[Rejected]:
        """The products that cannot be worked on. Raises StoreUnavailable where a store or the broker is down."""
        rejected: list[Rejected] = []
        for record in records:
            try:
                event = record.decode(ProductAnnounced, ProductWithdrawn)
                if isinstance(event, ProductAnnounced):
                    self._announced(event)
                else:
                    self._withdrawn(event)
            except StormpetrelError as error:
                if error.is_temporary:
                    raise
                SCENES.labels("dead").inc()
                rejected.append(Rejected(record, str(error)))
        return rejected

    def _announced(self, product: ProductAnnounced) -> None:
        if self._too_cloudy(product):
            log.info("too many clouds", product=product.product_name, cloud_cover=product.cloud_cover)
            SCENES.labels("cloudy").inc()
            return
        known = [other for other in self._known.catch_up() if not self._too_cloudy(other)]
        latest = {other.product_name: other for other in known}.get(product.product_name)
        if latest is not None and latest.revision > product.revision:
            return  # a newer notice of it is on its way
        self._describe_all(product, [other for other in known if _version(other) not in self._broken])

    def _describe_all(self, product: ProductAnnounced, known: list[ProductAnnounced]) -> None:
        """Every scene of a product. Where one cannot be worked on, its partner may be at fault: it is tried without.
        Raises BadProduct where the product itself is."""
        work = scenes_of(product, known, self._rules)
        if not work:
            SCENES.labels("elsewhere").inc()
        for scene in work:
            try:
                self._describe(scene)
            except BadProduct as error:
                partner = next(
                    (member for member in scene.products if member.product_name != product.product_name), None
                )
                if partner is None:
                    self._broken.add(_version(product))
                    raise
                log.warning("tried without its partner", product=product.product_name, partner=partner.product_name)
                self._describe_all(product, [other for other in known if other.product_name != partner.product_name])
                self._broken.add(_version(partner))
                log.warning("a partner is broken and left out", partner=partner.product_name, reason=str(error))
                return

    def _too_cloudy(self, product: ProductAnnounced) -> bool:
        return product.cloud_cover is not None and product.cloud_cover > self._settings.most_cloud

    def _describe(self, scene: Scene) -> None:
        # Rasters and compiled kernels weigh 200 MiB: who waits for products does without.
        from stormpetrel.imagery.describe import describe_scene
        from stormpetrel.imagery.scene_events import descriptors, patch_events, replaced, scene_event
        from stormpetrel.imagery.water.exclusion_masks import GroundMasks

        before = self._documents.get("scenes", [scene.id]).get(scene.id)
        revisions, model = _revisions(scene), self._earth_model()
        earth = model.manifest.version if model else ""
        if (
            before is not None
            and before.get("revisions") == revisions
            and before.get("descriptors") == list(descriptors(earth))
        ):
            SCENES.labels("known").inc()
            return  # another source told of the same product, or this was done before a restart
        with SCENE_SECONDS.time():
            here = self._downloads.brought_here(scene)
            masks = GroundMasks(self._settings.permanent_water, self._settings.slope)
            found = describe_scene(
                here, picture_folder(self._settings, scene.id), self._settings.scale_levels, masks, model
            )
            at = now()
            for event in patch_events(scene, found, at, earth):
                self._producer.publish(PATCHES_DESCRIBED, scene.id, event)
            for key, gone in replaced(scene, found, at):
                self._producer.publish(PATCHES_DESCRIBED, key, gone)
            done = scene_event(scene, found, at, earth).model_copy(update={"revisions": revisions})
            self._producer.publish(PATCHES_DESCRIBED, scene.id, done)
            self._producer.flush()
        SCENES.labels("described").inc()
        log.info("scene is described", scene=scene.id, patches=len(found.patches), problems=found.problems)

    def _earth_model(self) -> EarthModel | None:
        """Opened with the first scene. Raises ModelUnavailable."""
        if self._model is None and self._settings.earth_model is not None:
            self._model = EarthModel(self._settings.earth_model)
        return self._model

    def _withdrawn(self, event: ProductWithdrawn) -> None:
        """Takes back every scene that the product is in; its partner goes on alone."""
        known = {other.product_name: other for other in self._known.catch_up()}
        if event.product_name in known:
            return  # it was announced again since
        partners = set()
        for field in ("s1_product", "s2_product"):
            for document in self._documents.newest("scenes", "time", 1000, {field: event.product_name}):
                gone = SceneWithdrawn(scene_id=document["_id"], withdrawn_at=now())
                self._producer.publish(PATCHES_DESCRIBED, gone.scene_id, gone)
                partners |= {document["s1_product"], document["s2_product"]} - {event.product_name, None}
        self._producer.flush()
        SCENES.labels("withdrawn").inc()
        for name in sorted(partners):
            if name in known:
                self._describe_all(
                    known[name], [other for other in known.values() if _version(other) not in self._broken]
                )


def _version(product: ProductAnnounced) -> tuple[str, str]:
    return product.product_name, product.revision


def _revisions(scene: Scene) -> dict[str, str]:
    """What a scene was made of, to the revision: the same again is no work."""
    members = [scene.radar, scene.optical, scene.radar_before, scene.optical_before]
    return {member.product_name: member.revision for member in members if member is not None}


def run(settings: Settings) -> None:
    """Runs the scenes consumer until SIGTERM or SIGINT."""
    set_up_log("scenes")
    readiness = Readiness("the broker")
    serve_probes(settings.imagery.probe_port, readiness, settings.probe_host)
    point_gdal_to(settings.imagery.s3_endpoint)
    if settings.imagery.earth_model is not None:
        read_earth_manifest(settings.imagery.earth_model)
    documents = MongoStore(settings.mongo.url, settings.mongo.database)
    known = KnownProducts(KafkaTopicReader(settings.kafka))
    producer = KafkaProducer(settings.kafka)
    work = SceneWork(settings.imagery, producer, known, documents, Downloads.of(settings.imagery))
    consumer = KafkaConsumer(settings.kafka, STAGE, LONGEST_WORK_S)
    BatchConsumer(consumer, producer, STAGE, work, readiness).run([PRODUCTS_ANNOUNCED.name], batch=1, within_s=0.5)
    known.close()

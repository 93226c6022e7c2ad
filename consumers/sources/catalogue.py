"""Polls catalogues for Sentinel products: CDSE's subscription queue, CDSE's OData, any STAC API; and a watched folder.

A cursor (the newest publication seen) is written to the document store after Kafka holds what it stands for, so that a
restart goes on where it was; what is told twice is one product. Queue entries are acknowledged only then as well.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from consumers.sources.back_off import BackOff
from consumers.sources.catalogue_requests import LONGEST_WAIT_S, CatalogueBusy, CatalogueRequests, raise_if_busy
from consumers.sources.watched_folder import WatchedFolder
from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, SetupError, StoreUnavailable
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.core.ports import DocumentStore
from stormpetrel.core.settings import Catalogue, Imagery, Settings
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue import stac_api as stac
from stormpetrel.imagery.catalogue.product_publisher import ProductEvent, ProductPublisher
from stormpetrel.imagery.readers.gdal import require_gdal
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.process.probes import Readiness, serve_probes
from stormpetrel.process.process_log import set_up_log
from stormpetrel.stores.mongo import MongoStore

log = structlog.get_logger()
PAGE = 100
LONGEST_LOOK_S = 600.0  # without a sign of life
QUEUE_PAGE = 20  # CDSE gives no more at a time
OVERLAP = timedelta(minutes=5)  # a catalogue may show a product some minutes after its own publication time


class Cursors(Protocol):
    """How far each catalogue has been read."""

    def read(self, source: str) -> datetime | None: ...

    def write(self, source: str, at: datetime) -> None: ...


@dataclass(frozen=True)
class StoredCursors:
    """Cursors in the document store. Both raise StoreUnavailable."""

    documents: DocumentStore

    def read(self, source: str) -> datetime | None:
        cursor = self.documents.get("cursors", [source]).get(source)
        return datetime.fromisoformat(cursor["at"]) if cursor else None

    def write(self, source: str, at: datetime) -> None:
        self.documents.upsert("cursors", [{"_id": source, "at": at.isoformat()}])


@dataclass(frozen=True)
class CataloguePoller:
    """One look a call at one of the configured catalogues. Each raises StoreUnavailable."""

    settings: Catalogue
    imagery: Imagery
    publisher: ProductPublisher
    cursors: Cursors
    requests: CatalogueRequests

    def stac(self) -> None:
        """What a STAC API has created or updated since the cursor."""
        url = self.settings.stac_url
        self._publish_since("stac", self._stac_items, stac.item, lambda record: f"{url}#{record.get('id')}")

    def odata(self) -> None:
        """What CDSE's OData catalogue has published since the cursor."""
        self._publish_since("odata", self._odata_products, cdse.product, lambda record: f"odata/{record.get('Id')}")

    def cdse(self) -> None:
        """Empties CDSE's pull queue; an entry is acknowledged after Kafka holds its event."""
        if self.settings.subscription_id is None:
            raise SetupError("catalogue.subscription_id is not set: make a pull subscription at CDSE and name it here")
        address = f"{self.settings.subscriptions_url}/Subscriptions({self.settings.subscription_id})"
        while True:
            entries = self.requests.get(f"{address}/Read", {"$top": QUEUE_PAGE})
            records = entries if isinstance(entries, list) else entries.get("value") or []
            if not records:
                return
            for record in records:
                self.publisher.take(record, self._notified, f"subscription/{record.get('ProductId')}")
            self.publisher.flush()
            for record in records:
                self.requests.send("POST", f"{address}/Ack", {"$ackid": record.get("AckId")})

    def _publish_since(
        self,
        source: str,
        records_since: Callable[[datetime], Iterable[dict[str, Any]]],
        parse: Callable[[dict[str, Any], datetime], ProductEvent | None],
        provenance: Callable[[dict[str, Any]], str],
    ) -> None:
        """Publishes a catalogue's records and moves its cursor, in this order."""
        since = self.cursors.read(source) or now() - timedelta(hours=self.settings.since_h)
        newest = since
        for record in records_since(since):
            event = self.publisher.take(record, lambda value: parse(value, now()), provenance(record))
            if isinstance(event, ProductAnnounced) and event.published_at is not None:
                newest = max(newest, event.published_at)
        self.publisher.flush()
        self.cursors.write(source, max(since, newest - OVERLAP))

    def _stac_items(self, since: datetime) -> Iterator[dict[str, Any]]:
        from pystac_client import Client
        from pystac_client.exceptions import APIError

        try:
            client = Client.open(self.settings.stac_url, request_modifier=self.requests.modify)
            yield from client.search(
                collections=list(self.settings.stac_collections),
                bbox=list(self.imagery.area) if self.imagery.area else None,
                datetime=f"{(since - timedelta(days=2)).isoformat()}/..",
                limit=PAGE,
            ).items_as_dicts()
        except APIError as error:
            raise_if_busy(error.status_code or 0, {}, self.settings.stac_url)
            raise StoreUnavailable(f"the STAC API at {self.settings.stac_url} answers: {error}") from error
        except (OSError, KeyError, ValueError) as error:
            raise StoreUnavailable(
                f"the STAC API at {self.settings.stac_url} does not answer as one: {error}"
            ) from error

    def _odata_products(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Page by page."""
        wanted = [f"PublicationDate gt {since.strftime('%Y-%m-%dT%H:%M:%S.000Z')}"]
        if self.imagery.area:
            west, south, east, north = self.imagery.area
            ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
            wanted.append(f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')")
        address: str | None = f"{self.settings.odata_url}/Products"
        query: dict[str, Any] | None = {
            "$filter": " and ".join(wanted),
            "$orderby": "PublicationDate asc",
            "$top": PAGE,
            "$expand": "Attributes",
        }
        while address:
            answer = self.requests.get(address, query)
            yield from answer.get("value") or []
            address, query = answer.get("@odata.nextLink"), None

    def _notified(self, entry: dict[str, Any]) -> ProductEvent | None:
        """What a queue entry says; one that has lost its product is asked for."""
        try:
            return cdse.notification(entry, now())
        except cdse.MissingProduct as lost:
            if entry.get("SubscriptionEvent") == "deleted":
                raise
            address = f"{self.settings.odata_url}/Products({quote(lost.product_id, safe='')})"
            try:
                return cdse.product(self.requests.get(address, {"$expand": "Attributes"}), now(), "cdse")
            except MalformedRecord:
                raise lost from None


def run(settings: Settings, name: str) -> None:
    """Runs one source (stac, odata, cdse, folder) until SIGTERM or SIGINT."""
    set_up_log(f"source-{name}")
    readiness = Readiness("the first look")
    serve_probes(settings.catalogue.probe_port, readiness, settings.probe_host)
    stop_requested = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_requested.set())
    catalogue, publisher = settings.catalogue, ProductPublisher(KafkaProducer(settings.kafka), name)
    if name != "folder":
        cursors, requests = StoredCursors(MongoStore.of(settings.mongo)), CatalogueRequests.of(catalogue)
        look = getattr(CataloguePoller(catalogue, settings.imagery, publisher, cursors, requests), name)
    elif catalogue.folder is None:
        raise SetupError("catalogue.folder is not set: name the folder to watch")
    else:
        require_gdal()
        look = WatchedFolder(catalogue.folder, publisher).look
    every = min(catalogue.every_s, 1.0) if name == "folder" else catalogue.every_s
    back_off, wait_s = BackOff(LONGEST_WAIT_S), 0.0
    readiness.beat(LONGEST_LOOK_S)
    while not stop_requested.wait(wait_s):
        wait_s = every
        try:
            look()
            readiness.ready()
            back_off.reset()
        except StoreUnavailable as error:
            wait_s = back_off.next_wait_s(error.wait_s if isinstance(error, CatalogueBusy) else None)
            readiness.waits_for(str(error))
            log.warning("a catalogue or a store does not answer", error=str(error), again_in_s=round(wait_s, 1))
        readiness.beat(wait_s + LONGEST_LOOK_S)

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
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson
import structlog

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord, SetupError, StoreUnavailable
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
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
from stormpetrel.stores.tokens import Tokens

log = structlog.get_logger()
PAGE = 100
QUEUE_PAGE = 20  # CDSE gives no more at a time
OVERLAP = timedelta(minutes=5)  # a catalogue may show a product some minutes after its own publication time
SUFFIXES = (".safe", ".zip", ".tif", ".tiff")
ROUNDS_OF_REST = 2  # a folder's product is announced when it has not changed for so many looks


@dataclass(frozen=True)
class CataloguePoller:
    """One look a call at one of the configured catalogues. Each raises StoreUnavailable."""

    settings: Catalogue
    imagery: Imagery
    publisher: ProductPublisher
    documents: DocumentStore
    tokens: Tokens

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
            entries = self._get(f"{address}/Read", {"$top": QUEUE_PAGE})
            records = entries if isinstance(entries, list) else entries.get("value") or []
            if not records:
                return
            for record in records:
                self.publisher.take(record, self._notified, f"subscription/{record.get('ProductId')}")
            self.publisher.flush()
            for record in records:
                self._send("POST", f"{address}/Ack", {"$ackid": record.get("AckId")})

    def _publish_since(
        self,
        source: str,
        records_since: Callable[[datetime], Iterable[dict[str, Any]]],
        parse: Callable[[dict[str, Any], datetime], ProductEvent | None],
        provenance: Callable[[dict[str, Any]], str],
    ) -> None:
        """Publishes a catalogue's records and moves its cursor, in this order."""
        cursor = self.documents.get("cursors", [source]).get(source)
        since = datetime.fromisoformat(cursor["at"]) if cursor else now() - timedelta(hours=self.settings.since_h)
        newest = since
        for record in records_since(since):
            event = self.publisher.take(record, lambda value: parse(value, now()), provenance(record))
            if isinstance(event, ProductAnnounced) and event.published_at is not None:
                newest = max(newest, event.published_at)
        self.publisher.flush()
        at = max(since, newest - OVERLAP)
        self.documents.upsert("cursors", [{"_id": source, "at": at.isoformat()}])

    def _stac_items(self, since: datetime) -> Iterator[dict[str, Any]]:
        from pystac_client import Client
        from pystac_client.exceptions import APIError

        try:
            client = Client.open(self.settings.stac_url, request_modifier=self._authorise)
            yield from client.search(
                collections=list(self.settings.stac_collections),
                bbox=list(self.imagery.area) if self.imagery.area else None,
                datetime=f"{(since - timedelta(days=2)).isoformat()}/..",
                limit=PAGE,
            ).items_as_dicts()
        except (APIError, OSError, KeyError, ValueError) as error:
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
            answer = self._get(address, query)
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
                return cdse.product(self._get(address, {"$expand": "Attributes"}), now(), "cdse")
            except MalformedRecord:
                raise lost from None

    def _get(self, address: str, query: dict[str, Any] | None) -> Any:
        return orjson.loads(self._send("GET", address, query).content or b"{}")

    def _authorise(self, request: Any) -> None:
        request.headers = {**(request.headers or {}), **self._authorization(request.url)}

    def _authorization(self, address: str) -> dict[str, str]:
        """The token, for the configured catalogues alone: an answer may name any host for its next page."""
        urls = (self.settings.stac_url, self.settings.odata_url, self.settings.subscriptions_url)
        origins = {urlsplit(url)[:2] for url in urls}  # scheme, host and port
        return self.tokens.headers() if urlsplit(address)[:2] in origins else {}

    def _send(self, method: str, address: str, query: dict[str, Any] | None) -> httpx.Response:
        headers = self._authorization(address)
        try:
            reply = httpx.request(method, address, params=query, headers=headers, timeout=60, follow_redirects=True)
            if reply.status_code == 404:
                raise MalformedRecord(f"{address} is not there")
            return reply.raise_for_status()
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{address} does not answer: {error}") from error


class WatchedFolder:
    """Announces what lies in a folder, once it has stopped growing; what is taken away is withdrawn."""

    def __init__(self, folder: Path, publisher: ProductPublisher) -> None:
        self._folder, self._publisher = folder, publisher
        self._seen: dict[Path, tuple[str, int]] = {}
        self._told: dict[Path, str] = {}

    def look(self) -> None:
        """One look. Raises SetupError where there is no such folder."""
        from stormpetrel.imagery.catalogue.folder import product_at, revision_of

        if not self._folder.is_dir():
            raise SetupError(f"catalogue.folder is {self._folder}: there is no such folder")
        here = [path for path in sorted(self._folder.iterdir()) if path.name.lower().endswith(SUFFIXES)]
        for path in here:
            revision = revision_of(path)
            last, rounds = self._seen.get(path, ("", 0))
            rounds = rounds + 1 if revision == last else 1
            self._seen[path] = (revision, rounds)
            if rounds == ROUNDS_OF_REST:
                event = self._publisher.take(path, lambda product: product_at(product, now(), self._folder), path.name)
                if event is not None:
                    self._told[path] = event.product_name
        for path in self._told.keys() - here:
            name = self._told.pop(path)
            self._publisher.publish(ProductWithdrawn(product_name=name, source="folder", withdrawn_at=now()))
            self._seen.pop(path, None)
        self._publisher.flush()


def run(settings: Settings, name: str) -> None:
    """Runs one source (stac, odata, cdse, folder) until SIGTERM or SIGINT."""
    set_up_log(f"source-{name}")
    readiness = Readiness("the first look")
    serve_probes(settings.catalogue.probe_port, readiness, settings.probe_host)
    stop_requested = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop_requested.set())
    catalogue, publisher = settings.catalogue, ProductPublisher(KafkaProducer(settings.kafka), name)
    documents = MongoStore.of(settings.mongo)
    if name != "folder":
        look = getattr(CataloguePoller(catalogue, settings.imagery, publisher, documents, Tokens(catalogue)), name)
    elif catalogue.folder is None:
        raise SetupError("catalogue.folder is not set: name the folder to watch")
    else:
        require_gdal()
        look = WatchedFolder(catalogue.folder, publisher).look
    every = min(catalogue.every_s, 1.0) if name == "folder" else catalogue.every_s
    while not stop_requested.is_set():
        readiness.beat(max(600.0, 3 * every))
        try:
            look()
            readiness.ready()
        except StoreUnavailable as error:
            readiness.waits_for(str(error))
            log.warning("a catalogue or a store does not answer; trying again", error=str(error))
        stop_requested.wait(every)

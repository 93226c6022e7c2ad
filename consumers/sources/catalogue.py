"""Polls catalogues for Sentinel products: CDSE's subscription queue, CDSE's OData, any STAC API; and a watched folder.

A cursor (the newest publication seen) is written to the document store after Kafka holds what it stands for, so that a
restart goes on where it was; what is told twice is one product. Queue entries are acknowledged only then as well.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
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


class Cursors:
    """Where each source got to, in the document store."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def get(self, source: str) -> datetime | None:
        found = self._documents.get("cursors", [source]).get(source)
        return datetime.fromisoformat(found["at"]) if found else None

    def set(self, source: str, at: datetime) -> None:
        self._documents.upsert("cursors", [{"_id": source, "at": at.isoformat()}])


def poll_stac(
    settings: Catalogue, imagery: Imagery, publisher: ProductPublisher, cursors: Cursors, tokens: Tokens
) -> None:
    """One look at a STAC API: what was created or updated since the cursor. Raises StoreUnavailable."""
    from pystac_client import Client
    from pystac_client.exceptions import APIError

    since = cursors.get("stac") or now() - timedelta(hours=settings.since_h)
    newest = since
    try:
        client = Client.open(settings.stac_url, headers=tokens.headers())
        found = client.search(
            collections=list(settings.stac_collections),
            bbox=list(imagery.area) if imagery.area else None,
            datetime=f"{(since - timedelta(days=2)).isoformat()}/..",
            limit=PAGE,
        ).items_as_dicts()
        for record in found:
            told = publisher.take(
                record, lambda item: stac.item(item, now()), f"{settings.stac_url}#{record.get('id')}"
            )
            if isinstance(told, ProductAnnounced) and told.published_at is not None:
                newest = max(newest, told.published_at)
    except (APIError, OSError, KeyError, ValueError) as error:
        raise StoreUnavailable(f"the STAC API at {settings.stac_url} does not answer as one: {error}") from error
    publisher.flush()
    cursors.set("stac", max(since, newest - OVERLAP))


def poll_odata(
    settings: Catalogue, imagery: Imagery, publisher: ProductPublisher, cursors: Cursors, tokens: Tokens
) -> None:
    """One look at CDSE's OData catalogue: what was published since the cursor, page by page. Raises
    StoreUnavailable."""
    since = cursors.get("odata") or now() - timedelta(hours=settings.since_h)
    newest = since
    wanted = [f"PublicationDate gt {since.strftime('%Y-%m-%dT%H:%M:%S.000Z')}"]
    if imagery.area:
        west, south, east, north = imagery.area
        ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
        wanted.append(f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')")
    address: str | None = f"{settings.odata_url}/Products"
    query: dict[str, Any] | None = {
        "$filter": " and ".join(wanted),
        "$orderby": "PublicationDate asc",
        "$top": PAGE,
        "$expand": "Attributes",
    }
    while address:
        answer = _get(address, query, tokens)
        for record in answer.get("value") or []:
            told = publisher.take(record, lambda value: cdse.product(value, now()), f"odata/{record.get('Id')}")
            if isinstance(told, ProductAnnounced) and told.published_at is not None:
                newest = max(newest, told.published_at)
        address, query = answer.get("@odata.nextLink"), None
    publisher.flush()
    cursors.set("odata", max(since, newest - OVERLAP))


def poll_subscription(
    settings: Catalogue, _: Imagery, publisher: ProductPublisher, __: Cursors, tokens: Tokens
) -> None:
    """Empties CDSE's pull queue; an entry is acknowledged after Kafka holds its event. Raises StoreUnavailable."""
    if settings.subscription_id is None:
        raise SetupError("catalogue.subscription_id is not set: make a pull subscription at CDSE and name it here")
    address = f"{settings.subscriptions_url}/Subscriptions({settings.subscription_id})"
    while True:
        entries = _get(f"{address}/Read", {"$top": QUEUE_PAGE}, tokens)
        records = entries if isinstance(entries, list) else entries.get("value") or []
        if not records:
            return
        for record in records:
            provenance = f"subscription/{record.get('ProductId')}"
            publisher.take(record, lambda entry: _notified(entry, settings, tokens), provenance)
        publisher.flush()
        for record in records:
            _send("POST", f"{address}/Ack", {"$ackid": record.get("AckId")}, tokens)


def _notified(entry: dict[str, Any], settings: Catalogue, tokens: Tokens) -> ProductAnnounced | ProductWithdrawn | None:
    """What a queue entry says; one that has lost its product is asked for."""
    try:
        return cdse.notification(entry, now())
    except cdse.MissingProduct as lost:
        if entry.get("SubscriptionEvent") == "deleted":
            raise
        address = f"{settings.odata_url}/Products({lost.product_id})"
        try:
            return cdse.product(_get(address, {"$expand": "Attributes"}, tokens), now(), "cdse")
        except MalformedRecord:
            raise lost from None


def _get(address: str, query: dict[str, Any] | None, tokens: Tokens) -> Any:
    return orjson.loads(_send("GET", address, query, tokens).content or b"{}")


def _send(method: str, address: str, query: dict[str, Any] | None, tokens: Tokens) -> httpx.Response:
    headers = tokens.headers()
    try:
        reply = httpx.request(method, address, params=query, headers=headers, timeout=60, follow_redirects=True)
        if reply.status_code == 404:
            raise MalformedRecord(f"{address} is not there")
        reply.raise_for_status()
    except httpx.HTTPError as error:
        raise StoreUnavailable(f"{address} does not answer: {error}") from error
    return reply


class WatchedFolder:
    """Announces what lies in a folder, once it has stopped growing; what is taken away is withdrawn."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[str, int]] = {}
        self._told: dict[Path, str] = {}

    def look(self, publisher: ProductPublisher) -> None:
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
                told = publisher.take(str(path), lambda name: product_at(Path(name), now()), path.name)
                if told is not None:
                    self._told[path] = told.product_name
        for path in set(self._told) - set(here):
            name = self._told.pop(path)
            publisher.publish(ProductWithdrawn(product_name=name, source="folder", withdrawn_at=now()))
            self._seen.pop(path, None)
        publisher.flush()


POLLS: dict[str, Callable[[Catalogue, Imagery, ProductPublisher, Cursors, Tokens], None]] = {
    "stac": poll_stac,
    "odata": poll_odata,
    "cdse": poll_subscription,
}


def run(settings: Settings, name: str) -> None:
    """Runs one source (stac, odata, cdse, folder) until SIGTERM or SIGINT."""
    set_up_log(f"source-{name}")
    readiness = Readiness("the first look")
    serve_probes(settings.catalogue.probe_port, readiness, settings.probe_host)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    publisher = ProductPublisher(KafkaProducer(settings.kafka), name)
    cursors = Cursors(MongoStore.of(settings.mongo))
    tokens = Tokens(settings.catalogue)
    folder = WatchedFolder(settings.catalogue.folder) if name == "folder" and settings.catalogue.folder else None
    if name == "folder" and folder is None:
        raise SetupError("catalogue.folder is not set: name the folder to watch")
    every = min(settings.catalogue.every_s, 1.0) if folder else settings.catalogue.every_s
    while not told.is_set():
        readiness.beat(max(600.0, 3 * every))
        try:
            if folder is not None:
                folder.look(publisher)
            else:
                POLLS[name](settings.catalogue, settings.imagery, publisher, cursors, tokens)
            readiness.ready()
        except StoreUnavailable as error:
            readiness.waits_for(str(error))
            log.warning("a catalogue or a store does not answer; trying again", error=str(error))
        told.wait(every)

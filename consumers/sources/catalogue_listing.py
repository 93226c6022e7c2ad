"""A dry run of a catalogue: what would be announced and fetched now, and how many bytes; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import shapely

from consumers.sources.catalogue import CataloguePoller
from consumers.sources.catalogue_requests import CatalogueRequests
from stormpetrel.core.errors import BadProduct, SetupError
from stormpetrel.core.events import ProductAnnounced
from stormpetrel.core.settings import Imagery, Settings
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.pairing import footprint_of
from stormpetrel.log.memory import MemoryLog, MemoryProducer

LISTED = ("stac", "odata")  # CDSE's queue hands an entry to one reader, and a folder has no bytes to fetch
READ_IN_PARTS = (".tif", ".tiff", ".jp2", ".safe")


@dataclass(frozen=True)
class ListedProduct:
    """A product, the share of its footprint in the area of interest, and why it would be left out ("": it is read).
    `bytes_at_most` is None where the catalogue does not say how large it is."""

    name: str
    sensed_from: datetime
    cloud_cover: float | None
    area_share: float
    bytes_at_most: int | None
    left_out: str


class _FromTheStart:
    """Cursors that are not kept: all that `catalogue.since_h` reaches back to is read."""

    def read(self, source: str) -> datetime | None:
        return None

    def write(self, source: str, at: datetime) -> None:
        pass


def list_products(
    settings: Settings, name: str, requests: CatalogueRequests | None = None
) -> tuple[list[ListedProduct], int]:
    """The products of the last `catalogue.since_h`, and how many records cannot be read. Raises SetupError where the
    source cannot be listed, and StoreUnavailable where it does not answer."""
    if name not in LISTED:
        raise SetupError(f"a dry run reads {' or '.join(LISTED)}, not {name!r}: only these can be read without a trace")
    log, requests = MemoryLog(), requests or CatalogueRequests.of(settings.catalogue)
    publisher = ProductPublisher(MemoryProducer(log), name)
    poller = CataloguePoller(settings.catalogue, settings.imagery, publisher, _FromTheStart(), requests)
    getattr(poller, name)()
    return [_listed(product, settings.imagery) for product in _announced(log)], publisher.counts["dead"]


def _announced(log: MemoryLog) -> Iterator[ProductAnnounced]:
    for record in log.records(PRODUCTS_ANNOUNCED.name):
        event = record.decode(*PRODUCTS_ANNOUNCED.events)
        if isinstance(event, ProductAnnounced):
            yield event


def _listed(product: ProductAnnounced, imagery: Imagery) -> ListedProduct:
    share, left_out = _area_share(product, imagery)
    if product.cloud_cover is not None and product.cloud_cover > imagery.most_cloud:
        left_out = f"{product.cloud_cover:.0f} % of clouds; imagery.most_cloud is {imagery.most_cloud:g}"
    size = product.size
    if size is not None and (product.assets or (product.location or "").lower().endswith(READ_IN_PARTS)):
        size = round(size * share)
    return ListedProduct(
        product.product_name, product.sensed_from, product.cloud_cover, share, 0 if left_out else size, left_out
    )


def _area_share(product: ProductAnnounced, imagery: Imagery) -> tuple[float, str]:
    """(the share of the footprint in the area of interest, why that is none)."""
    try:
        footprint = footprint_of(product)
    except BadProduct as error:
        return 0.0, str(error)
    if imagery.area is None:
        return 1.0, ""
    share = footprint.intersection(shapely.box(*imagery.area)).area / footprint.area
    return round(share, 4), "" if share else "it lies outside imagery.area"

"""Notifications of the Copernicus Data Space (pull and push subscriptions), and products in its OData responses.

A notification carries the product under `value`; an OData response is a list of such products. After three days the
pull queue keeps a notification's product id only.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Checksum, ProductAnnounced, ProductWithdrawn
from stormpetrel.imagery.catalogue.announcement import announced, parsing
from stormpetrel.imagery.product_names import ParsedName, parse_name, plain_name
from stormpetrel.imagery.readers.locations import announced_path, checked_address

SUPPORTED_TYPES = ("GRD", "GRDH", "GRDM", "S2MSI1C", "S2MSI2A", "S2")
ALGORITHMS = {"MD5": "md5", "SHA256": "sha256", "BLAKE3": "blake3"}
# Of a product whose name is not ESA's: its platform is among its attributes.
BY_PLATFORM = {
    "sentinel-1": ParsedName("sentinel-1", "GRD", None, None),
    "sentinel-2": ParsedName("sentinel-2", "S2", None, None),
}
_WKT = re.compile(r"geography'SRID=4326;(.*)'")


class MissingProduct(MalformedRecord):
    """A notification without its product; `product_id` is left to look it up by."""

    def __init__(self, product_id: str) -> None:
        super().__init__(
            f"the notification of product {product_id} is without its product (older than three days); "
            "look the product up in the catalogue"
        )
        self.product_id = product_id


def notification(
    record: Any, received_at: datetime, root: Path | None = None
) -> ProductAnnounced | ProductWithdrawn | None:
    """The event of one notification; None where the product's type is not supported (SLC, OCN, other missions).

    A notification in a file of the operator's may name a path below `root` (`x-local-path`); one from the network may
    not. Raises MissingProduct, or MalformedRecord where it is no notification.
    """
    with parsing("the notification"):
        event = record["SubscriptionEvent"] if isinstance(record, dict) and "SubscriptionEvent" in record else None
        if event not in ("created", "modified", "deleted"):
            raise MalformedRecord(f"SubscriptionEvent is {event!r:.80}; it must be created, modified or deleted")
        value = record.get("value") or record.get("Value") or {}
        name = str(record.get("ProductName") or value.get("Name") or "")
        if not name or (event != "deleted" and not value):
            raise MissingProduct(str(record.get("ProductId"))[:80])
        if event != "deleted":
            path = record.get("x-local-path")
            return product(value, received_at, "cdse", path and announced_path(str(path), root))
        parsed = parse_name(name)
        if parsed is not None and parsed.product_type not in SUPPORTED_TYPES:
            return None
        return ProductWithdrawn(product_name=plain_name(name), source="cdse", withdrawn_at=received_at)


def product(
    value: Any, announced_at: datetime, source: str = "odata", path: Path | None = None
) -> ProductAnnounced | None:
    """A product from its OData entity; None where its type is not supported. `path` is where it lies on this machine.

    Raises MalformedRecord.
    """
    with parsing("a product"):
        name = str(value.get("Name") or "")
    with parsing(f"product {name}"):
        attributes = {entry.get("Name"): entry.get("Value") for entry in value.get("Attributes") or []}
        span = value.get("ContentDate") or {}
        parsed = parse_name(name) or BY_PLATFORM.get(str(attributes.get("platformShortName")).lower())
        if parsed is None or parsed.product_type not in SUPPORTED_TYPES:
            return None
        return announced(
            _footprint(value),
            product_name=plain_name(name),
            platform=parsed.platform,
            product_type=str(attributes.get("productType") or parsed.product_type),
            sensed_from=span.get("Start") or parsed.sensed_at,
            sensed_until=span.get("End") or parsed.sensed_at,
            published_at=value.get("PublicationDate"),
            cloud_cover=attributes.get("cloudCover"),
            relative_orbit=attributes.get("relativeOrbitNumber") or parsed.relative_orbit,
            orbit_direction=str(attributes["orbitDirection"]).lower() if attributes.get("orbitDirection") else None,
            location=str(path) if path else _location(value),
            checksum=_checksum(value),
            size=value.get("ContentLength"),
            revision=str(value.get("ModificationDate") or value.get("PublicationDate") or ""),
            source="files" if path else source,
            announced_at=announced_at,
        )


def _footprint(value: dict[str, Any]) -> Any:
    if value.get("GeoFootprint"):
        return value["GeoFootprint"]
    wkt = _WKT.search(str(value.get("Footprint") or ""))
    if not wkt:
        raise ValueError("it has no footprint")
    return shapely.from_wkt(wkt[1])


def _location(value: dict[str, Any]) -> str | None:
    if not value.get("S3Path"):
        return None
    address = f"s3://{str(value['S3Path']).lstrip('/')}"
    checked_address(address)
    return address


def _checksum(value: dict[str, Any]) -> Checksum | None:
    for entry in value.get("Checksum") or []:
        if entry.get("Algorithm") in ALGORITHMS and entry.get("Value"):
            return Checksum(algorithm=ALGORITHMS[entry["Algorithm"]], value=entry["Value"])
    return None

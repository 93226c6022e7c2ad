"""Notifications of the Copernicus Data Space (pull and push subscriptions), and products in its OData responses.

A notification carries the product under `value`; an OData response is a list of such products. After three days the
pull queue keeps a notification's product id only.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import mapping

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import Checksum, ProductAnnounced, ProductWithdrawn
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import ParsedName, parse_name, plain_name

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


def notification(record: dict[str, Any], received_at: datetime) -> ProductAnnounced | ProductWithdrawn | None:
    """The event of one notification; None where the product's type is not supported (SLC, OCN, other missions).

    Raises MissingProduct, or MalformedRecord where it is no notification.
    """
    event = record.get("SubscriptionEvent")
    if event not in ("created", "modified", "deleted"):
        raise MalformedRecord(f"SubscriptionEvent is {event!r}; it must be created, modified or deleted")
    value = record.get("value") or record.get("Value") or {}
    name = str(record.get("ProductName") or value.get("Name") or "")
    if not name or (event != "deleted" and not value):
        raise MissingProduct(str(record.get("ProductId")))
    if event != "deleted":
        return product({**value, "x-local-path": record.get("x-local-path")}, received_at, "cdse")
    parsed = parse_name(name)
    if parsed is not None and parsed.product_type not in SUPPORTED_TYPES:
        return None
    return ProductWithdrawn(product_name=plain_name(name), source="cdse", withdrawn_at=received_at)


def product(value: dict[str, Any], announced_at: datetime, source: str = "odata") -> ProductAnnounced | None:
    """A product from its OData entity; None where its type is not supported. Raises MalformedRecord."""
    name = str(value.get("Name") or "")
    attributes = {entry.get("Name"): entry.get("Value") for entry in value.get("Attributes") or []}
    span = value.get("ContentDate") or {}
    parsed = parse_name(name) or BY_PLATFORM.get(str(attributes.get("platformShortName")).lower())
    if parsed is None or parsed.product_type not in SUPPORTED_TYPES:
        return None
    try:
        return ProductAnnounced(
            product_name=plain_name(name),
            platform=parsed.platform,
            product_type=str(attributes.get("productType") or parsed.product_type),
            sensed_from=span.get("Start") or parsed.sensed_at,
            sensed_until=span.get("End") or parsed.sensed_at,
            footprint=mapping(split_at_antimeridian(_footprint(value))),
            published_at=value.get("PublicationDate"),
            cloud_cover=attributes.get("cloudCover"),
            relative_orbit=attributes.get("relativeOrbitNumber") or parsed.relative_orbit,
            orbit_direction=str(attributes["orbitDirection"]).lower() if attributes.get("orbitDirection") else None,
            location=_location(value),
            checksum=_checksum(value),
            size=value.get("ContentLength"),
            revision=str(value.get("ModificationDate") or value.get("PublicationDate") or ""),
            source=source,
            announced_at=announced_at,
        )
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        raise MalformedRecord(f"product {name}: {str(error).splitlines()[0]}") from error


def _footprint(value: dict[str, Any]) -> Any:
    if value.get("GeoFootprint"):
        return shapely.make_valid(shapely.geometry.shape(value["GeoFootprint"]))
    wkt = _WKT.search(str(value.get("Footprint") or ""))
    if not wkt:
        raise MalformedRecord(f"product {value.get('Name')} has no footprint")
    return shapely.make_valid(shapely.from_wkt(wkt[1]))


def _location(value: dict[str, Any]) -> str | None:
    if path := value.get("S3Path"):
        path = f"s3://{str(path).lstrip('/')}"
    return value.get("x-local-path") or path


def _checksum(value: dict[str, Any]) -> Checksum | None:
    for entry in value.get("Checksum") or []:
        if entry.get("Algorithm") in ALGORITHMS and entry.get("Value"):
            return Checksum(algorithm=ALGORITHMS[entry["Algorithm"]], value=entry["Value"])
    return None

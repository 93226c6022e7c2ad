"""Notices of the Copernicus Data Space: subscriptions (pull and push) and OData answers.

A notification carries the product under `value`; an OData answer is a list of such products. After three days the pull
queue keeps a notification without its product: then only its id is known.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import mapping

from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import Checksum, ProductAnnounced, ProductWithdrawn
from stormpetrel.imagery.pairing import split_at_antimeridian
from stormpetrel.imagery.product_names import Named, plain_name, read_name

WORKED_ON = ("GRD", "GRDH", "GRDM", "S2MSI1C", "S2MSI2A", "S2")
ALGORITHMS = {"MD5": "md5", "SHA256": "sha256", "BLAKE3": "blake3"}
_WKT = re.compile(r"geography'SRID=4326;(.*)'")


class WithoutProduct(MalformedRecord):
    """A notification whose product's data are gone from the queue; `product_id` is what is left of it."""

    def __init__(self, product_id: str) -> None:
        super().__init__(
            f"the notification of product {product_id} has lost its product (older than three days); "
            "ask the catalogue for it"
        )
        self.product_id = product_id


def notification(record: dict[str, Any], at: datetime) -> ProductAnnounced | ProductWithdrawn | None:
    """What one notification says; None where the product is of no kind that is worked on (SLC, OCN, other missions).

    Raises WithoutProduct, or MalformedRecord where it is no notification.
    """
    event = record.get("SubscriptionEvent")
    if event not in ("created", "modified", "deleted"):
        raise MalformedRecord(f"SubscriptionEvent is {event!r}; it must be created, modified or deleted")
    value = record.get("value") or record.get("Value") or {}
    name = record.get("ProductName") or value.get("Name")
    if not name:
        raise WithoutProduct(str(record.get("ProductId")))
    if event == "deleted":
        return _withdrawn(str(name), at)
    if not value:
        raise WithoutProduct(str(record.get("ProductId")))
    return product({**value, "x-local-path": record.get("x-local-path")}, at, "cdse")


def _withdrawn(name: str, at: datetime) -> ProductWithdrawn | None:
    named = read_name(name)
    if named is not None and named.product_type not in WORKED_ON:
        return None
    return ProductWithdrawn(product_name=plain_name(name), source="cdse", withdrawn_at=at)


def _described(attributes: dict[Any, Any]) -> Named | None:
    """What a product's attributes say of it, where its name says nothing."""
    platform = str(attributes.get("platformShortName", "")).lower()
    if platform == "sentinel-1":
        return Named("sentinel-1", "GRD", None, None)
    return Named("sentinel-2", "S2", None, None) if platform == "sentinel-2" else None


def product(value: dict[str, Any], at: datetime, source: str = "odata") -> ProductAnnounced | None:
    """A product as OData describes it; None where it is of no kind that is worked on. Raises MalformedRecord."""
    name = str(value.get("Name") or "")
    attributes = {entry.get("Name"): entry.get("Value") for entry in value.get("Attributes") or []}
    span = value.get("ContentDate") or {}
    named = read_name(name) or _described(attributes)
    if named is None or named.product_type not in WORKED_ON:
        return None
    try:
        footprint = mapping(split_at_antimeridian(_footprint(value)))
        return ProductAnnounced(
            product_name=plain_name(name),
            platform=named.platform,
            product_type=str(attributes.get("productType") or named.product_type),
            sensed_from=span.get("Start") or named.sensed_at,
            sensed_until=span.get("End") or named.sensed_at,
            footprint=footprint,
            published_at=value.get("PublicationDate"),
            cloud_cover=attributes.get("cloudCover"),
            relative_orbit=attributes.get("relativeOrbitNumber") or named.relative_orbit,
            orbit_direction=str(attributes["orbitDirection"]).lower() if attributes.get("orbitDirection") else None,
            location=_location(value),
            checksum=_checksum(value),
            size=value.get("ContentLength"),
            revision=str(value.get("ModificationDate") or value.get("PublicationDate") or ""),
            source=source,
            announced_at=at,
        )
    except (ValueError, TypeError, KeyError, shapely.errors.ShapelyError) as error:
        if isinstance(error, StormpetrelError):
            raise
        raise MalformedRecord(f"product {name}: {str(error).splitlines()[0]}") from error


def _footprint(value: dict[str, Any]) -> Any:
    if value.get("GeoFootprint"):
        return shapely.make_valid(shapely.geometry.shape(value["GeoFootprint"]))
    found = _WKT.search(str(value.get("Footprint") or ""))
    if not found:
        raise MalformedRecord(f"product {value.get('Name')} has no footprint")
    return shapely.make_valid(shapely.from_wkt(found[1]))


def _location(value: dict[str, Any]) -> str | None:
    if value.get("x-local-path"):
        return str(value["x-local-path"])
    path = value.get("S3Path")
    return f"s3://{str(path).lstrip('/')}" if path else None


def _checksum(value: dict[str, Any]) -> Checksum | None:
    for entry in value.get("Checksum") or []:
        if entry.get("Algorithm") in ALGORITHMS and entry.get("Value"):
            return Checksum(algorithm=ALGORITHMS[entry["Algorithm"]], value=entry["Value"])
    return None

"""Checks CAP alerts: by the OASIS schema, and by what the standard says in words that no schema holds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import xmlschema
from lxml import etree

from stormpetrel.alerting.cap import NAMESPACE

SCHEMA = Path(__file__).parent / "schema" / "CAP-v1.2.xsd"
FORBIDDEN = set(" ,<&")  # in identifiers and senders (CAP 1.2, 3.2.1)


def cap_faults(document: bytes) -> list[str]:
    """What is wrong with an alert, in words; empty where it is valid."""
    try:
        alert = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        return [f"it is no XML: {error}"]
    faults = [f"{error.path}: {error.reason}" for error in _schema().iter_errors(alert)]
    return faults + list(_faults_of_words(alert))


def _faults_of_words(alert: etree._Element) -> Iterator[str]:
    for name in ("identifier", "sender"):
        if FORBIDDEN & set(_text(alert, name)):
            yield f"{name} holds a space, a comma, < or &"
    message_type, references = _text(alert, "msgType"), _text(alert, "references")
    if message_type in ("Update", "Cancel") and not references:
        yield f"{message_type} refers to nothing"
    for reference in references.split():
        if len(reference.split(",")) != 3:
            yield f"the reference {reference} is not sender,identifier,sent"
    if _text(alert, "scope") == "Restricted" and not _text(alert, "restriction"):
        yield "a restricted scope needs its restriction"
    for web in _all(alert, "web"):
        if urlsplit(web).scheme not in ("http", "https") or not urlsplit(web).netloc:
            yield f"web is not absolute: {web}"
    for polygon in _all(alert, "polygon"):
        yield from _faults_of_polygon(polygon)
    for circle in _all(alert, "circle"):
        yield from _faults_of_points([circle.split()[0]])


def _faults_of_polygon(polygon: str) -> Iterator[str]:
    points = polygon.split()
    if len(points) < 4 or points[0] != points[-1]:
        yield "a polygon is not closed, or has fewer than four points"
    yield from _faults_of_points(points)


def _faults_of_points(points: list[str]) -> Iterator[str]:
    for point in points:
        latitude, longitude = map(float, point.split(","))
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            yield f"the point {point} is not latitude,longitude"


def _text(alert: etree._Element, name: str) -> str:
    return alert.findtext(f"{{{NAMESPACE}}}{name}") or ""


def _all(alert: etree._Element, name: str) -> list[str]:
    return [element.text or "" for element in alert.iter(f"{{{NAMESPACE}}}{name}")]


@cache
def _schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(SCHEMA), allow="local")

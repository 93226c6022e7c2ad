"""Messages as CAP 1.2 alerts (OASIS Common Alerting Protocol, ITU-T X.1303): one alert an incident.

A first one is an `Alert`, each later one an `Update` that refers to the one before, and an all clear a `Cancel`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from stormpetrel.alerting.cap_areas import circle_of, polygons_of
from stormpetrel.alerting.languages import Language
from stormpetrel.alerting.receiver_settings import CapSettings
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.alerting.trial import TRIAL_RULE
from stormpetrel.core.events import AlertedIncident, AlertMessage

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
CATEGORIES: Final = {"flood": "Met", "storm": "Met", "earthquake": "Geo", "landslide": "Geo", "wildfire": "Fire"}
LIKELY = 0.5  # CAP 1.2, certainty: likely is a probability of more than half
TAGS: Final[dict[Language, str]] = {
    "en": "en-GB",
    "it": "it-IT",
    "es": "es-ES",
    "fi": "fi-FI",
    "de": "de-DE",
    "fr": "fr-FR",
}


@dataclass(frozen=True)
class CapAlert:
    """An alert as a document. `identifier` follows from the message and the incident."""

    identifier: str
    incident: AlertedIncident
    message: AlertMessage
    headline: str
    document: bytes


def cap_alerts(message: AlertMessage, settings: CapSettings, public_url: str) -> Iterator[CapAlert]:
    """The alerts of a message."""
    for incident in message.incidents:
        yield _alert(message, incident, settings, public_url)


def identifier_of(message_id: str, incident_id: str) -> str:
    """The identifier of the alert by which a message tells of an incident: no character that CAP forbids."""
    return f"{message_id}.{hashlib.sha256(incident_id.encode()).hexdigest()[:12]}"


def cap_time(moment: datetime) -> str:
    """A moment, UTC, as CAP writes it: with `-00:00`, never `Z`.

    >>> cap_time(datetime.fromisoformat("2025-11-04T20:00:00+00:00"))
    '2025-11-04T20:00:00-00:00'
    """
    return f"{moment:%Y-%m-%dT%H:%M:%S}-00:00"


def _alert(message: AlertMessage, incident: AlertedIncident, settings: CapSettings, public_url: str) -> CapAlert:
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    identifier = identifier_of(message.message_id, incident.incident_id)
    _add(alert, "identifier", identifier)
    _add(alert, "sender", settings.sender)
    _add(alert, "sent", cap_time(message.created_at))
    _add(alert, "status", "Test" if message.rule_id == TRIAL_RULE else settings.status)
    _add(alert, "msgType", _message_type(incident))
    _add(alert, "scope", settings.scope)
    if settings.scope == "Restricted":
        _add(alert, "restriction", settings.restriction)
    if incident.false_alarm:
        _add(alert, "note", incident.why)
    if incident.earlier is not None:
        earlier = incident.earlier
        replaced = identifier_of(earlier.message_id, incident.incident_id)
        _add(alert, "references", f"{settings.sender},{replaced},{cap_time(earlier.created_at)}")
    headlines = [
        _info(alert, message, incident, settings, Renderer(public_url, language, settings.template))
        for language in settings.languages
    ]
    document = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return CapAlert(identifier, incident, message, headlines[0], document)


def _message_type(incident: AlertedIncident) -> str:
    if incident.earlier is None:
        return "Alert"
    return "Cancel" if incident.reason == "all_clear" else "Update"


def _info(
    alert: etree._Element, message: AlertMessage, incident: AlertedIncident, settings: CapSettings, renderer: Renderer
) -> str:
    part = message.model_copy(update={"incidents": (incident,), "reason": incident.reason})
    words = renderer.render(part)
    info = etree.SubElement(alert, f"{{{NAMESPACE}}}info")
    _add(info, "language", TAGS[renderer.language])
    _add(info, "category", CATEGORIES.get(incident.kind, "Other"))
    _add(info, "event", renderer.kind(incident).capitalize())
    _add(info, "responseType", "AllClear" if incident.reason == "all_clear" else "Assess")
    _add(info, "urgency", _urgency(incident))
    _add(info, "severity", incident.severity.capitalize())
    _add(info, "certainty", _certainty(incident))
    _add(info, "effective", cap_time(message.created_at))
    _add(info, "onset", cap_time(incident.first_post_at))
    _add(info, "expires", cap_time(message.expires_at))
    _add(info, "senderName", settings.sender_name)
    _add(info, "headline", words.subject)
    _add(info, "description", words.text.strip())
    _add(info, "web", renderer.address(incident))
    for name, value in _parameters(message, incident):
        parameter = etree.SubElement(info, f"{{{NAMESPACE}}}parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    _area(info, incident)
    return words.subject


def _urgency(incident: AlertedIncident) -> str:
    match incident.state:
        case "closed":
            return "Past"
        case "suspected":
            return "Unknown"
        case "easing":
            return "Expected"
    return "Immediate"


def _certainty(incident: AlertedIncident) -> str:
    verdict = incident.radar.verdict if incident.radar else None
    if verdict == "confirmed":
        return "Observed"
    if verdict == "refuted" or incident.false_alarm:
        return "Unlikely"
    return "Likely" if incident.confidence > LIKELY else "Possible"


def _parameters(message: AlertMessage, incident: AlertedIncident) -> Iterator[tuple[str, str]]:
    yield "incident", incident.incident_id
    yield "revision", str(incident.revision)
    yield "state", incident.state
    yield "reason", incident.reason
    yield "confidence", f"{incident.confidence:.3f}"
    yield "group", message.group


def _area(info: etree._Element, incident: AlertedIncident) -> None:
    area = etree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(area, "areaDesc", incident.place or f"{incident.latitude:.3f}, {incident.longitude:.3f}")
    polygons = polygons_of(incident.cells)
    for polygon in polygons:
        _add(area, "polygon", polygon)
    if not polygons:
        _add(area, "circle", circle_of(incident.longitude, incident.latitude, incident.cells))
    codes = [("ISO 3166-1", incident.country_code)] if incident.country_code else []
    if incident.country_code and incident.admin1_code:
        codes.append(("GeoNames admin1", f"{incident.country_code}.{incident.admin1_code}"))
    for name, code in codes:
        geocode = etree.SubElement(area, f"{{{NAMESPACE}}}geocode")
        _add(geocode, "valueName", name)
        _add(geocode, "value", code)


def _add(parent: etree._Element, name: str, text: str | None) -> None:
    etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = xml_text(text or "")


def xml_text(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold, which names and reasons may."""
    return "".join(character for character in text if _is_xml(ord(character)))


def _is_xml(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000

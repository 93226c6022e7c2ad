"""The CAP alerts that stand on the notification log, and their Atom feed (RFC 4287)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime

from lxml import etree

from stormpetrel.alerting.cap import CapAlert, cap_alerts, identifier_of, xml_text
from stormpetrel.alerting.receiver_settings import CapSettings, ReceiverSettings
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import AlertMessage, NotificationLogged

ATOM = "http://www.w3.org/2005/Atom"
CAP_TYPE = "application/cap+xml"
MOST_MESSAGES = 1_000  # the newest; older ones have expired in any but the largest disasters
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CapFeed:
    """The newest messages to the receivers of CAP. Safe for several threads."""

    def __init__(self, receivers: Mapping[str, ReceiverSettings], public_url: str) -> None:
        self._receivers = {name: each for name, each in receivers.items() if isinstance(each, CapSettings)}
        self._public_url = public_url.rstrip("/")
        self._messages: OrderedDict[str, AlertMessage] = OrderedDict()
        self._message_ids: dict[str, str] = {}  # by identifier
        self._alerts: dict[str, list[CapAlert]] = {}  # by message id, once they have been asked for
        self._lock = threading.Lock()

    def apply(self, entry: NotificationLogged) -> None:
        """Takes an entry of the log."""
        message = entry.message
        if message is None or message.channel != "cap":
            return
        with self._lock:
            self._messages[message.message_id] = message
            for incident in message.incidents:
                self._message_ids[identifier_of(message.message_id, incident.incident_id)] = message.message_id
            while len(self._messages) > MOST_MESSAGES:
                oldest, gone = self._messages.popitem(last=False)
                self._alerts.pop(oldest, None)
                for incident in gone.incidents:
                    self._message_ids.pop(identifier_of(oldest, incident.incident_id), None)

    def alert(self, identifier: str) -> CapAlert:
        """One alert. Raises NotFound."""
        with self._lock:
            message = self._messages.get(self._message_ids.get(identifier, ""))
        alerts = [] if message is None else self._alerts_of(message)
        for alert in alerts:
            if alert.identifier == identifier:
                return alert
        raise NotFound(f"no CAP alert has the identifier {identifier}; the feed names those that there are")

    def atom(self, receiver: str | None, now: datetime) -> bytes:
        """The feed of the alerts that have not expired, the newest first; of one receiver, or of all."""
        with self._lock:
            messages = [message for message in self._messages.values() if message.expires_at > now]
        chosen = [message for message in messages if receiver in (None, message.receiver)]
        chosen.sort(key=lambda message: message.created_at, reverse=True)
        feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
        address = f"{self._public_url}/v1/alerts/cap.atom" + (f"?receiver={receiver}" if receiver else "")
        _add(feed, "id", address)
        _add(feed, "title", "Alerts of Stormpetrel" + (f" for {receiver}" if receiver else ""))
        _add(feed, "updated", _atom_time(chosen[0].created_at if chosen else EPOCH))
        etree.SubElement(_add(feed, "author"), f"{{{ATOM}}}name").text = "Stormpetrel"
        _link(feed, "self", address, "application/atom+xml")
        for message in chosen:
            for alert in self._alerts_of(message):
                self._entry(feed, alert)
        return bytes(etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True))

    def _alerts_of(self, message: AlertMessage) -> list[CapAlert]:
        """Made once: a message never changes. None where its receiver is in the file no more."""
        settings = self._receivers.get(message.receiver)
        if settings is None:
            return []
        alerts = self._alerts.get(message.message_id) or list(cap_alerts(message, settings, self._public_url))
        with self._lock:
            if message.message_id in self._messages:
                self._alerts[message.message_id] = alerts
        return alerts

    def _entry(self, feed: etree._Element, alert: CapAlert) -> None:
        entry = _add(feed, "entry")
        address = f"{self._public_url}/v1/alerts/cap/{alert.identifier}"
        _add(entry, "id", address)
        _add(entry, "title", alert.headline)
        _add(entry, "updated", _atom_time(alert.message.created_at))
        _add(entry, "published", _atom_time(alert.message.created_at))
        _add(entry, "summary", alert.incident.why)
        etree.SubElement(entry, f"{{{ATOM}}}category", term=alert.incident.kind)
        _link(entry, "alternate", address, CAP_TYPE)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    if text is not None:
        element.text = xml_text(text)
    return element


def _link(parent: etree._Element, relation: str, address: str, media_type: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=relation, href=address, type=media_type)


def _atom_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

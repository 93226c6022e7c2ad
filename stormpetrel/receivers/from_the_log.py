"""Receivers that read the notification log themselves: the CAP feed and those who listen at the API."""

from __future__ import annotations

from stormpetrel.alerting.cap import cap_alerts
from stormpetrel.alerting.cap_schema import cap_faults
from stormpetrel.alerting.receiver_settings import CapSettings
from stormpetrel.core.errors import DeliveryFailed
from stormpetrel.core.events import AlertMessage


class StreamReceiver:
    """Whoever listens has the message from the log already."""

    def deliver(self, message: AlertMessage) -> str:
        """Takes everything."""
        return ""


class CapReceiver:
    """The feed is made from the log; the alerts of each message are checked before it counts as sent."""

    def __init__(self, settings: CapSettings, public_url: str) -> None:
        self._settings, self._public_url = settings, public_url

    def deliver(self, message: AlertMessage) -> str:
        """Raises DeliveryFailed where an alert is no valid CAP 1.2."""
        for alert in cap_alerts(message, self._settings, self._public_url):
            if faults := cap_faults(alert.document):
                raise DeliveryFailed(f"the CAP alert {alert.identifier} is not valid: {'; '.join(faults)[:1_000]}")
        return ""

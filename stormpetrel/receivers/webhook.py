"""Webhooks in the form of Standard Webhooks (standardwebhooks.com): id, timestamp and signature in the headers.

A repeated delivery has the id of the first one. A receiver that keeps the ids it has taken sees no message twice.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpcore
import orjson
from standardwebhooks.webhooks import Webhook

from stormpetrel.alerting.receiver_settings import WebhookSettings
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.connections import CheckedBackend, Deadline
from stormpetrel.core.addresses import WEB_PORTS, names_host
from stormpetrel.core.clock import now
from stormpetrel.core.errors import DeliveryFailed, HostRefused, HostUnreachable
from stormpetrel.core.events import AlertMessage

DEADLINE_S = 15.0  # of an attempt, from the name's resolution to the answer's status
STEP_S = 10.0
TIMEOUTS = {"connect": STEP_S, "read": STEP_S, "write": STEP_S, "pool": STEP_S}


class WebhookReceiver:
    """Posts messages as JSON. Taken is what is answered by a status of 200 to 299."""

    def __init__(self, settings: WebhookSettings, renderer: Renderer, private_hosts: Iterable[str]) -> None:
        self._url, self._renderer, self._private_hosts = settings.url, renderer, tuple(private_hosts)
        self._webhook = Webhook(settings.secret.get_secret_value())
        self._tls = ssl.create_default_context()

    def deliver(self, message: AlertMessage) -> str:
        """Raises DeliveryFailed."""
        self._check_scheme()
        words = self._renderer.render(message)
        body = webhook_body(message, words.subject, words.text)
        status = self._post(body, self._headers(message.message_id, body, now()))
        if 300 <= status < 400:
            raise DeliveryFailed(
                f"the receiver answers {status}, a redirect, which is not followed; give its own address"
            )
        if not 200 <= status < 300:
            raise DeliveryFailed(f"the receiver answers {status} {_phrase(status)}")
        return words.problem

    def _check_scheme(self) -> None:
        parts = urlsplit(self._url)
        port = parts.port or WEB_PORTS[parts.scheme]
        if parts.scheme != "https" and not names_host(self._private_hosts, str(parts.hostname), port):
            raise DeliveryFailed(f"{parts.hostname} is told in the clear; give an https:// address")

    def _headers(self, message_id: str, body: bytes, moment: datetime) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "stormpetrel",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, moment, body.decode()),
        }

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer, whose body is not read. A connection serves one message: the next one resolves the
        name anew."""
        backend = CheckedBackend(self._private_hosts, Deadline(DEADLINE_S), "alerting.private_hosts")
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
                pool.stream(
                    "POST", self._url, headers=list(headers.items()), content=body, extensions={"timeout": TIMEOUTS}
                ) as answer,
            ):
                return answer.status
        except (HostRefused, HostUnreachable) as error:
            raise DeliveryFailed(str(error)) from error
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise DeliveryFailed(f"the receiver does not answer within {DEADLINE_S:.0f} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise DeliveryFailed(f"the receiver cannot be reached: {error}") from error


def webhook_body(message: AlertMessage, subject: str, text: str) -> bytes:
    """The body: the same bytes whenever the same message is sent."""
    data = message.model_dump(mode="json", exclude_none=True) | {"subject": subject, "text": text}
    kind = f"alert.{message.reason}"
    return orjson.dumps({"type": kind, "timestamp": message.created_at.isoformat(), "data": data})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

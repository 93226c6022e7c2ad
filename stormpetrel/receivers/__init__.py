"""The ways to receivers of alerts: webhooks, mail, chat, and what reads the log itself."""

from __future__ import annotations

from collections.abc import Mapping

from stormpetrel.alerting.notifier import Receiver
from stormpetrel.alerting.receiver_settings import (
    AppriseSettings,
    CapSettings,
    EmailSettings,
    ReceiverSettings,
    StreamSettings,
    WebhookSettings,
)
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.core.incident_settings import Alerting


def open_receivers(stated: Mapping[str, ReceiverSettings], settings: Alerting) -> dict[str, Receiver]:
    """The receivers of the file, by name. Raises SetupError."""
    return {name: open_receiver(receiver, settings) for name, receiver in stated.items()}


def open_receiver(receiver: ReceiverSettings, settings: Alerting) -> Receiver:
    """One receiver. Raises SetupError."""
    from stormpetrel.receivers.chat import ChatReceiver
    from stormpetrel.receivers.from_the_log import CapReceiver, StreamReceiver
    from stormpetrel.receivers.mail import MailReceiver
    from stormpetrel.receivers.webhook import WebhookReceiver

    renderer = Renderer(settings.public_url, receiver.language, receiver.template)
    match receiver:
        case WebhookSettings():
            return WebhookReceiver(receiver, renderer, settings.private_hosts)
        case EmailSettings():
            return MailReceiver(receiver, renderer)
        case CapSettings():
            return CapReceiver(receiver, settings.public_url)
        case AppriseSettings():
            return ChatReceiver(receiver, renderer)
        case StreamSettings():
            return StreamReceiver()

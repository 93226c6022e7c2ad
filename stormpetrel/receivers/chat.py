"""Chat and phones through Apprise, which knows how each service wants it. At least once."""

from __future__ import annotations

from typing import Any

from stormpetrel.alerting.receiver_settings import AppriseSettings
from stormpetrel.alerting.rendering import Renderer
from stormpetrel.core.errors import DeliveryFailed, SetupError
from stormpetrel.core.events import AlertMessage


class ChatReceiver:
    """Tells one address of Apprise, which is secret: it is in no error and in no log."""

    def __init__(self, settings: AppriseSettings, renderer: Renderer) -> None:
        try:
            import apprise
        except ModuleNotFoundError:
            raise SetupError(
                f"receiver {settings.name} needs Apprise; install it with: pip install 'stormpetrel[chat]'"
            ) from None
        self._renderer = renderer
        self._service: Any = apprise.Apprise()
        if not self._service.add(settings.address.get_secret_value()):
            raise SetupError(f"receiver {settings.name}: Apprise does not know this form of address; see its list")

    def deliver(self, message: AlertMessage) -> str:
        """Raises DeliveryFailed."""
        words = self._renderer.render(message)
        if not self._service.notify(title=words.subject, body=words.text):
            raise DeliveryFailed("the service did not take the message; try: stormpetrel alerting test RECEIVER")
        return words.problem

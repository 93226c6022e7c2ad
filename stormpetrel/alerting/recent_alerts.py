"""The newest messages in memory, as they came from the log, for those who listen or come back."""

from __future__ import annotations

from stormpetrel.alerting.recent import Recent
from stormpetrel.core.events import AlertMessage, NotificationLogged

MOST_MESSAGES = 1_000


class RecentAlerts:
    """Holds the last messages of the receivers who listen. Safe for several threads."""

    def __init__(self, kept: int = MOST_MESSAGES) -> None:
        self._messages: Recent[AlertMessage] = Recent(kept)

    def apply(self, entry: NotificationLogged) -> None:
        """Takes an entry of the log; a message that is held already is a repetition."""
        message = entry.message
        if message is not None and message.channel == "stream":
            self._messages.add(message.message_id, message)

    def newest_id(self, receiver: str) -> str:
        """The id of the receiver's newest message; empty where there is none."""
        return self._messages.newest_id(lambda message: message.receiver == receiver)

    def after(self, receiver: str, message_id: str) -> list[AlertMessage]:
        """The receiver's messages since that one; all that are held where it is not among them."""
        return self._messages.after(message_id, lambda message: message.receiver == receiver)

"""The newest messages in memory, as they came from the log, for those who listen or come back."""

from __future__ import annotations

import threading
from collections import deque

from stormpetrel.core.events import AlertMessage, NotificationLogged

MOST_MESSAGES = 1_000


class RecentAlerts:
    """Holds the last messages of the receivers who listen. Safe for several threads."""

    def __init__(self, kept: int = MOST_MESSAGES) -> None:
        self._messages: deque[AlertMessage] = deque(maxlen=kept)
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def apply(self, entry: NotificationLogged) -> None:
        """Takes an entry of the log; a message that is held already is a repetition."""
        message = entry.message
        if message is None or message.channel != "stream":
            return
        with self._lock:
            if message.message_id in self._ids:
                return
            if len(self._messages) == self._messages.maxlen:
                self._ids.discard(self._messages[0].message_id)
            self._messages.append(message)
            self._ids.add(message.message_id)

    def newest_id(self, receiver: str) -> str:
        """The id of the receiver's newest message; empty where there is none."""
        with self._lock:
            return next((each.message_id for each in reversed(self._messages) if each.receiver == receiver), "")

    def after(self, receiver: str, message_id: str) -> list[AlertMessage]:
        """The receiver's messages since that one; all that are held where it is not among them."""
        with self._lock:
            ours = [message for message in self._messages if message.receiver == receiver]
        ids = [message.message_id for message in ours]
        return ours[ids.index(message_id) + 1 :] if message_id in ids else ours

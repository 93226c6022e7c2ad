"""API keys: made once, shown once, and known by their digest alone.

A key is `sp_`, its id and 256 random bits. Nobody can guess that, so one SHA-256 is as good as a slow hash of a
password, and costs a request microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterable

from stormpetrel.access.principals import Principal, Refused
from stormpetrel.core.clock import now
from stormpetrel.core.errors import NotFound
from stormpetrel.core.events import ApiKeyAdded, ApiKeyRevoked, Scope

PREFIX = "sp_"
ID_BYTES, SECRET_BYTES = 6, 32
KeyEvent = ApiKeyAdded | ApiKeyRevoked


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, ApiKeyAdded]:
    """A new key, and the event that makes it known; the key itself stands in no event. Raises ValidationError."""
    key_id = secrets.token_hex(ID_BYTES)
    key = f"{PREFIX}{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    event = ApiKeyAdded(
        key_id=key_id, principal=name, scopes=tuple(sorted(set(scopes))), digest=digest_of(key), added_at=now()
    )
    return key, event


class KeyRegister:
    """The keys as the topic has them: one thread applies its events while others ask."""

    def __init__(self) -> None:
        self._events: dict[str, KeyEvent] = {}
        self._lock = threading.Lock()

    def apply(self, event: KeyEvent) -> None:
        """A key that is revoked stays so, whatever comes again."""
        with self._lock:
            if not isinstance(self._events.get(event.key_id), ApiKeyRevoked):
                self._events[event.key_id] = event

    @property
    def was_used(self) -> bool:
        """Whether a key was ever made. Where all are revoked, the door stays shut."""
        with self._lock:
            return bool(self._events)

    def active(self) -> list[ApiKeyAdded]:
        """The keys that open something, by name."""
        with self._lock:
            added = [event for event in self._events.values() if isinstance(event, ApiKeyAdded)]
        return sorted(added, key=lambda event: (event.principal, event.added_at))

    def get(self, key_id: str) -> ApiKeyAdded:
        """An active key. Raises NotFound."""
        with self._lock:
            event = self._events.get(key_id)
        if not isinstance(event, ApiKeyAdded):
            raise NotFound(f"there is no active key {key_id!r}; `stormpetrel keys list` shows those there are")
        return event

    def is_active(self, key_id: str) -> bool:
        with self._lock:
            return isinstance(self._events.get(key_id), ApiKeyAdded)

    def principal(self, key: str) -> Principal:
        """Who a key belongs to. Raises Refused where it opens nothing."""
        try:
            event = self.get(key.removeprefix(PREFIX).partition("_")[0])
        except NotFound as error:
            raise Refused("this API key is not known, or was revoked") from error
        # Compared in constant time: how long it takes must not tell how much of a guess was right.
        if not hmac.compare_digest(digest_of(key), event.digest):
            raise Refused("this API key is not known, or was revoked")
        return self.principal_of(event)

    def principal_of(self, event: ApiKeyAdded) -> Principal:
        return Principal(event.principal, frozenset(event.scopes), event.key_id)

"""The standing queries as the log has them: read from its beginning when the process starts, followed from there."""

from __future__ import annotations

import threading

import structlog

from stormpetrel.core.errors import NotFound, StormpetrelError
from stormpetrel.core.events import Subscription, SubscriptionEnded, decode, encode
from stormpetrel.core.topics import SUBSCRIPTIONS
from stormpetrel.log.kafka import Publisher, follow

log = structlog.get_logger()
FIRST_READ_S = 10.0


class Subscriptions:
    """Known to every API process within a second. Writing goes to the log first."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._known: dict[str, Subscription] = {}
        self._lock = threading.Lock()
        self._stop, self._read = threading.Event(), threading.Event()
        self._publisher = Publisher(bootstrap)
        threading.Thread(target=self._follow, daemon=True, name="subscriptions").start()

    def add(self, event: Subscription) -> None:
        """Raises StoreUnavailable where the broker does not take it."""
        self._publish(event.subscription_id, event)
        with self._lock:
            self._known[event.subscription_id] = event

    def end(self, event: SubscriptionEnded) -> None:
        """Raises StoreUnavailable where the broker does not take it."""
        self._publish(event.subscription_id, event)
        with self._lock:
            self._known.pop(event.subscription_id, None)

    def get(self, subscription_id: str) -> Subscription:
        """Raises NotFound."""
        # A process that has just started has not read the log to its end yet.
        self._read.wait(FIRST_READ_S)
        with self._lock:
            found = self._known.get(subscription_id)
        if found is None:
            raise NotFound(f"no subscription {subscription_id!r}; POST /v1/subscriptions makes one")
        return found

    def knows(self, subscription_id: str) -> bool:
        with self._lock:
            return subscription_id in self._known

    def all(self) -> list[Subscription]:
        self._read.wait(FIRST_READ_S)
        with self._lock:
            return sorted(self._known.values(), key=lambda event: (event.created_at, event.subscription_id))

    def close(self) -> None:
        self._stop.set()

    def _publish(self, key: str, event: Subscription | SubscriptionEnded) -> None:
        self._publisher.publish(SUBSCRIPTIONS.name, key, event, encode(event))
        self._publisher.flush(FIRST_READ_S)

    def _follow(self) -> None:
        for message in follow(self._bootstrap, SUBSCRIPTIONS.name, self._stop.is_set):
            if message is None:
                self._read.set()
                continue
            schema = dict(message.headers() or []).get("schema", b"").decode(errors="replace")
            try:
                event = decode(message.value() or b"", Subscription, SubscriptionEnded, schema=schema)
            except StormpetrelError as error:
                log.warning("a subscription cannot be read", offset=message.offset(), reason=str(error))
                continue
            with self._lock:
                if isinstance(event, Subscription):
                    self._known[event.subscription_id] = event
                else:
                    self._known.pop(event.subscription_id, None)

"""The products that stand on the log: a new one's partners may be on any partition."""

from __future__ import annotations

from collections.abc import Collection

from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.log import TopicReader, TopicView


class KnownProducts:
    """The products that the log knows now. Partners may be on any partition, so all of them are followed.

    Of two products that arrive at once on two partitions, the one that came to the log later is handled by a
    consumer that sees both: no pair is missed."""

    def __init__(self, reader: TopicReader) -> None:
        self._products: dict[str, ProductAnnounced] = {}
        self._withdrawn: dict[str, ProductAnnounced] = {}
        self._view = TopicView(reader, PRODUCTS_ANNOUNCED, self._apply).start()

    def catch_up(self) -> Collection[ProductAnnounced]:
        """All products up to the log's present end, without the withdrawn ones. Raises StoreUnavailable."""
        self._view.catch_up()
        return list(self._products.values())

    def last_announcement(self, product_name: str) -> ProductAnnounced | None:
        """Of a product that was withdrawn, as `catch_up` last saw it; None where it was never announced."""
        return self._withdrawn.get(product_name)

    def close(self) -> None:
        self._view.close()

    def _apply(self, event: ProductAnnounced | ProductWithdrawn) -> None:
        if isinstance(event, ProductAnnounced):
            self._products[event.product_name] = event
        else:
            last = self._products.pop(event.product_name, None)
            if last is not None:
                self._withdrawn[event.product_name] = last

"""Which collections of the index are searched."""

from __future__ import annotations

from typing import Protocol


class CollectionNames(Protocol):
    """The names carry the models' names and sizes. Both raise ModelUnavailable where a missing model leaves the name
    open, and StoreUnavailable where the index is asked for it and does not answer."""

    @property
    def posts(self) -> str: ...

    @property
    def patches(self) -> str: ...

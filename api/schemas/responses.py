"""What comes back to a client, where it has addresses of the API in it; the answers of searches are the domain's."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from stormpetrel.core.events import SavedSearch


class SavedSearchResponse(BaseModel):
    """A saved search, and where to listen to it."""

    saved_search_id: str
    created_at: datetime
    within: int
    request: dict[str, Any]
    events: str = Field(description="Server-sent events")
    websocket: str

    @classmethod
    def of(cls, search: SavedSearch) -> Self:
        address = f"/v1/saved-searches/{search.saved_search_id}"
        return cls(
            saved_search_id=search.saved_search_id,
            created_at=search.created_at,
            within=search.within,
            request=search.request,
            events=f"{address}/events",
            websocket=f"{address}/ws",
        )

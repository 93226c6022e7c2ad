"""The saved searches that exist, as the events on the log say."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadPicture, BadQuery, NotFound
from stormpetrel.core.events import SavedSearch, SavedSearchDeleted
from stormpetrel.posts.vision.pictures import from_base64, small_data_url
from stormpetrel.search.request import SavedSearchRequest, SearchRequest

TEXT_THRESHOLD = 0.35  # cosine; below it a text is about something else, whatever its rank in a small index
SavedSearchEvent = SavedSearch | SavedSearchDeleted


class SavedSearchRegister:
    """Written to the log first, so that every process has the same saved searches. Safe for several threads.

    `write` returns when the log holds the event, and raises StoreUnavailable; `wait_until_read` returns when the events
    that stood on the log at the start are applied.
    """

    def __init__(self, write: Callable[[SavedSearchEvent], None], wait_until_read: Callable[[], object]) -> None:
        self._write, self._wait_until_read = write, wait_until_read
        self._searches: dict[str, SavedSearch] = {}
        self._lock = threading.Lock()

    def apply(self, event: SavedSearchEvent) -> None:
        """Takes an event from the log."""
        with self._lock:
            if isinstance(event, SavedSearch):
                self._searches[event.saved_search_id] = event
            else:
                self._searches.pop(event.saved_search_id, None)

    def create(self, request: SavedSearchRequest, check: Callable[[SearchRequest], object]) -> SavedSearch:
        """Saves a search. Without a `score_threshold` a text needs a cosine of .35.

        `check` raises where the search has nothing to look for: the client learns it now, not with the first poll.
        """
        event = SavedSearch(
            saved_search_id=f"saved-{uuid.uuid4().hex[:16]}",
            request=_stored_fields(request),
            within=request.within,
            created_at=now(),
        )
        check(SearchRequest.model_validate(event.request))
        self._write(event)
        self.apply(event)
        return event

    def delete(self, saved_search_id: str) -> None:
        """Raises NotFound."""
        event = SavedSearchDeleted(saved_search_id=self.get(saved_search_id).saved_search_id, deleted_at=now())
        self._write(event)
        self.apply(event)

    def get(self, saved_search_id: str) -> SavedSearch:
        """Raises NotFound."""
        # A process that has just started has not read the log to its end yet.
        self._wait_until_read()
        search = self._searches.get(saved_search_id)
        if search is None:
            raise NotFound(f"no saved search {saved_search_id!r}; POST /v1/saved-searches makes one")
        return search

    def exists(self, saved_search_id: str) -> bool:
        return saved_search_id in self._searches

    def all(self) -> list[SavedSearch]:
        """The oldest first."""
        self._wait_until_read()
        with self._lock:
            return sorted(self._searches.values(), key=lambda search: (search.created_at, search.saved_search_id))


def _stored_fields(request: SavedSearchRequest) -> dict[str, object]:
    if request.cursor is not None:
        raise BadQuery("cursor", "a saved search has no pages", "Leave it out")
    if request.filters.last:
        raise BadQuery("filters.last", "a saved search looks at what comes in, not back", "Leave it out")
    if not request.has_evidence and not request.searches_patches:
        problem = "filters alone rank nothing, and a saved search notifies by rank"
        raise BadQuery("filters", problem, "Add a text, an example, a point or a time")
    fields = request.model_dump(mode="json", exclude={"within", "cursor", "limit"}, exclude_unset=True)
    fields.setdefault("score_threshold", {"text": TEXT_THRESHOLD})
    if request.picture:
        try:
            # The size that models see: an event on a topic is no place for ten megabytes.
            fields["picture"] = small_data_url(from_base64(request.picture))
        except BadPicture as error:
            raise BadQuery("picture", error.problem, error.remedy) from error
    return fields

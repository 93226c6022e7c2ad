"""The saved searches that exist, as the events on the log say."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadPicture, BadQuery, NotFound
from stormpetrel.core.events import SavedQuery, SavedSearch, SavedSearchDeleted
from stormpetrel.posts.vision.pictures import from_base64, small_data_url
from stormpetrel.search.filter_request import duration
from stormpetrel.search.percolator.compiled_search import TEXT_THRESHOLD
from stormpetrel.search.request import SavedSearchRequest, SearchRequest

WITHIN = 20  # places and days of a saved search of patches that states no number
SavedSearchEvent = SavedSearch | SavedSearchDeleted


class SavedSearchRegister:
    """Written to the log first, so that every process has the same saved searches. Safe for several threads.

    `write` returns when the log holds the event, and raises StoreUnavailable; `wait_until_read` returns when the events
    that stood on the log at the start are applied. `on_delete` is called with the id of each search that is deleted.
    """

    def __init__(
        self,
        write: Callable[[SavedSearchEvent], None],
        wait_until_read: Callable[[], object],
        on_delete: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._write, self._wait_until_read, self._on_delete = write, wait_until_read, on_delete
        self._searches: dict[str, SavedSearch] = {}
        self._lock = threading.Lock()

    def apply(self, event: SavedSearchEvent) -> None:
        """Takes an event from the log."""
        with self._lock:
            if isinstance(event, SavedSearch):
                self._searches[event.saved_search_id] = event
            else:
                self._searches.pop(event.saved_search_id, None)
                self._on_delete(event.saved_search_id)

    def create(self, request: SavedSearchRequest, build: Callable[[SearchRequest], SavedQuery | None]) -> SavedSearch:
        """Saves a search. `build` makes its query (None for one of patches), and raises where it has nothing to look
        for: the client learns it now, not with the first post."""
        fields = _stored_fields(request)
        query = build(SearchRequest.model_validate(fields))
        event = SavedSearch(
            saved_search_id=f"saved-{uuid.uuid4().hex[:16]}",
            request=fields,
            query=query,
            min_relevance=request.min_relevance,
            window_s=duration(request.window).total_seconds() if request.window else None,
            within=(request.within or WITHIN) if request.searches_patches else None,
            created_at=now(),
        )
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
    _check(request)
    beside = {"within", "min_relevance", "window", "cursor", "limit"}  # the event has fields for them, or needs none
    fields = request.model_dump(mode="json", exclude=beside, exclude_unset=True)
    if request.searches_patches:
        fields.setdefault("score_threshold", {"text": TEXT_THRESHOLD})
    if request.picture:
        try:
            # The size that models see: an event on a topic is no place for ten megabytes.
            fields["picture"] = small_data_url(from_base64(request.picture))
        except BadPicture as error:
            raise BadQuery("picture", error.problem, error.remedy) from error
    return fields


def _check(request: SavedSearchRequest) -> None:
    if request.cursor is not None:
        raise BadQuery("cursor", "a saved search has no pages", "Leave it out")
    if request.filters.last:
        raise BadQuery("filters.last", "a saved search looks at what comes in, not back", "Leave it out")
    if request.searches_patches:
        for name in ("min_relevance", "window"):
            if getattr(request, name) is not None:
                raise BadQuery(name, "places and days of patches are ranked", "Leave it out, and give within")
        return
    if request.within is not None:
        problem = "a post matches by its own relevance, and by no rank"
        raise BadQuery("within", problem, "Leave it out, and give min_relevance, from 0 to 1")
    if not request.has_evidence:
        problem = "filters alone say nothing of relevance, by which a saved search matches"
        raise BadQuery("filters", problem, "Add a text, an example, a point or a time")

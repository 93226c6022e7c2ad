"""Answers search requests over posts, or over posts and patches: the use case behind POST /v1/search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Names
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

from stormpetrel.core.ports import Document, DocumentReader, Filter, OrderQuery
from stormpetrel.fusion import FusedItem, RankList
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.lexical import Question
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search.answer import (
    Hit,
    PostPage,
    SearchAnswer,
    cell_hit,
    freshness_of,
    listed_hit,
    patch_hit,
    post_hit,
    summaries,
)
from stormpetrel.search.cross_source import CrossSourceSearch
from stormpetrel.search.documents import CollectionNames, post_document, post_documents, shown
from stormpetrel.search.label_filters import check_labels
from stormpetrel.search.limits import area_of, filter_of
from stormpetrel.search.listing import ListedIndex, ListedPost, PostListing
from stormpetrel.search.listing_request import ListingRequest
from stormpetrel.search.modalities import MODALITIES, WITHOUT_A_MODEL, active_modalities
from stormpetrel.search.nearness import judging_all, originals
from stormpetrel.search.paging import Cursor, RecentSearches, decoded, encoded, fingerprint_of
from stormpetrel.search.place_names import NamedPlace, PlaceNames
from stormpetrel.search.post_cells import CellsRequest, PostCells, post_cells
from stormpetrel.search.query_builder import QueryBuilder
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.relevance import NO_QUERY, doubt_of
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.search import PLAIN_NOTE, Learned, PostSearch, SearchResult


@dataclass(frozen=True)
class ListedPage:
    """A page of a list: (document, duplicates) of each post, the rank of the first, and how many posts there are."""

    posts: list[tuple[Document, int]]
    total: int
    next_cursor: str | None
    near: NamedPlace | None
    first_rank: int


@dataclass(frozen=True)
class Searcher:
    """All methods raise StoreUnavailable, and ModelUnavailable where a missing model leaves a collection's name open.
    `known_labels` names the labels that have a model."""

    index: ListedIndex
    documents: DocumentReader
    collections: CollectionNames
    encoder: QueryEncoder
    learned: Learned
    list_depth: int
    threads: Executor
    names: PlaceNames
    known_labels: Callable[[], Names[str]]
    _recent: RecentSearches = field(default_factory=RecentSearches)

    @property
    def builder(self) -> QueryBuilder:
        stores = (self.index, self.documents, self.collections)
        return QueryBuilder(*stores, self.encoder, self.list_depth, self.threads, self.names)

    @property
    def posts(self) -> PostSearch:
        return PostSearch(self.index, self.collections.posts, self.learned)

    @property
    def cross_source(self) -> CrossSourceSearch:
        return CrossSourceSearch(self.posts, self.index, self.collections.patches, self.documents)

    def answer(self, request: SearchRequest) -> SearchAnswer:
        """One page of hits. Raises the first problem of a request that leaves nothing to look for."""
        with SEARCH_SECONDS.labels("whole").time():
            self.check(request)
            if request.searches_patches:
                return self._cross_source_answer(request)
            return self._post_answer(request) if request.has_evidence else self._listing_answer(request)

    def check(self, request: SearchRequest) -> None:
        """Raises NotFound where a label that the request filters by has no model, BadQuery where it is of items that
        are not searched."""
        if request.filters.labels or request.filters.without_labels:
            check_labels(request.filters, request.searched_sources, self.known_labels())

    def listing(self, request: ListingRequest) -> PostPage:
        """Posts that meet filters, the newest first. Raises BadQuery where a name is unknown or the cursor is wrong,
        NotFound where a label has no model."""
        if request.filters.labels or request.filters.without_labels:
            check_labels(request.filters, ("posts",), self.known_labels())
        listed = self._listed(request)
        return PostPage(
            posts=[{**shown(document), "duplicate_count": count} for document, count in listed.posts],
            total=listed.total,
            next_cursor=listed.next_cursor,
            near=listed.near,
        )

    def cells(self, request: CellsRequest) -> PostCells:
        """Posts that meet filters, counted by H3 cell. Raises BadQuery where a name is unknown, NotFound where a label
        has no model."""
        if request.filters.labels or request.filters.without_labels:
            check_labels(request.filters, ("posts",), self.known_labels())
        area = area_of(request.where, self.names)[0] if request.where else None
        within = filter_of(request.filters, area, self.names)
        return post_cells(self.index, self.collections.posts, within, request.resolution)

    def post(self, post_id: str) -> dict[str, Any]:
        """A post, and the posts that repeat it (the newest 100). Raises NotFound."""
        document = post_document(self.documents, post_id)
        counts = self.index.count_by(self.collections.posts, "duplicate_of", [post_id])
        newest = OrderQuery("event_time", "desc", filter=Filter(any_of={"duplicate_of": [post_id]}))
        (duplicates,) = self.index.query(self.collections.posts, [newest]) if counts else ([],)
        return {
            **shown(document),
            "readings": self.encoder.readings(str(document["text"])),
            "duplicate_count": counts.get(post_id, 0),
            "duplicate_ids": [duplicate.payload["id"] for duplicate in duplicates],
        }

    def hits(
        self,
        items: Sequence[FusedItem],
        lists: Sequence[RankList],
        first_rank: int,
        relevance: Mapping[str, float] | None = None,
    ) -> list[Hit]:
        """Fused posts with their documents and duplicate counts, ranked from `first_rank` on."""
        documents, counts = self.documents_and_counts([item.id for item in items])
        return [
            post_hit(item, rank, lists, documents[item.id], counts.get(item.id, 0), (relevance or {}).get(item.id))
            for rank, item in enumerate(items, start=first_rank)
            # A post that was deleted between the two reads is no hit any more.
            if item.id in documents
        ]

    def _with_met(self, hits: list[Hit], request: SearchRequest) -> list[Hit]:
        """The hits with the words in which they meet the request's text across languages, where words found them."""
        glosser = self.encoder.glosser
        if not request.text or glosser is None:
            return hits
        cleaned = clean(request.text) or request.text
        question = Question(cleaned, glosser.gloss(cleaned, request.lang).words)
        for hit in hits:
            if hit.post is not None and "lexical" in hit.ranks:
                text = str(hit.post["clean_text"])
                hit.met = list(question.met_in(text, glosser.gloss(text).words))
        return hits

    def _listed(self, request: ListingRequest | SearchRequest) -> ListedPage:
        area, near = area_of(request.where, self.names) if request.where else (None, None)
        within, fingerprint = filter_of(request.filters, area, self.names), fingerprint_of(request)
        after, rank = None, 0
        since = within.ranges.get("event_time", (None, None))[0]
        if request.cursor:
            since_ms, event_time, post_id, rank = decoded(request.cursor, fingerprint, (int, int, str, int))
            after = ListedPost(event_time, post_id)
            if request.filters.last:  # the window stays where it was when the first page was shown
                since = float(since_ms)
                within = replace(within, ranges={**within.ranges, "event_time": (since, None)})
        posts, more = PostListing(self.index, self.collections.posts).page(within, after, request.limit)
        documents, counts = self.documents_and_counts([post.post_id for post in posts])
        end = (posts[-1].event_time, posts[-1].post_id, rank + len(posts)) if posts else (0, "", rank)
        return ListedPage(
            posts=[(documents[p.post_id], counts.get(p.post_id, 0)) for p in posts if p.post_id in documents],
            total=self.index.count(self.collections.posts, originals(within)),
            next_cursor=encoded(fingerprint, int(since or 0), *end) if more else None,
            near=near,
            first_rank=rank + 1,
        )

    def _listing_answer(self, request: SearchRequest) -> SearchAnswer:
        """Filters alone: their posts as hits, which no modality ranks."""
        freshness = self.documents.get("freshness", list(MODALITIES))
        listed = self._listed(request)
        hits = [listed_hit(rank, *post) for rank, post in enumerate(listed.posts, start=listed.first_rank)]
        result = SearchResult([], [], (), relevance_note=NO_QUERY, fusion=request.fusion)
        page = self._page(request, result, hits=hits, next_cursor=listed.next_cursor, as_of=freshness_of(freshness))
        return page.model_copy(update={"total": listed.total, "near": listed.near, "fusion": "newest first"})

    def documents_and_counts(self, ids: Sequence[str]) -> tuple[dict[str, Document], dict[str, int]]:
        """The documents of the posts that are indexed, and how many posts repeat each, where some do."""
        with SEARCH_SECONDS.labels("documents").time():
            counting = self.threads.submit(self.index.count_by, self.collections.posts, "duplicate_of", ids)
            return post_documents(self.documents, ids), counting.result()

    def _post_answer(self, request: SearchRequest) -> SearchAnswer:
        freshness = self.threads.submit(self.documents.get, "freshness", list(MODALITIES))
        fingerprint = fingerprint_of(request)
        page = Cursor.decode(request.cursor, fingerprint) if request.cursor else None
        recent = self._recent.get(fingerprint, page.as_of_ms) if page else None
        result = recent or self._search(request, freshness, page.as_of_ms if page else None)
        as_of = freshness.result()
        cursor = page or Cursor(fingerprint, int(as_of.get("time", {}).get("ingested_at", 0)), 0)
        if recent is None:
            self._recent.add(fingerprint, cursor.as_of_ms, result)
        items = result.items[cursor.offset : cursor.offset + request.limit]
        end = cursor.offset + len(items)
        hits = self.hits(items, result.lists, cursor.offset + 1, result.relevance)
        return self._page(
            request,
            result,
            hits=self._with_met(hits, request),
            next_cursor=replace(cursor, offset=end).encode() if end < len(result.items) and items else None,
            as_of=freshness_of(as_of),
        )

    def _search(
        self, request: SearchRequest, freshness: Future[dict[str, Document]], until_ms: int | None
    ) -> SearchResult:
        """Searches the modalities that need no model while the models are at work. None is searched before the
        freshness is read, so that an answer's lists hold everything up to its `as_of`."""
        plain = self.builder.plain(request, until_ms)

        def plain_lists() -> list[RankList]:
            freshness.result()
            return self.posts.lists_alone(plain.query)

        early = None if request.post_id or plain.query.is_empty else self.threads.submit(plain_lists)
        built = self.builder.build(request, plain)
        freshness.result()
        with SEARCH_SECONDS.labels("lists and fusion").time():
            active = frozenset(modality.name for modality in active_modalities(built.query))
            rest = replace(built.query, only=active - WITHOUT_A_MODEL) if early else built.query
            lists = judging_all(self.posts.lists_alone(rest) + (early.result() if early else []), built.query)
            fused = self.posts.ranked(built.query, lists)
            return replace(fused, unavailable=built.unavailable, near=built.near)

    def _cross_source_answer(self, request: SearchRequest) -> SearchAnswer:
        """The first page. Each hit is a place-and-time cell with all its members; or a patch, where patches alone are
        asked for."""
        built = self.builder.build(request)
        search = self.cross_source
        names = list(MODALITIES) if "posts" in request.searched_sources else []
        as_of = freshness_of(self.documents.get("freshness", names))
        newest = search.patches.newest()
        result = search.run(built.query, built.patch, request.searched_sources)
        as_of |= freshness_of({ranked.modality: newest for ranked in result.patches.lists if newest})
        first = enumerate(result.items[: request.limit], start=1)
        lists, members = result.lists, result.members
        hits = [
            cell_hit(item, rank, lists, members[item.id], self.names, result.relevance.get(item.id))
            if item.id in members
            else patch_hit(item, rank, lists, result.patches, self.names)
            for rank, item in first
        ]
        result = replace(result, unavailable=built.unavailable, near=built.near)
        return self._page(request, result, hits=hits, next_cursor=None, as_of=as_of)

    def _readings(self, request: SearchRequest) -> dict[str, str]:
        """What the modalities that search posts by a text did with the request's."""
        if not request.text:
            return {}
        readings = self.encoder.readings(request.text, request.lang)
        return {name: reading for name, reading in readings.items() if name in (request.modalities or readings)}

    def _page(self, request: SearchRequest, result: SearchResult, **page: Any) -> SearchAnswer:
        weights = {str(name): weight for name, weight in request.weights.items()}
        readings = self._readings(request)
        return SearchAnswer(
            total=len(result.items),
            lists=summaries(self.encoder, result.lists, readings),
            fusion=result.fusion,
            fusion_note=PLAIN_NOTE if result.fusion != request.fusion else None,
            relevance_note=result.relevance_note,
            doubt=doubt_of([item.id for item in result.items], result.relevance, request.min_relevance),
            readings=readings,
            weights={ranked.modality: weights.get(ranked.modality, 1.0) for ranked in result.lists},
            empty_modalities=list(result.empty_modalities),
            uninformative=list(result.uninformative),
            near=result.near,
            unavailable=dict(result.unavailable),
            **page,
        )

"""Answers search requests over posts, or over posts and patches: the use case behind POST /v1/search."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

from stormpetrel.core.ports import Document, DocumentReader, Filter, OrderQuery, VectorReader
from stormpetrel.fusion import FusedItem, LearnedFusion, RankList
from stormpetrel.process.metrics import SEARCH_SECONDS
from stormpetrel.search.answer import Hit, SearchAnswer, cell_hit, freshness_of, post_hit, summaries
from stormpetrel.search.cross_source import CrossSourceSearch
from stormpetrel.search.documents import CollectionNames, post_document, shown
from stormpetrel.search.modalities import MODALITIES
from stormpetrel.search.paging import Cursor, RecentSearches, fingerprint_of
from stormpetrel.search.query_builder import QueryBuilder
from stormpetrel.search.query_encoder import QueryEncoder
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.search import PostSearch, SearchResult


@dataclass(frozen=True)
class Searcher:
    """All methods raise StoreUnavailable, and ModelUnavailable where a missing model leaves a collection's name
    open."""

    index: VectorReader
    documents: DocumentReader
    collections: CollectionNames
    encoder: QueryEncoder
    learned: LearnedFusion | None
    list_depth: int
    threads: Executor
    _recent: RecentSearches = field(default_factory=RecentSearches)

    @property
    def builder(self) -> QueryBuilder:
        return QueryBuilder(self.index, self.documents, self.collections, self.encoder, self.list_depth, self.threads)

    @property
    def posts(self) -> PostSearch:
        return PostSearch(self.index, self.collections.posts, self.learned)

    @property
    def cross_source(self) -> CrossSourceSearch:
        return CrossSourceSearch(self.posts, self.index, self.collections.patches, self.documents)

    def answer(self, request: SearchRequest) -> SearchAnswer:
        """One page of hits. Raises the first problem of a request that leaves nothing to look for."""
        with SEARCH_SECONDS.labels("whole").time():
            return self._cross_source_answer(request) if request.searches_patches else self._post_answer(request)

    def post(self, post_id: str) -> dict[str, Any]:
        """A post, and the posts that repeat it (the newest 100). Raises NotFound."""
        document = post_document(self.documents, post_id)
        counts = self.index.count_by(self.collections.posts, "duplicate_of", [post_id])
        newest = OrderQuery("event_time", "desc", filter=Filter(any_of={"duplicate_of": [post_id]}))
        (duplicates,) = self.index.query(self.collections.posts, [newest]) if counts else ([],)
        return {
            **shown(document),
            "duplicate_count": counts.get(post_id, 0),
            "duplicate_ids": [duplicate.payload["id"] for duplicate in duplicates],
        }

    def hits(self, items: Sequence[FusedItem], lists: Sequence[RankList], first_rank: int) -> list[Hit]:
        """Fused posts with their documents and duplicate counts, ranked from `first_rank` on."""
        with SEARCH_SECONDS.labels("documents").time():
            ids = [item.id for item in items]
            counting = self.threads.submit(self.index.count_by, self.collections.posts, "duplicate_of", ids)
            documents = self.documents.get("posts", ids)
            counts = counting.result()
        return [
            post_hit(item, rank, lists, documents[item.id], counts.get(item.id, 0))
            for rank, item in enumerate(items, start=first_rank)
            # A post that was deleted between the two reads is no hit any more.
            if item.id in documents
        ]

    def _post_answer(self, request: SearchRequest) -> SearchAnswer:
        freshness = self.threads.submit(self.documents.get, "freshness", list(MODALITIES))
        fingerprint = fingerprint_of(request)
        page = Cursor.decode(request.cursor, fingerprint) if request.cursor else None
        recent = self._recent.get(fingerprint, page.as_of_ms) if page else None
        result = recent or self._search(request, freshness, until_ms=page.as_of_ms if page else None)
        as_of = freshness.result()
        cursor = page or Cursor(fingerprint, int(as_of.get("time", {}).get("ingested_at", 0)), 0)
        if recent is None:
            self._recent.add(fingerprint, cursor.as_of_ms, result)
        items = result.items[cursor.offset : cursor.offset + request.limit]
        end = cursor.offset + len(items)
        return self._page(
            request,
            result,
            hits=self.hits(items, result.lists, cursor.offset + 1),
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
            return self.posts.lists(plain)

        early = None if plain.is_empty else self.threads.submit(plain_lists)
        built = self.builder.build(request, plain)
        freshness.result()
        with SEARCH_SECONDS.labels("lists and fusion").time():
            rest = replace(built.query, terms=None, area=None, at=None) if early else built.query
            lists = self.posts.lists(rest) + (early.result() if early else [])
            return replace(self.posts.fused(built.query, lists), unavailable=built.unavailable)

    def _cross_source_answer(self, request: SearchRequest) -> SearchAnswer:
        """The first page; each hit is a place-and-time cell with all its members."""
        built = self.builder.build(request)
        cells = self.cross_source.run(built.query, built.patch, request.searched_sources)
        first = enumerate(cells.items[: request.limit], start=1)
        hits = [cell_hit(item, rank, cells.lists, cells.members[item.id]) for rank, item in first]
        result = replace(cells, unavailable=built.unavailable)
        return self._page(request, result, hits=hits, next_cursor=None, as_of={})

    def _page(self, request: SearchRequest, result: SearchResult, **page: Any) -> SearchAnswer:
        weights = {str(name): weight for name, weight in request.weights.items()}
        return SearchAnswer(
            total=len(result.items),
            lists=summaries(self.encoder, result.lists),
            fusion=request.fusion,
            weights={ranked.modality: weights.get(ranked.modality, 1.0) for ranked in result.lists},
            empty_modalities=list(result.empty_modalities),
            unavailable=dict(result.unavailable),
            **page,
        )

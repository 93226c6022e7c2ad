"""A query under construction, and its plain parts, which need neither a model nor a document: words, place and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from stormpetrel.core.errors import BadQuery, ModelUnavailable, NotFound, StormpetrelError
from stormpetrel.posts.gloss.gloss import Glosser, glossed_words, stemming_languages
from stormpetrel.posts.text.clean import clean
from stormpetrel.posts.text.lexical import query_terms, word_count
from stormpetrel.predicates import read_filter, whole_filter
from stormpetrel.search.label_filters import labels_of
from stormpetrel.search.limits import area_of, filter_of
from stormpetrel.search.patch_lists import PatchQuery
from stormpetrel.search.place_names import NamedPlace, PlaceNames
from stormpetrel.search.query import Query
from stormpetrel.search.request import SearchRequest


@dataclass
class BuiltQuery:
    """The query for posts and the one for patches, with the problem of each modality that has one."""

    query: Query = field(default_factory=Query)
    patch: PatchQuery = field(default_factory=PatchQuery)
    near: NamedPlace | None = None
    problems: dict[str, StormpetrelError] = field(default_factory=dict)

    def add(self, **parts: Any) -> None:
        """Adds parts to the query for posts."""
        self.query = replace(self.query, **parts)

    @contextmanager
    def problem_of(self, *modalities: str) -> Iterator[None]:
        """Notes a failure as the problem of these modalities."""
        try:
            yield
        except (BadQuery, ModelUnavailable, NotFound) as error:
            self.problems |= dict.fromkeys(modalities, error)

    @property
    def unavailable(self) -> dict[str, str]:
        """The problem of each modality, as an answer tells it."""
        return {name: str(error) for name, error in self.problems.items()}


def plain_query(
    request: SearchRequest, names: PlaceNames, depth: int, until_ms: int | None = None, glosser: Glosser | None = None
) -> BuiltQuery:
    """The parts that need neither a model nor a document: words, place and time. Of a request that names a post or a
    patch it has the filter alone. Raises BadQuery where a place or a division has no known name."""
    area, near = area_of(request.where, names) if request.where else (None, None)
    limit = area if area and area.bounded else None
    plain = Query(
        filter=filter_of(request.filters, limit, names, until_ms),
        depth=depth,
        fusion=request.fusion,
        weights={str(name): weight for name, weight in request.weights.items()},
        score_threshold={str(name): score for name, score in request.score_threshold.items()},
        only=frozenset(request.modalities) if request.modalities else None,
        min_relevance=request.min_relevance,
    )
    labels, without = (
        labels_of(names, "patches") for names in (request.filters.labels, request.filters.without_labels)
    )
    wanted = request.filters.patches
    within = None if wanted is None else whole_filter(read_filter(wanted))
    patch = PatchQuery(labels=labels, without_labels=without, within=within)
    if request.post_id or request.patch_id:
        return BuiltQuery(replace(plain, area=area, at=request.time), patch, near=near)
    text = (clean(request.text) or request.text) if request.text else None
    terms = None
    if text:
        languages = stemming_languages(glosser, text, request.lang)
        terms = query_terms(text, languages, glossed_words(glosser, text, request.lang))
    words = word_count(text) if text else 0
    return BuiltQuery(replace(plain, terms=terms, words=words, area=area, at=request.time), patch, near=near)

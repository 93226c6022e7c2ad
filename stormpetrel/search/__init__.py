"""From a request to fused hits: one ranked list a modality, in one round trip to the index, then fusion."""

from stormpetrel.search.query import Area, Query
from stormpetrel.search.request import SearchRequest
from stormpetrel.search.search import PostSearch
from stormpetrel.search.searcher import Searcher

__all__ = ["Area", "PostSearch", "Query", "SearchRequest", "Searcher"]

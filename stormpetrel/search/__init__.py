"""From a question to fused hits: one ranked list a modality, in one round trip to the index, then fusion."""

from stormpetrel.search.modalities import MEASURES, MODALITIES
from stormpetrel.search.query import Area, Query
from stormpetrel.search.search import PostSearch, SearchResult

__all__ = ["MEASURES", "MODALITIES", "Area", "PostSearch", "Query", "SearchResult"]

"""Saved searches matched on the stream: each new post against all of them, without the index (a percolator)."""

from stormpetrel.search.percolator.compiled_search import CompiledSearch
from stormpetrel.search.percolator.percolator import Match, Percolator

__all__ = ["CompiledSearch", "Match", "Percolator"]

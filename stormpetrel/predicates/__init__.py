"""The predicate language of patches, scenes and products: CQL2 (OGC 21-065r2), read, narrowed in the index, decided.

One language for STAC clients, searches and structured queries. `cql2.py` reads text or JSON into an `Expression`,
`index_filter.py` makes of it what the vector index can filter by, `truth.py` decides it for one item.
"""

from stormpetrel.predicates.cql2 import PatchFilter, read_filter
from stormpetrel.predicates.expression import And, Expression, Intersects, Overlaps
from stormpetrel.predicates.index_filter import Narrowed, index_filter, whole_filter
from stormpetrel.predicates.truth import Values, is_true

__all__ = [
    "And",
    "Expression",
    "Intersects",
    "Narrowed",
    "Overlaps",
    "PatchFilter",
    "Values",
    "index_filter",
    "is_true",
    "read_filter",
    "whole_filter",
]

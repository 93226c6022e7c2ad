"""Filters by labels of models: which there are, and which items each one limits.

A label of posts limits the posts of an answer, a label of patches its patches; the other items pass.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Sequence

from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.ids import ItemKind
from stormpetrel.search.filter_request import FilterRequest

MOST_LISTED = 20


def check_labels(filters: FilterRequest, sources: Sequence[str], known: Names[str]) -> None:
    """`known` names the labels that have a model, `sources` what is searched. Raises NotFound where there is no such
    model, BadQuery where a label is of items that are not searched."""
    for field in ("labels", "without_labels"):
        for label in getattr(filters, field) or ():
            if label not in known:
                raise NotFound(f"there is no model {label!r}: {_those(known)}")
            if (kind := _kind(label)) not in sources:
                problem = f"{label!r} is a label of {kind}, and {' and '.join(sources)} alone are searched"
                raise BadQuery(field, problem, f"Name {kind} in sources, or take a label of {sources[0]}")


def labels_of(labels: Sequence[str] | None, kind: ItemKind) -> list[str]:
    """The labels that limit such items."""
    return [label for label in labels or () if _kind(label) == kind]


def _kind(label: str) -> str:
    return label.partition(":")[0].partition("/")[0]


def _those(known: Names[str]) -> str:
    if not known:
        return "there are none yet; annotate some items, POST /v1/annotations"
    left_out = f" and {len(known) - MOST_LISTED} more, see GET /v1/models" if len(known) > MOST_LISTED else ""
    return f"there are {', '.join(sorted(known)[:MOST_LISTED])}{left_out}"

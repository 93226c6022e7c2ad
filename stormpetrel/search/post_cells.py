"""How many posts name a place in each H3 cell (h3geo.org): for maps on which single posts would cover each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import h3
from pydantic import BaseModel, Field

from stormpetrel.core.cell_areas import cell_polygon
from stormpetrel.core.cells import RESOLUTIONS
from stormpetrel.core.ports import Filter, PayloadCounter
from stormpetrel.search.listing_request import PostParameters
from stormpetrel.search.nearness import originals

MOST_CELLS = 5_000
FINEST = max(RESOLUTIONS)


class CellsRequest(PostParameters):
    """Posts that meet all of these, counted by cell."""

    resolution: Annotated[
        int, Field(ge=0, le=FINEST, description="Of H3: a cell's edge is about 183 km at 2, 26 km at 4, 1.4 km at 7")
    ] = 4


class CellOutline(BaseModel):
    """A cell's outline, longitude first (WGS 84). A cell over the 180th meridian goes beyond it."""

    type: Literal["Polygon"] = "Polygon"
    coordinates: list[list[tuple[float, float]]]


class CellCount(BaseModel):
    """How many posts a cell has. Near-duplicates are not counted. At the resolutions 3, 5 and 7 a post counts once in
    each cell that it names a place in; at others, once for each of its cells of the next finer one of these."""

    cell: str
    posts: int


class CellFeature(BaseModel):
    """A cell as a GeoJSON Feature (RFC 7946)."""

    type: Literal["Feature"] = "Feature"
    id: str
    geometry: CellOutline
    properties: CellCount


class PostCells(BaseModel):
    """The cells with posts as a GeoJSON FeatureCollection, those with the most posts first."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[CellFeature]
    is_cut: bool = Field(description="Whether there are more cells than the 5,000 that are counted")


def post_cells(index: PayloadCounter, collection: str, within: Filter, resolution: int) -> PostCells:
    """Counts originals by cell of this resolution, which is no finer than 7. Raises StoreUnavailable.

    The index has cells of three resolutions: the next finer one is counted, and its cells join their parents.
    """
    stored = min(each for each in RESOLUTIONS if each >= resolution)
    counts = index.counts_of(collection, f"cells_{stored}", originals(within), MOST_CELLS + 1)
    heaviest = Counter(counts).most_common(MOST_CELLS)
    joined: Counter[str] = Counter()
    for cell, posts in heaviest:
        joined[h3.cell_to_parent(cell, resolution)] += posts
    return PostCells(features=list(_features(joined.most_common())), is_cut=len(counts) > MOST_CELLS)


def _features(counts: Iterable[tuple[str, int]]) -> Iterable[CellFeature]:
    for cell, posts in counts:
        corners: Any = cell_polygon(cell).exterior.coords
        ring = [(round(longitude, 5), round(latitude, 5)) for longitude, latitude in corners]
        outline, count = CellOutline(coordinates=[ring]), CellCount(cell=cell, posts=posts)
        yield CellFeature(id=cell, geometry=outline, properties=count)

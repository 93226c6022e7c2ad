"""Posts and patches joined by place and day: the best member stands for its cell, nobody is lost, who has no place
stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Scored
from stormpetrel.fusion import RankList
from stormpetrel.search import Area, PostSearch, Query
from stormpetrel.search.cross_source import CrossSourceSearch, PatchQuery, by_cell, cell_at, patch_filter
from stormpetrel.search.saved_cross_source import SavedCrossSourceSearch

AT = datetime(2025, 11, 4, 18, tzinfo=UTC)
HERE, THERE = (8.93, 44.41), (15.1, 37.5)


def post(own: str, place: tuple[float, float] | None) -> dict[str, Any]:
    places = [{"longitude": place[0], "latitude": place[1], "kind": "city", "confidence": 0.9}] if place else []
    return {"_id": own, "created_at": AT.isoformat(), "places": places}


def patch(own: str, place: tuple[float, float]) -> dict[str, Any]:
    return {"_id": own, "sensed_at": AT.isoformat(), "longitude": place[0], "latitude": place[1]}


class Stores:
    """An index whose answers are written down, and the documents behind it."""

    def __init__(self, posts: Sequence[dict[str, Any]], patches: Sequence[dict[str, Any]]) -> None:
        self.held = {"posts": {d["_id"]: d for d in posts}, "patches": {d["_id"]: d for d in patches}}
        self.asked: list[IndexQuery] = []
        self.written = 1

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {own: self.held[collection][own] for own in ids if own in self.held[collection]}

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        self.asked += queries
        return [self._answer(collection, query) for query in queries]

    def _answer(self, collection: str, query: IndexQuery) -> list[Scored]:
        if isinstance(query, OrderQuery) and query.key == "indexed_at":
            return [Scored({"id": "newest", "indexed_at": self.written}, 0.0)]
        ids = sorted(self.held[collection])
        return [
            Scored({"id": own, "event_time": 1000 - rank}, 1.0 - rank / 10)
            for rank, own in enumerate(ids)
            if not (collection == "posts" and isinstance(query, OrderQuery) and query.direction == "asc")
        ]


def search(stores: Stores) -> CrossSourceSearch:
    return CrossSourceSearch(PostSearch(stores, "posts"), stores, "patches", stores)  # type: ignore[arg-type]


def test_a_cell_stands_where_its_best_member_stands() -> None:
    ranked = RankList("sar", ("a", "b", "c"), (0.9, 0.8, 0.7))
    assert by_cell(ranked, {"a": "x", "b": "y", "c": "x"}) == RankList("sar", ("x", "y"), (0.9, 0.8))


def test_posts_and_patches_of_one_place_and_day_are_one_hit_and_nobody_is_lost() -> None:
    stores = Stores([post("p1", HERE), post("p2", THERE), post("p3", None)], [patch("s1", HERE), patch("s2", HERE)])
    vector = np.ones(4, dtype=np.float32)
    found = search(stores).run(Query(text=vector), PatchQuery({"sar": vector}), ("posts", "patches"))
    here = cell_at(*HERE, AT)
    assert found.items[0].id == here, "two worlds agree on it"
    assert [member.kind for member in found.members[here]].count("patch") == 2
    assert "p3" in {item.id for item in found.items}, "without a place it is an element of its own"
    everyone = {member.id for members in found.members.values() for member in members}
    assert everyone == {"p1", "p2", "p3", "s1", "s2"}
    assert {item.id for item in found.items} == set(found.members)


def test_the_patch_that_asks_is_no_hit_and_its_grid_is_asked() -> None:
    stores = Stores([], [patch("s1", HERE), patch("s2", THERE)])
    vector = np.ones(4, dtype=np.float32)
    asked = PatchQuery({"sar": vector, "fused": vector}, "240", exclude="s1")
    found = search(stores).run(Query(), asked, ("patches",))
    assert {member.id for members in found.members.values() for member in members} == {"s2"}
    assert all(query.filter.any_of["scale_level"] == ["240"] for query in stores.asked)


def test_what_is_over_a_place_comes_newest_first() -> None:
    stores = Stores([], [patch("s1", HERE)])
    found = search(stores).run(Query(area=Area(*HERE)), PatchQuery(), ("patches",))
    (query,) = stores.asked
    assert isinstance(query, OrderQuery)
    assert (query.key, query.direction) == ("event_time", "desc")
    assert query.filter.circle == (*HERE, 10.0)
    assert [ranked.modality for ranked in found.lists] == ["overhead"]


def test_filters_of_posts_alone_do_not_hide_patches() -> None:
    given = Filter(any_of={"language": ["it"]}, ranges={"event_time": (1.0, 2.0), "ingested_at": (None, 3.0)})
    assert patch_filter(given, "120") == Filter(any_of={"scale_level": ["120"]}, ranges={"event_time": (1.0, 2.0)})


def test_a_standing_query_tells_what_stands_elsewhere_and_only_that() -> None:
    stores = Stores([], [patch("b", THERE)])
    vector = np.ones(4, dtype=np.float32)
    clock = [0.0]
    standing = SavedCrossSourceSearch(
        search(stores),
        stores,
        ["posts", "patches"],
        Query(),  # type: ignore[arg-type]
        PatchQuery({"sar": vector}),
        ("patches",),
        10,
        lambda: clock[0],
    )
    assert standing.news()[0] == [], "what is there already is no news"
    assert standing.news() == ([], None)
    stores.held["patches"]["a"] = patch("a", HERE)
    stores.written, clock[0] = 2, 0.1
    assert standing.news() == ([], None), "its patches may still be coming"
    clock[0] = 5.0
    told, _ = standing.news()
    assert [(one.rank, one.was, one.item.id) for one in told] == [
        (1, None, cell_at(*HERE, AT)),
        (2, 1, cell_at(*THERE, AT)),
    ]
    assert standing.news() == ([], None)

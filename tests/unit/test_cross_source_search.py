"""Posts and patches fused by place and day: a cell has its best member's rank, and every post and patch is in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from stormpetrel.core.ports import Filter, IndexQuery, OrderQuery, Scored
from stormpetrel.fusion import RankList
from stormpetrel.search import Area, PostSearch, Query
from stormpetrel.search.cross_source import CrossSourceSearch, PatchQuery, by_cell, cell_at, patch_filter
from stormpetrel.search.saved_cross_source import SavedCrossSourceMatcher

AT = datetime(2025, 11, 4, 18, tzinfo=UTC)
HERE, THERE = (8.93, 44.41), (15.1, 37.5)


def post(post_id: str, place: tuple[float, float] | None) -> dict[str, Any]:
    places = [{"longitude": place[0], "latitude": place[1], "kind": "city", "confidence": 0.9}] if place else []
    return {"_id": post_id, "created_at": AT.isoformat(), "places": places}


def patch(patch_id: str, place: tuple[float, float]) -> dict[str, Any]:
    return {"_id": patch_id, "sensed_at": AT.isoformat(), "longitude": place[0], "latitude": place[1]}


class Stores:
    """An index with canned answers, and the documents behind it."""

    def __init__(self, posts: Sequence[dict[str, Any]], patches: Sequence[dict[str, Any]]) -> None:
        self.documents = {"posts": {d["_id"]: d for d in posts}, "patches": {d["_id"]: d for d in patches}}
        self.queries: list[IndexQuery] = []
        self.written = 1

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {item: self.documents[collection][item] for item in ids if item in self.documents[collection]}

    def query(self, collection: str, queries: Sequence[IndexQuery]) -> list[list[Scored]]:
        self.queries += queries
        return [self._answer(collection, query) for query in queries]

    def _answer(self, collection: str, query: IndexQuery) -> list[Scored]:
        if isinstance(query, OrderQuery) and query.key == "indexed_at":
            return [Scored({"id": "newest", "indexed_at": self.written}, 0.0)]
        ids = sorted(self.documents[collection])
        return [
            Scored({"id": item, "event_time": 1000 - rank}, 1.0 - rank / 10)
            for rank, item in enumerate(ids)
            if not (collection == "posts" and isinstance(query, OrderQuery) and query.direction == "asc")
        ]


def search(stores: Stores) -> CrossSourceSearch:
    return CrossSourceSearch(PostSearch(stores, "posts"), stores, "patches", stores)  # type: ignore[arg-type]


def test_a_cell_has_the_rank_of_its_best_member() -> None:
    ranked = RankList("sar", ("a", "b", "c"), (0.9, 0.8, 0.7))
    assert by_cell(ranked, {"a": "x", "b": "y", "c": "x"}) == RankList("sar", ("x", "y"), (0.9, 0.8))


def test_posts_and_patches_of_one_place_and_day_are_one_hit_and_none_is_lost() -> None:
    stores = Stores([post("p1", HERE), post("p2", THERE), post("p3", None)], [patch("s1", HERE), patch("s2", HERE)])
    vector = np.ones(4, dtype=np.float32)
    result = search(stores).run(Query(text=vector), PatchQuery({"sar": vector}), ("posts", "patches"))
    here = cell_at(*HERE, AT)
    assert result.items[0].id == here, "both sources have it"
    assert [member.kind for member in result.members[here]].count("patch") == 2
    assert "p3" in {item.id for item in result.items}, "a post without a place is a cell of its own"
    member_ids = {member.id for members in result.members.values() for member in members}
    assert member_ids == {"p1", "p2", "p3", "s1", "s2"}
    assert {item.id for item in result.items} == set(result.members)


def test_the_example_patch_is_no_hit_and_its_scale_level_is_searched() -> None:
    stores = Stores([], [patch("s1", HERE), patch("s2", THERE)])
    vector = np.ones(4, dtype=np.float32)
    example = PatchQuery({"sar": vector, "fused": vector}, "240", exclude="s1")
    result = search(stores).run(Query(), example, ("patches",))
    assert {member.id for members in result.members.values() for member in members} == {"s2"}
    assert [query.filter.any_of["scale_level"] for query in stores.queries] == [["240"], ["240"]]


def test_patches_over_a_place_come_newest_first() -> None:
    stores = Stores([], [patch("s1", HERE)])
    result = search(stores).run(Query(area=Area(*HERE)), PatchQuery(), ("patches",))
    (query,) = stores.queries
    assert isinstance(query, OrderQuery)
    assert (query.key, query.direction) == ("event_time", "desc")
    assert query.filter.circle == (*HERE, 10.0)
    assert [ranked.modality for ranked in result.lists] == ["overhead"]


def test_filters_of_posts_alone_do_not_hide_patches() -> None:
    within = Filter(any_of={"language": ["it"]}, ranges={"event_time": (1.0, 2.0), "ingested_at": (None, 3.0)})
    assert patch_filter(within, "120") == Filter(any_of={"scale_level": ["120"]}, ranges={"event_time": (1.0, 2.0)})


def test_a_saved_search_reports_changed_ranks_only() -> None:
    stores = Stores([], [patch("b", THERE)])
    vector = np.ones(4, dtype=np.float32)
    clock_ms = [0]
    run = partial(search(stores).run, Query(), PatchQuery({"sar": vector}), ("patches",))
    index: Any = stores
    matcher = SavedCrossSourceMatcher(run, index, ["posts", "patches"], 10, lambda: clock_ms[0])
    assert matcher.poll()[0] == [], "what is there already is no match"
    assert matcher.poll() == ([], None)
    stores.documents["patches"]["a"] = patch("a", HERE)
    stores.written, clock_ms[0] = 2, 100
    assert matcher.poll() == ([], None), "its patches may still be coming"
    clock_ms[0] = 5000
    cells, _ = matcher.poll()
    assert [(cell.rank, cell.previous_rank, cell.item.id) for cell in cells] == [
        (1, None, cell_at(*HERE, AT)),
        (2, 1, cell_at(*THERE, AT)),
    ]
    assert matcher.poll() == ([], None)

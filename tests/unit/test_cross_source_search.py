"""Posts and patches in one answer: fused by place and day, or patches alone, to which posts lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest

from stormpetrel.core.cells import cells
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.ports import Filter, OrderQuery, Point
from stormpetrel.fusion import METHODS, RankList
from stormpetrel.search.answer import patch_hit
from stormpetrel.search.cross_source import CrossSourceSearch, PatchQuery, by_cell, cell_at
from stormpetrel.search.patch_lists import patch_filter
from stormpetrel.search.query import Area, Query
from stormpetrel.search.saved_cross_source import SavedCrossSourceMatcher
from stormpetrel.search.search import PostSearch
from tests.unit.memory_index import MemoryIndex
from tests.unit.memory_stores import MemoryDocuments

AT = datetime(2025, 11, 4, 18, tzinfo=UTC)
HERE, THERE = (8.93, 44.41), (15.1, 37.5)
FLOOD = np.array([1, 0, 0, 0], dtype=np.float32)
OTHER = np.array([0, 1, 0, 0], dtype=np.float32)


class World:
    """Posts and patches in both stores."""

    def __init__(self) -> None:
        self.documents = MemoryDocuments()
        self.index = MemoryIndex(posts=[], patches=[])
        self.search = CrossSourceSearch(PostSearch(self.index, "posts"), self.index, "patches", self.documents)
        self.written = 0

    def post(self, post_id: str, place: tuple[float, float] | None, vector: Any = FLOOD, at: datetime = AT) -> None:
        places = [{"longitude": place[0], "latitude": place[1], "kind": "city", "confidence": 0.9}] if place else []
        document = {"_id": post_id, "created_at": at.isoformat(), "places": places, "clean_text": f"text of {post_id}"}
        self._write("posts", document, place, at, {"text": vector}, {"kind": "original"})

    def patch(
        self,
        patch_id: str,
        place: tuple[float, float],
        share: float | None = None,
        confidence: float = 0.5,
        at: datetime = AT,
        level: str = "120",
    ) -> None:
        water = None if share is None else {"share": share, "confidence": confidence}
        fields = {"longitude": place[0], "latitude": place[1], "new_water": water}
        payload = {"scale_level": level, "new_water": round(1000 * (share or 0))}
        document = {"_id": patch_id, "sensed_at": at.isoformat(), **fields}
        self._write("patches", document, place, at, {"sar": FLOOD, "fused": FLOOD}, payload)

    def _write(
        self,
        collection: str,
        document: dict[str, Any],
        place: tuple[float, float] | None,
        at: datetime,
        dense: dict[str, Any],
        payload: dict[str, Any],
    ) -> None:
        self.documents.upsert(collection, [document])
        self.written += 1
        location = [{"lon": place[0], "lat": place[1]}] if place else []
        where = {f"cells_{resolution}": [cell] for resolution, cell in cells(*place).items()} if place else {}
        fields = {
            "event_time": milliseconds(at),
            "indexed_at": self.written,
            "location": location,
            "towns": location,
            **where,
            **payload,
        }
        self.index.collections[collection][document["_id"]] = Point(document["_id"], fields, dense)


def ids(lists: Sequence[RankList], name: str) -> list[str]:
    return list(next(ranked.items for ranked in lists if ranked.modality == name))


def test_a_cell_has_the_rank_of_its_best_member() -> None:
    ranked = RankList("sar", ("a", "b", "c"), (0.9, 0.8, 0.7))
    assert by_cell(ranked, {"a": "x", "b": "y", "c": "x"}) == RankList("sar", ("x", "y"), (0.9, 0.8))


def test_posts_and_patches_of_one_place_and_day_are_one_hit_and_none_is_lost() -> None:
    world = World()
    for post_id, place in (("p1", HERE), ("p2", THERE), ("p3", None)):
        world.post(post_id, place, FLOOD if post_id == "p1" else FLOOD + OTHER * len(post_id))
    world.patch("s1", HERE)
    world.patch("s2", HERE)
    result = world.search.run(Query(text=FLOOD), PatchQuery({"sar": FLOOD}), ("posts", "patches"))
    here = cell_at(*HERE, AT)
    assert result.items[0].id == here, "both sources have it"
    assert [member.kind for member in result.members[here]].count("patch") == 2
    assert "p3" in {item.id for item in result.items}, "a post without a place is a cell of its own"
    member_ids = {member.id for members in result.members.values() for member in members}
    assert member_ids == {"p1", "p2", "p3", "s1", "s2"}
    assert {item.id for item in result.items} == set(result.members)


def test_a_text_finds_the_patches_where_and_when_posts_write_of_it() -> None:
    world = World()
    world.post("x:flood", HERE)
    world.post("x:concert", THERE, OTHER)
    world.patch("little", HERE, 0.1)
    world.patch("much", HERE, 0.6)
    world.patch("dry", HERE)
    world.patch("elsewhere", (2.35, 48.85), 0.9)
    world.patch("long before", HERE, 0.9, at=AT - timedelta(days=3))
    world.patch("days after", HERE, 0.3, at=AT + timedelta(days=4))
    result = world.search.run(Query(text=FLOOD, score_threshold={"text": 0.5}), PatchQuery(), ("patches",))
    assert [item.id for item in result.items] == ["much", "days after", "little"], "by new water; patches, not cells"
    assert set(ids(result.lists, "reported")) == {"much", "little", "dry", "days after"}
    assert [report.post_id for report in result.patches.reports["much"]] == ["x:flood"]


def test_new_water_counts_with_its_confidence() -> None:
    world = World()
    world.post("x:1", HERE)
    world.patch("a: much and unsure", HERE, 0.6, 0.1)
    world.patch("b: less and sure", HERE, 0.4, 0.9)
    result = world.search.run(Query(text=FLOOD), PatchQuery(), ("patches",))
    assert [item.id for item in result.items] == ["b: less and sure", "a: much and unsure"]


def test_what_labels_say_of_a_patch_joins_its_new_water() -> None:
    world = World()
    world.post("x:1", HERE)
    world.patch("judged dry", HERE, 0.5)
    world.patch("judged wet", HERE, 0.49)
    world.documents.upsert(
        "predictions",
        [
            {"_id": f"patches:flood-water:{patch_id}", "score": score}
            for patch_id, score in (("judged wet", 2.0), ("judged dry", -2.0))
        ],
    )
    lists = world.search.run(Query(text=FLOOD), PatchQuery(), ("patches",)).lists
    assert ids(lists, "labelled") == ["judged wet", "judged dry"]
    assert ids(lists, "new_water") == ["judged dry", "judged wet"]


def test_a_patch_is_shown_with_its_document_its_picture_and_the_posts_that_led_to_it() -> None:
    world = World()
    world.post("x:flood", HERE)
    world.patch("S2/r1", HERE, 0.5)
    result = world.search.run(Query(text=FLOOD), PatchQuery(), ("patches",))
    names: Any = type("Names", (), {"cell_name": lambda self, cell: f"near {cell}"})()
    hit = patch_hit(result.items[0], 1, result.lists, result.patches, names)
    assert (hit.kind, hit.patch_id, hit.cell) == ("patch", "S2/r1", None)
    assert hit.patch is not None and hit.patch["new_water"] == {"share": 0.5, "confidence": 0.5}
    assert hit.picture == "/v1/patches/pictures/change.png?patch_id=S2%2Fr1"
    assert hit.place == "near 851f9b0bfffffff"
    (report,) = hit.reports
    assert (report.post_id, report.rank, report.title) == ("x:flood", 1, "text of x:flood")


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("sources", [("posts", "patches"), ("patches",)])
def test_every_fusion_works_across_sources(method: str, sources: tuple[str, ...]) -> None:
    world = World()
    world.post("x:1", HERE)
    world.post("x:2", THERE, FLOOD + OTHER)
    world.patch("wet", HERE, 0.5)
    world.patch("wetter", THERE, 0.6)
    result = world.search.run(Query(text=FLOOD, fusion=method), PatchQuery(), sources)
    assert len(result.items) == 2


def test_the_example_patch_is_no_hit_and_its_scale_level_is_searched() -> None:
    world = World()
    for patch_id, place in (("s1", HERE), ("s2", THERE)):
        world.patch(patch_id, place, level="240")
    example = PatchQuery({"sar": FLOOD, "fused": FLOOD}, "240", exclude="s1")
    result = world.search.run(Query(), example, ("patches",))
    assert [item.id for item in result.items] == ["s2"]
    assert {tuple(query.filter.any_of["scale_level"]) for query in world.index.asked} == {("240",)}


def test_patches_over_a_place_come_newest_first_and_of_one_moment_by_new_water() -> None:
    world = World()
    world.patch("a dry", HERE)
    world.patch("b wet", HERE, 0.4)
    world.patch("c older", HERE, 0.9, at=AT - timedelta(hours=1))
    world.patch("far", THERE)
    lists = world.search.run(Query(area=Area(*HERE)), PatchQuery(), ("patches",)).lists
    overhead = next(ranked for ranked in lists if ranked.modality == "overhead")
    assert overhead.items == ("b wet", "a dry", "c older")
    assert overhead.ranks == {"b wet": 2, "a dry": 2, "c older": 3}
    ordered = [query for query in world.index.asked if isinstance(query, OrderQuery)]
    assert {query.filter.circles for query in ordered} == {((*HERE, 10.0),)}


def test_a_text_with_a_time_window_brings_no_patches_from_elsewhere() -> None:
    world = World()
    world.post("x:1", HERE)
    world.patch("here", HERE, 0.4)
    world.patch("elsewhere", (2.35, 48.85), 0.9)
    window = Filter(ranges={"event_time": (0.0, None)})
    result = world.search.run(Query(text=FLOOD, filter=window), PatchQuery(), ("patches",))
    assert [item.id for item in result.items] == ["here"]
    by_filter = world.search.run(Query(filter=window), PatchQuery(), ("patches",))
    assert [item.id for item in by_filter.items] == ["elsewhere", "here"], "filters alone: by new water and newness"


def test_filters_of_posts_alone_do_not_hide_patches() -> None:
    within = Filter(
        any_of={"language": ["it"]},
        ranges={"event_time": (1.0, 2.0), "ingested_at": (None, 3.0)},
        circles=((*HERE, 40.0),),
    )
    expected = Filter(any_of={"scale_level": ["120"]}, ranges={"event_time": (1.0, 2.0)}, circles=((*HERE, 40.0),))
    assert patch_filter(within, PatchQuery()) == expected
    labelled = patch_filter(within, PatchQuery(labels=["patches:a"], without_labels=["patches:b"]))
    assert labelled.any_of == {"scale_level": ["120"], "labels": ["patches:a"]}
    assert labelled.none_of == {"labels": ["patches:b"]}


def test_a_saved_search_reports_changed_ranks_only() -> None:
    world = World()
    world.patch("b", THERE)
    clock_ms = [0]
    run = partial(world.search.run, Query(), PatchQuery({"sar": FLOOD + OTHER}), ("patches",))
    matcher = SavedCrossSourceMatcher(run, world.index, ["posts", "patches"], 10, lambda: clock_ms[0])
    assert matcher.poll()[0] == [], "what is there already is no match"
    assert matcher.poll() == ([], None)
    world.patch("a", HERE, at=AT + timedelta(hours=1))
    clock_ms[0] = 100
    assert matcher.poll() == ([], None), "its patches may still be coming"
    clock_ms[0] = 5000
    changed, _ = matcher.poll()
    assert [(cell.rank, cell.previous_rank, cell.item.id) for cell in changed] == [(1, None, "a"), (2, 1, "b")]
    assert matcher.poll() == ([], None)


def test_a_label_of_patches_limits_patches_and_leaves_the_posts_that_lead_to_them() -> None:
    world = World()
    world.post("p", HERE)
    for name in ("wet", "dry"):
        world.patch(name, HERE, 0.2)
    world.index.set_payload("patches", ["wet"], {"labels": ["patches:water"]})
    wet = PatchQuery(labels=["patches:water"])
    result = world.search.run(Query(text=FLOOD), wet, ("patches",))
    assert [item.id for item in result.items] == ["wet"]
    alone = world.search.run(Query(), wet, ("patches",))
    assert [item.id for item in alone.items] == ["wet"], "labels alone are a filter, as a time is"

"""CQL2: what is read, what is true of an item, and that the vector index misses nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.ports import Filter, Point
from stormpetrel.predicates import Values, index_filter, is_true, read_filter, whole_filter
from tests.unit.memory_index import MemoryIndex

FACTS: dict[str, Any] = {
    "id": "S2|S1/32632/g120/r0001c0001",
    "collection": "patches",
    "event_time": 1_762_286_400_000,  # 2025-11-04T20:00:00Z
    "cloud_cover": 12.5,
    "relative_orbit": 168,
    "orbit_state": "ascending",
    "sensors": ["sentinel-1", "sentinel-2"],
    "labels": ["patches:flood-water"],
    "new_water_share": 0.05,
    "scene_id": "S2|S1",
    "scale_level": 120,
}
ITEM = Values(FACTS, lambda: box(8, 44, 9, 45))


@pytest.mark.parametrize(
    "text",
    [
        "eo:cloud_cover < 20 AND sat:orbit_state = 'ascending'",
        "properties.eo:cloud_cover = 12.5",
        "20 > cloud_cover",
        "new_water >= 0.05 AND NOT new_water > 0.05",
        "sensor = 'sentinel-1' AND sensor IN ('sentinel-2')",
        "A_CONTAINS(sensors, ('sentinel-1', 'sentinel-2'))",
        "A_OVERLAPS(labels, ('a:b', 'patches:flood-water'))",
        "datetime >= TIMESTAMP('2025-11-04T20:00:00Z') AND datetime < DATE('2025-11-05')",
        "T_DURING(datetime, INTERVAL('2025-11-04T00:00:00Z', '..'))",
        "S_INTERSECTS(geometry, POINT(8.5 44.5))",
        "new_water_confidence IS NULL AND orbit_state IS NOT NULL",
        "relative_orbit BETWEEN 160 AND 170 AND id LIKE 'S2%g120%'",
        "scale_level IN (120, 240) AND collection = 'patches'",
        "orbit_state <> 'descending' OR new_water_confidence > 0",
    ],
)
def test_what_is_true_of_a_patch(text: str) -> None:
    assert is_true(read_filter(text), ITEM)


@pytest.mark.parametrize(
    "text",
    [
        "new_water_confidence > 0",
        "NOT new_water_confidence > 0",  # unknown, not false: nothing is known of it
        "new_water_confidence <> 0.5",
        "label = 'patches:other'",
        "S_INTERSECTS(geometry, POLYGON((10 10, 11 10, 11 11, 10 10)))",
        "id LIKE 'S1%'",
        "collection = 'scenes'",
    ],
)
def test_what_is_not(text: str) -> None:
    assert not is_true(read_filter(text), ITEM)


def test_json_says_the_same_as_text() -> None:
    as_json = {
        "op": "and",
        "args": [
            {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]},
            {"op": ">", "args": [{"property": "datetime"}, {"timestamp": "2025-11-04T00:00:00Z"}]},
        ],
    }
    text = "eo:cloud_cover < 20 AND datetime > TIMESTAMP('2025-11-04T00:00:00Z')"
    assert read_filter(as_json) == read_filter(text)


def nested(levels: int) -> Any:
    node: Any = {"op": "=", "args": [{"property": "eo:cloud_cover"}, 1]}
    for _ in range(levels):
        node = {"op": "not", "args": [node]}
    return node


@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 1_900 + "cloud_cover = 1" + ")" * 1_900,
        "(" * 100_000,
        "NOT " * 950 + "cloud_cover = 1",
        "cloud_cover = " + "-" * 3_900 + "1",
        "cloud_cover = 1" + " + 1" * 900,
        " OR ".join(["cloud_cover = 1"] * 220),
        "cloud_cover IN (" + ",".join(["1"] * 400) + ")",
        nested(500),
        {"op": "or", "args": [True] * 100_000},
        {"op": "in", "args": [{"property": "eo:cloud_cover"}, [1] * 100_000]},
        {"op": "and"},
        {"op": "and", "args": [[]]},
        {"op": "=", "args": [{"property": {"a": 1}}, 1]},
        "cloud_cover = 1e999",
        "cloud_cover < 'a'",
        "datetime > 5",
        "unheard_of = 1",
        "S_INTERSECTS(geometry, POLYGON((0 0, 1000 0, 1 1, 0 0)))",
        "",
        5,
    ],
)
def test_a_bomb_and_a_mistake_are_told_with_their_remedy(bomb: Any) -> None:
    with pytest.raises(BadQuery) as caught:
        read_filter(bomb)
    assert caught.value.problem and caught.value.remedy


def test_a_search_of_the_index_refuses_what_it_cannot_decide() -> None:
    with pytest.raises(BadQuery, match="box or circle"):
        whole_filter(read_filter("S_INTERSECTS(geometry, POINT(8.5 44.5))"))
    assert whole_filter(read_filter("collection = 'scenes'")).ranges == {"event_time": (1, 0)}


# The law: the index lets through everything of which an expression is true, and nothing else where it says so.

numbers = st.sampled_from(
    ["cloud_cover = 5", "cloud_cover < 5", "cloud_cover >= 5", "new_water > 0.1", "relative_orbit <> 8"]
)
texts = st.sampled_from(
    ["orbit_state = 'ascending'", "orbit_state LIKE 'd%'", "scene = 'a'", "id = '1'", "scale_level > 120"]
)
others = st.sampled_from(
    [
        "sensor = 'sentinel-1'",
        "A_CONTAINS(labels, ('x', 'y'))",
        "cloud_cover IS NULL",
        "orbit_state IS NULL",
        "T_BEFORE(datetime, TIMESTAMP('1970-01-01T00:00:05Z'))",
        "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1, 0 1, 0 0)))",
        "collection = 'patches'",
        "collection = 'scenes'",
    ]
)
expressions = st.recursive(
    numbers | texts | others,
    lambda parts: (
        st.tuples(parts, parts).map(lambda two: f"({two[0]} AND {two[1]})")
        | st.tuples(parts, parts).map(lambda two: f"({two[0]} OR {two[1]})")
        | parts.map(lambda part: f"NOT ({part})")
    ),
    max_leaves=6,
)
patches = st.fixed_dictionaries(
    {
        "event_time": st.sampled_from([0, 5_000, 9_000]),
        "sensors": st.lists(st.sampled_from(["sentinel-1", "sentinel-2"]), unique=True),
        "labels": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "scene_id": st.sampled_from(["a", "b"]),
        "scale_level": st.sampled_from([120, 480]),
        "place": st.sampled_from([(0.5, 0.5), (-0.01, 0.5), (3.0, 3.0)]),
    },
    optional={
        "cloud_cover": st.sampled_from([0.0, 5.0, 9.5]),
        "new_water_share": st.sampled_from([0.1, 0.5]),
        "relative_orbit": st.sampled_from([8, 9]),
        "orbit_state": st.sampled_from(["ascending", "descending"]),
    },
)


@settings(max_examples=80, deadline=None)
@given(expressions, st.lists(patches, min_size=1, max_size=4))
def test_the_index_misses_nothing(text: str, drawn: list[dict[str, Any]]) -> None:
    expression, points, wanted = read_filter(text), [], set()
    for number, fields in enumerate(drawn):
        facts = {name: value for name, value in fields.items() if name != "place"}
        longitude, latitude = fields["place"]
        place = {"location": [{"lon": longitude, "lat": latitude}]}
        points.append(Point(str(number), {**facts, **place, "scale_level": str(facts["scale_level"])}))
        reach = 0.02
        outline = box(longitude - reach, latitude - reach, longitude + reach, latitude + reach)
        item = Values({**facts, "id": str(number), "collection": "patches"}, lambda outline=outline: outline)
        wanted |= {str(number)} if is_true(expression, item) else set()
    index, narrowed = MemoryIndex(patches=points), index_filter(expression)
    found = set() if narrowed.filter is None else set(index.ids("patches", narrowed.filter))
    assert wanted <= found
    if narrowed.exact:
        assert wanted == found


def test_filters_nest() -> None:
    index = MemoryIndex(patches=[Point(name, {"a": name}) for name in "xyz"])
    either = Filter(either=[Filter(any_of={"a": ["x"]}), Filter(any_of={"a": ["y"]})])
    assert set(index.ids("patches", either)) == {"x", "y"}
    assert set(index.ids("patches", Filter(every=[either], neither=[Filter(any_of={"a": ["x"]})]))) == {"y"}

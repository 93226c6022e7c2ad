"""Event time over partitions whose sources' clocks are wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stormpetrel.incidents.watermark import Watermark, event_time
from tests.unit.incident_streams import T0, post

SKEW = timedelta(minutes=10)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)).map(lambda moment: moment.replace(tzinfo=T0.tzinfo))


def test_a_source_whose_clock_is_ahead_makes_no_others_late() -> None:
    watermark = Watermark()
    watermark.see("ahead", T0 + timedelta(minutes=9), T0, T0)
    watermark.see("right", T0 - timedelta(seconds=2), T0, T0)
    assert watermark.reach(T0, ()) == T0 - timedelta(seconds=2)


def test_a_source_whose_clock_is_behind_holds_event_time_back_for_a_moment_only() -> None:
    watermark = Watermark()
    watermark.see("behind", T0 - timedelta(hours=1), T0, T0)
    watermark.see("right", T0, T0, T0)
    assert watermark.reach(T0, ()) == T0 - timedelta(hours=1)
    later = T0 + timedelta(seconds=2)
    watermark.see("right", later, later, later)
    assert watermark.reach(later, ()) == later


@given(st.lists(st.tuples(st.integers(0, 3), MOMENTS), max_size=30))
def test_no_post_moves_event_time_beyond_the_clock_or_back(posts: list[tuple[int, datetime]]) -> None:
    watermark, reached = Watermark(), []
    for number, (partition, made_at) in enumerate(posts):
        now = T0 + timedelta(seconds=number)
        made = event_time(post(number, 0, created_at=made_at, ingested_at=now), SKEW)
        watermark.see(partition, made, now, now)
        watermark.pass_to(watermark.reach(now, ()))
        assert watermark.value is None or watermark.value <= now
        reached.append(watermark.value)
    stated = [each for each in reached if each is not None]
    assert stated == sorted(stated)

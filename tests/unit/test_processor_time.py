"""The clock of a post's budget asks the system seldom, and is never far above the thread's own time."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from stormpetrel.posts.places.budget import TOLERANCE, ProcessorTime


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_time_is_at_most_the_tolerance_above_the_threads_own(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    wall, asked = [100.0], []

    def thread_time() -> float:
        asked.append(wall[0])
        return 5 + share * (wall[0] - 100)

    monkeypatch.setattr(time, "perf_counter", lambda: wall[0])
    monkeypatch.setattr(time, "thread_time", thread_time)
    clock = ProcessorTime()
    for _ in range(1000):
        wall[0] += 0.001
        assert -1e-9 <= clock() - (5 + share * (wall[0] - 100)) <= TOLERANCE
    assert len(asked) <= 11
    assert all(later - earlier >= TOLERANCE - 1e-9 for earlier, later in pairwise(asked))

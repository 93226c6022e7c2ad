"""A live process of sources is killed, and its networks break: the short form of `tests/chaos/source_kills.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.source_kills import Plan, run

pytestmark = pytest.mark.integration


def test_kills_and_breaks_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    report = run(Plan(posts=1000, disconnects=6, kills=3, seed=7, within_s=120), tmp_path)
    assert (report["lost"], report["doubled"], report["records"]) == (0, 0, 1000), report
    assert report["disconnects_made"] >= 6
    assert not report["gaps"]

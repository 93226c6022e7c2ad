"""Some kills of worker, detector and notifier while incidents change; `python -m tests.chaos.alert_kills` does more."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.chaos.alert_kills import Plan, run, wrong_in

SEED = int(os.environ.get("STORMPETREL_CHAOS_SEED", time.time_ns() % 100_000))
PLAN = Plan(SEED, changes=300, kills=4, towns=2)


@pytest.mark.integration
def test_kills_lose_nothing_double_no_id_and_leave_no_mute_unexplained(cache: Path, model_directory: Path) -> None:
    report = run(PLAN, cache)
    print(json.dumps(report))
    assert not wrong_in(report), f"seed {SEED}: {wrong_in(report)}"
    assert sum(report["kills"].values()) == PLAN.kills and report["messages"] > 0

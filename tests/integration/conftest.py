"""The generated flood night, gone through the whole system once for all tests that look at it."""

from __future__ import annotations

import pytest

from stormpetrel.demo.night import write_night
from tests.integration.running import RunningSystem


@pytest.fixture(scope="session")
def night_has_passed(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> RunningSystem:
    system.start_pipeline()
    system.start_photos()
    stream = write_night(tmp_path_factory.mktemp("night"), size=600, seed=7)
    counts = system.replay(stream)
    assert counts == {"published": 600, "passed": 0, "dead": 1}
    system.wait_until_worked_through()
    system.wait_until_photos_are_there()
    return system


@pytest.fixture
def night(night_has_passed: RunningSystem) -> RunningSystem:
    """The system after the night, its processes running whatever an earlier test did to them."""
    night_has_passed.start_pipeline()
    return night_has_passed

"""The page in a browser: a whole night, on a desktop in the dark and on a phone in the light, where Chromium is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fuzzing import operators_key
from tests.page_night import PageNight

WEB = Path(__file__).resolve().parents[2] / "web"
LONGEST_S = 600


def browser() -> str | None:
    """The browser to drive: what STORMPETREL_CHROMIUM names, or Debian's."""
    return os.environ.get("STORMPETREL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def missing() -> str:
    """What is not here of what the story needs; empty where nothing is missing."""
    parts = {
        "Chromium": browser(),
        "Node": shutil.which("node"),
        "the page's packages (npm ci in web/)": (WEB / "node_modules" / "playwright-core").exists(),
    }
    return ", ".join(name for name, is_here in parts.items() if not is_here)


@pytest.mark.skipif(bool(missing()), reason=f"the page is not tried in a browser: there is no {missing()}")
def test_a_night_on_the_page(tmp_path: Path) -> None:
    night = PageNight()
    with night.served() as address:
        command = ["node", "tests/story.mjs", address, operators_key(night.api), str(browser()), str(tmp_path)]
        story = subprocess.Popen(
            command, cwd=WEB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert story.stdout and story.stdin
            if story.stdout.readline().strip() == "one more":
                print(night.one_more().incident_id, file=story.stdin, flush=True)
            _, problems = story.communicate(timeout=LONGEST_S)
        finally:
            story.kill()
        assert story.returncode == 0, problems
    desktop = ("incident", "search", "saved-search", "patches", "place", "playback", "annotate", "rules")
    for name in (*desktop, "phone", "phone-incident", "phone-annotate"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000

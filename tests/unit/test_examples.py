"""The examples that need no server do what they say; the others explain their options."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MESSAGE = {"warden": "anna", "said": "The Bisagno is over its banks", "when": "2025-11-04T19:40:00Z"}
WARDENS = json.dumps({**MESSAGE, "where": [8.95, 44.42]}).encode() + b"\nthis is no message\n"


def run(name: str, *arguments: str, stdin: bytes = b"") -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    completed = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
    assert completed.returncode == 0, completed.stderr.decode()
    return completed.stdout.decode()


def test_lists_of_ones_own_are_fused_by_their_best_pair_of_ranks() -> None:
    output = run("fuse_your_lists.py").splitlines()
    assert output[0].split() == ["min:", *"bachfidgej"]
    assert output[3] == "1 b {'place': 1, 'text': 2}"


def test_a_modality_of_ones_own_moves_a_new_post_up() -> None:
    output = run("custom_modality.py").splitlines()
    assert [line.split()[1] for line in output[:2]] == ["x:3", "x:1"]
    assert "'novelty': 1" in output[0]


def test_a_source_of_ones_own_publishes_what_it_can_read_and_dead_letters_the_rest() -> None:
    output = run("custom_source.py", "--dry-run", stdin=WARDENS)
    assert '"post_id":"file:warden-anna-2025-11-04T19:40:00Z"' in output
    assert "posts.raw.dead  this is no message" in output
    assert "1 published, 1 dead" in output


@pytest.mark.parametrize("name", ["client.py", "follow_saved_search.py", "send_report.py"])
def test_the_clients_take_the_address_of_the_api(name: str) -> None:
    assert "--api" in run(name, "--help")

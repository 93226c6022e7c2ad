"""The examples that need a running system, on the system after the generated night."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.events import Post
from stormpetrel.core.topics import POSTS_RAW
from tests.integration.running import RunningSystem

pytestmark = pytest.mark.integration
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str, stdin: bytes = b"") -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    completed = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
    assert completed.returncode == 0, completed.stderr.decode()
    return completed.stdout.decode()


def test_the_client_prints_hits_with_their_ranks(night: RunningSystem) -> None:
    lines = run(
        "client.py", "people trapped by flood water", "--near", "8.93,44.41", "--api", night.url("")
    ).splitlines()
    assert len(lines) == 5
    assert [line[:4] for line in lines] == [f"{rank:2}. " for rank in range(1, 6)]
    assert all("lexical " in line or "text " in line or "space " in line for line in lines)


def test_the_follower_prints_new_matches_and_deletes_its_saved_search(night: RunningSystem) -> None:
    before = {search["saved_search_id"] for search in night.api("GET", "/v1/saved-searches").json()}
    options = ("--count", "2", "--min-relevance", "0.05", "--api", night.url(""))
    command = [sys.executable, str(EXAMPLES / "follow_saved_search.py"), "people trapped by flood water", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None and follower.stdout.readline() == "listening\n"
        producer = night.producer()
        for number, text in enumerate(("People trapped by flood water", "Flood water, people trapped in the school")):
            post_id = f"file:followed-{number}-{now():%H%M%S%f}"
            post = Post(post_id=post_id, source="file", text=text, created_at=now(), ingested_at=now())
            producer.publish(POSTS_RAW, post_id, post)
        producer.flush()
        lines = follower.stdout.read().splitlines()
    assert len(lines) == 2 and all("file:followed-" in line for line in lines)
    after = {search["saved_search_id"] for search in night.api("GET", "/v1/saved-searches").json()}
    assert after == before


def test_what_the_custom_source_publishes_is_found(night: RunningSystem) -> None:
    when = f"{now():%Y-%m-%dT%H:%M:%SZ}"
    message = {"warden": "berta", "said": "The Entella is over the bridge of Carasco", "when": when}
    stdin = json.dumps({**message, "where": [9.35, 44.35]}).encode() + b"\nnot JSON\n"
    output = run("custom_source.py", "--bootstrap", night.kafka.bootstrap, stdin=stdin)
    assert "1 published, 1 dead" in output
    night.wait_until_worked_through()
    assert night.api("GET", f"/v1/posts/file:warden-berta-{when}").json()["text"] == message["said"]

"""The demo's first part: a night of posts through the system, and three searches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

from consumers.sources.files import files_in, replay
from consumers.sources.post_publisher import PostPublisher
from stormpetrel.cli.console import ERROR, say
from stormpetrel.cli.results import print_response
from stormpetrel.cli.system import wait_until_processed
from stormpetrel.core.settings import Settings
from stormpetrel.log.admin import POST_GROUPS
from stormpetrel.log.producer import KafkaProducer

STALL_PATIENCE_S = 120.0
GENOA = {"longitude": 8.934, "latitude": 44.407, "radius_km": 40}


def replay_and_wait(stream: Path, settings: Settings) -> None:
    """Replays as fast as it goes, and returns when every record is in both stores."""
    publisher = PostPublisher(KafkaProducer(settings.local_kafka), "demo")
    started = time.monotonic()
    replay(files_in(stream), publisher, speed=None)
    total = publisher.counts["published"]
    with Progress(console=ERROR, transient=True) as progress:
        bar = progress.add_task("posts through the system", total=max(1, 2 * total))

        def show(lag: int) -> None:
            progress.update(bar, completed=max(0, 2 * total - lag))

        wait_until_processed(settings, POST_GROUPS, STALL_PATIENCE_S, show)
    seconds = time.monotonic() - started
    say(f"{total} posts went through in {seconds:.1f} s; {publisher.counts['dead']} broken records are dead letters")


def search_posts(client: httpx.Client, truth: dict[str, Any]) -> None:
    """Three searches; `truth` says of each generated post whether it is about the flood."""

    def show(title: str, **query: Any) -> dict[str, Any]:
        reply = client.post("/v1/search", json={**query, "limit": 10}).raise_for_status()
        response: dict[str, Any] = reply.json()
        print_response(title, response)
        labels = [truth[hit["post_id"]]["flood"] for hit in response["hits"] if hit["post_id"] in truth]
        if labels:
            belonging = f"{sum(labels)} of these {len(labels)} belong to the generated flood"
            say(f"{belonging}; {response['total']} hits in all\n")
        return response

    by_text = show("a text: people trapped by flood water", text="people trapped by flood water, streets under water")
    show(
        "a text, a place and a time: strade allagate, 40 km around Genoa, at 20:00",
        text="strade allagate, servono soccorsi",
        place=GENOA,
        time="2025-11-04T20:00:00Z",
    )
    example = by_text["hits"][0]["post_id"]
    newest = show(f"a post: what belongs to {example}", post_id=example)["as_of"].get("time", {})
    say(f"as of: newest post {newest.get('event_time')}, ingested {newest.get('ingested_at')}")

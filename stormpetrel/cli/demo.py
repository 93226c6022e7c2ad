"""`stormpetrel demo`: the whole system on this machine, a night of posts through it, queries, and an analyst."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings

START_PATIENCE_S = 300.0
STALL_PATIENCE_S = 120.0


def attach(app: typer.Typer) -> None:
    """Adds the demo."""
    app.command()(demo)


def demo(
    data: Path | None = typer.Option(None, exists=True, help="Real posts to replay in place of the generated night."),
    posts: int = typer.Option(1200, min=50, help="How many posts the generated night has."),
) -> None:
    """Start everything, replay a flood night, search, label, and leave it up (`make down` stops it)."""
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import ensure_models, is_ready
    from stormpetrel.core.settings import Settings
    from stormpetrel.demo.night import write_night
    from stormpetrel.local.broker import fetch_libraries

    settings = Settings()
    directory = settings.local.directory.resolve()
    with ERROR.status("Apache Kafka from Maven Central (the first time)"):
        fetch_libraries(settings.cache)
    with ERROR.status("text model (exported the first time: some minutes)"):
        ensure_models(settings, say)
    supervisor = None if is_ready(settings.api.port, settings.api.host) else _start_supervisor(directory, settings)
    try:
        say("the system is up")
        stream = data or write_night(directory / "demo", posts)
        say(f"replaying {stream}")
        _replay_and_wait(stream, settings)
        truth = {} if data else json.loads((directory / "demo" / "truth.json").read_text(encoding="utf-8"))
        _search(settings, truth)
        if data is None:
            from stormpetrel.cli.demo_annotation import annotate_demo
            from stormpetrel.cli.demo_scenes import show_scenes

            scene = show_scenes(settings, directory / "demo" / "scenes")
            annotate_demo(settings, {post_id: labels["flood"] for post_id, labels in truth.items()}, scene)
    except BaseException:
        if supervisor is not None:
            say("stopping what was started")
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        raise
    address = f"http://{settings.api.host}:{settings.api.port}"
    say(
        f"\nIt is up and keeps working: API {address} (try {address}/docs), logs in {directory / 'logs'}.\n"
        "Search it: .venv/bin/stormpetrel search 'strade allagate' --near 8.93,44.41,30. Stop it: make down"
    )


def _start_supervisor(directory: Path, settings: Settings) -> subprocess.Popen[bytes]:
    """`stormpetrel up` in the background, in a session of its own so that it outlives this command."""
    from stormpetrel.cli.console import ERROR
    from stormpetrel.cli.system import is_ready
    from stormpetrel.core.errors import SetupError
    from stormpetrel.local.stack import stop_left_running, this_python

    stop_left_running(directory)
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    log = directory / "logs" / "up.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            this_python("up"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(os.environ),
        )
    deadline = time.monotonic() + START_PATIENCE_S
    with ERROR.status("starting the local stack") as status:
        try:
            while not (_last_line(log).startswith("up:") and is_ready(settings.api.port, settings.api.host)):
                if process.poll() is not None:
                    raise SetupError(f"the system did not start:\n{log.read_text(errors='replace')[-3000:]}")
                if time.monotonic() > deadline:
                    raise SetupError(f"the system is not ready after {START_PATIENCE_S:.0f} s; see {log}")
                status.update(_last_line(log) or "starting the local stack")
                time.sleep(0.3)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            raise
    return process


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _replay_and_wait(stream: Path, settings: Settings) -> None:
    """Replays as fast as it goes, and returns when every record is in both stores."""
    from rich.progress import Progress

    from consumers.sources.files import files_in, replay
    from consumers.sources.post_publisher import PostPublisher
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import wait_until_processed
    from stormpetrel.log.admin import POST_GROUPS
    from stormpetrel.log.producer import KafkaProducer

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


def _search(settings: Settings, truth: dict[str, Any]) -> None:
    """Three searches; `truth` says of each generated post whether it is about the flood."""
    import httpx

    from stormpetrel.cli.console import say

    address = f"http://{settings.api.host}:{settings.api.port}/v1/search"
    genoa = {"longitude": 8.934, "latitude": 44.407, "radius_km": 40}
    place_query = {"text": "strade allagate, servono soccorsi", "place": genoa, "time": "2025-11-04T20:00:00Z"}
    with httpx.Client(timeout=30) as client:

        def show(title: str, query: dict[str, Any]) -> dict[str, Any]:
            response: dict[str, Any] = client.post(address, json={**query, "limit": 10}).raise_for_status().json()
            _show(title, response, truth)
            return response

        text_query = {"text": "people trapped by flood water, streets under water"}
        by_text = show("a text: people trapped by flood water", text_query)
        show("a text, a place and a time: strade allagate, 40 km around Genoa, at 20:00", place_query)
        example = by_text["hits"][0]["post_id"]
        by_post = show(f"a post: what belongs to {example}", {"post_id": example})
    newest = by_post["as_of"].get("time", {})
    say(f"as of: newest post {newest.get('event_time')}, ingested {newest.get('ingested_at')}")


def _show(title: str, response: dict[str, Any], truth: dict[str, Any]) -> None:
    from stormpetrel.cli.console import say
    from stormpetrel.cli.results import print_response

    print_response(title, response)
    labels = [truth[hit["post_id"]]["flood"] for hit in response["hits"] if hit["post_id"] in truth]
    if labels:
        belonging = f"{sum(labels)} of these {len(labels)} belong to the generated flood"
        say(f"{belonging}; {response['total']} hits in all\n")

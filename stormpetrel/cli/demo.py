"""`stormpetrel demo`: the whole system on this machine, a night of posts through it, questions, and an analyst."""

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
    """Start everything, replay a flood night, ask, label, and leave it up (`make down` stops it)."""
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import ensure_models
    from stormpetrel.core.settings import Settings
    from stormpetrel.demo.night import write
    from stormpetrel.local.broker import fetch_libraries

    settings = Settings()
    directory = settings.local.directory.resolve()
    with ERROR.status("Apache Kafka from Maven Central (the first time)"):
        fetch_libraries(settings.cache)
    with ERROR.status("text model (exported the first time: some minutes)"):
        ensure_models(settings, say)
    supervisor = None if _api_is_ready(settings) else _start_supervisor(directory, settings)
    try:
        say("the system is up")
        stream = data or write(directory / "demo", posts)
        say(f"replaying {stream}")
        _replay_and_wait(stream, settings)
        _ask(settings, None if data else directory / "demo" / "truth.json")
        if data is None:
            from stormpetrel.cli.demo_annotation import annotate_demo
            from stormpetrel.cli.demo_scenes import show_scenes

            scene = show_scenes(settings, directory / "demo" / "scenes")
            truth = json.loads((directory / "demo" / "truth.json").read_text(encoding="utf-8"))
            annotate_demo(settings, {own: told["flood"] for own, told in truth.items()}, scene)
    except BaseException:
        if supervisor is not None:
            say("stopping what was started")
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        raise
    address = f"http://{settings.api.host}:{settings.api.port}"
    say(
        f"\nIt is up and goes on working: API {address} (try {address}/docs), logs in {directory / 'logs'}.\n"
        "Ask it: .venv/bin/stormpetrel search 'strade allagate' --near 8.93,44.41,30. Stop it: make down"
    )


def _api_is_ready(settings: Settings) -> bool:
    import httpx

    try:
        return httpx.get(f"http://{settings.api.host}:{settings.api.port}/readyz", timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


def _start_supervisor(directory: Path, settings: Settings) -> subprocess.Popen[bytes]:
    """`stormpetrel up` in the background, in a session of its own so that it outlives this command."""
    from stormpetrel.cli.console import ERROR
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
            while not (_last_line(log).startswith("up:") and _api_is_ready(settings)):
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
    """Replays flat out, and returns when every record is in both stores."""
    from rich.progress import Progress

    from consumers.sources.files import files_in, replay
    from consumers.sources.post_publisher import PostPublisher
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.core.errors import SetupError
    from stormpetrel.log.admin import POST_GROUPS, consumer_lags
    from stormpetrel.log.producer import KafkaProducer

    publisher = PostPublisher(KafkaProducer(settings.local_kafka), "demo")
    started = time.monotonic()
    replay(files_in(stream), publisher, speed=None)
    total = publisher.counts["published"]
    with Progress(console=ERROR, transient=True) as progress:
        bar = progress.add_task("posts through the system", total=max(1, 2 * total))
        left, moved = -1, time.monotonic()
        while left != 0:
            lags = consumer_lags(settings.local_kafka)
            now_left = sum(lags[name] for name in POST_GROUPS)
            moved = time.monotonic() if now_left != left else moved
            left = now_left
            progress.update(bar, completed=max(0, 2 * total - left))
            if time.monotonic() - moved > STALL_PATIENCE_S:
                raise SetupError(f"{left} records do not move; see the logs of worker and index")
            # The index can only be done when the worker is: look twice before believing a zero.
            time.sleep(0.5 if left else 0)
    seconds = time.monotonic() - started
    say(f"{total} posts went through in {seconds:.1f} s; {publisher.counts['dead']} broken records are dead letters")


def _ask(settings: Settings, truth_file: Path | None) -> None:
    import httpx

    from stormpetrel.cli.console import say

    truth = json.loads(truth_file.read_text(encoding="utf-8")) if truth_file else {}
    address = f"http://{settings.api.host}:{settings.api.port}/v1/search"
    genoa = {"longitude": 8.934, "latitude": 44.407, "radius_km": 40}
    questions: list[tuple[str, dict[str, Any]]] = [
        ("a text: people trapped by flood water", {"text": "people trapped by flood water, streets under water"}),
        (
            "a text, a place and a time: strade allagate, 40 km around Genoa, at 20:00",
            {"text": "strade allagate, servono soccorsi", "place": genoa, "time": "2025-11-04T20:00:00Z"},
        ),
    ]
    with httpx.Client(timeout=30) as client:
        for title, question in questions:
            answer = client.post(address, json={**question, "limit": 10}).raise_for_status().json()
            _show(title, answer, truth)
            if title.startswith("a text:") and answer["hits"]:
                example = answer["hits"][0]["post_id"]
        again = client.post(address, json={"post_id": example, "limit": 10}).raise_for_status().json()
        _show(f"a post: what belongs to {example}", again, truth)
        fresh = again["as_of"].get("time", {})
    say(f"as of: newest post {fresh.get('event_time')}, came in {fresh.get('ingested_at')}")


def _show(title: str, answer: dict[str, Any], truth: dict[str, Any]) -> None:
    from stormpetrel.cli.console import say
    from stormpetrel.cli.results import print_answer

    print_answer(title, answer)
    known = [hit["post_id"] for hit in answer["hits"] if hit["post_id"] in truth]
    if known:
        right = sum(truth[post_id]["flood"] for post_id in known)
        say(f"{right} of these {len(known)} belong to the generated flood; {answer['total']} hits in all\n")

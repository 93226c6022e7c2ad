"""`stormpetrel demo`: the whole system on this machine, a night of posts through it, queries, and an analyst."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import typer

from stormpetrel.cli.command import api_headers, load_settings


def demo(
    data: Path | None = typer.Option(None, exists=True, help="Real posts to replay in place of the generated night."),
    posts: int = typer.Option(1200, min=50, help="How many posts the generated night has."),
) -> None:
    """Start everything, replay a flood night, search, label, and leave it up (`make down` stops it)."""
    import httpx

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.demo_annotation import annotate_demo
    from stormpetrel.cli.demo_posts import replay_and_wait, search_posts
    from stormpetrel.cli.demo_scenes import show_scenes
    from stormpetrel.cli.system import ensure_models, is_ready, start_in_background
    from stormpetrel.demo.night import write_night
    from stormpetrel.local.broker import fetch_libraries

    settings = load_settings()
    directory = settings.local.directory.resolve()
    with ERROR.status("Apache Kafka from Maven Central (the first time)"):
        fetch_libraries(settings.cache)
    with ERROR.status("text model (exported the first time: some minutes)"):
        ensure_models(settings, say)
    supervisor = None if is_ready(settings.api.port, settings.api.host) else start_in_background(directory, settings)
    address = f"http://{settings.api.host}:{settings.api.port}"
    try:
        say("the system is up")
        stream = data or write_night(directory / "demo", posts)
        say(f"replaying {stream}")
        replay_and_wait(stream, settings)
        truth = {} if data else json.loads((directory / "demo" / "truth.json").read_text(encoding="utf-8"))
        with httpx.Client(base_url=address, headers=api_headers(settings), timeout=60) as client:
            search_posts(client, truth)
            if data is None:
                scene = show_scenes(settings, client, directory / "demo" / "scenes")
                annotate_demo(client, {post_id: labels["flood"] for post_id, labels in truth.items()}, scene)
    except BaseException:
        if supervisor is not None:
            say("stopping what was started")
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        raise
    say(
        f"\nIt is up and keeps working: API {address} (try {address}/docs), logs in {directory / 'logs'}.\n"
        "Search it: .venv/bin/stormpetrel search 'strade allagate' --near 8.93,44.41,30. Stop it: make down"
    )

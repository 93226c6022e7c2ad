"""`stormpetrel demo`: the whole system on this machine, a night of posts through it, queries, alerts, an analyst."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stormpetrel.cli.command import api_headers, load_settings

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.demo.story import Story


def demo(
    data: Path | None = typer.Option(
        None, help="Real posts to play in place of the generated night: a folder or file."
    ),
    event: str | None = typer.Option(None, help="The event of the real posts; by default their largest flood."),
    posts: int = typer.Option(1200, min=50, help="How many posts the generated night has."),
) -> None:
    """Start everything, replay a flood night or a real event, search, label, alert, and leave it up (`make down` stops
    it)."""
    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.demo_event import event_story
    from stormpetrel.cli.system import ensure_models, is_ready, start_in_background
    from stormpetrel.core.errors import SetupError
    from stormpetrel.demo.story import generated_story
    from stormpetrel.local.broker import fetch_libraries

    settings = load_settings()
    directory = settings.local.directory.resolve()
    if event and not data:
        raise SetupError("--event names one of the events of real posts: give their folder too, by --data")
    story = event_story(data, event, directory / "demo") if data else generated_story(directory / "demo", posts)
    say(story.opening)
    with ERROR.status("Apache Kafka from Maven Central (the first time)"):
        fetch_libraries(settings.cache)
    with ERROR.status("text model (exported the first time: some minutes)"):
        ensure_models(settings, say)
    # Receivers of one's own hear nothing of a demo.
    options = ["--local-receivers"] if settings.alerting.receivers is None else []
    is_up = is_ready(settings.api.port, settings.api.host)
    supervisor = None if is_up else start_in_background(directory, settings, *options)
    address = f"http://{settings.api.host}:{settings.api.port}"
    try:
        say("the system is up")
        _tell(story, settings, address, directory / "demo")
    except BaseException:
        if supervisor is not None:
            say("stopping what was started")
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)
        raise
    question = story.questions[0].request["text"]
    say(
        f"\nIt is up and keeps working: API {address} (try {address}/docs), logs in {directory / 'logs'}.\n"
        f"Search it: .venv/bin/stormpetrel search '{question}'. Stop it: make down\n"
        f"Look at the night in a browser: {address}/"
    )


def _tell(story: Story, settings: Settings, address: str, folder: Path) -> None:
    """Plays the story through the system that is up, and shows what it answers."""
    import httpx

    from stormpetrel.cli.console import say
    from stormpetrel.cli.demo_alerts import make_rule, show_alerts, wait_until_told
    from stormpetrel.cli.demo_annotation import annotate_patches, annotate_posts
    from stormpetrel.cli.demo_incidents import show_incidents, show_verdict
    from stormpetrel.cli.demo_posts import list_newest, replay_and_wait, search_posts, write_map
    from stormpetrel.cli.demo_saved_search import follow_saved_search
    from stormpetrel.cli.demo_scenes import show_scenes
    from stormpetrel.cli.system import inbox_folder

    with httpx.Client(base_url=address, headers=api_headers(settings), timeout=60) as client:
        receivers = make_rule(client, story.alerted)
        say(f"replaying {story.earlier}; {', '.join(receivers)} will be told of its incidents")
        replay_and_wait(story.earlier, settings)
        search_posts(client, story)
        follow_saved_search(client, story, lambda: replay_and_wait(story.later, settings))
        list_newest(client, story)
        write_map(client, story, folder / "places.geojson")
        incident = show_incidents(client, must_open=story.is_generated)
        if story.truth:
            annotate_posts(client, story)
        if story.is_generated:
            scene = show_scenes(settings, client, folder / "scenes")
            incident = show_verdict(client)
            annotate_patches(client, scene)
        else:
            say("no satellite images come with these posts; `make demo` without DATA shows a made-up scene")
        if incident is not None:
            wait_until_told(client, receivers, incident)
            show_alerts(client, inbox_folder(settings), receivers, incident)

"""The demo's first part: posts through the system, searches, the newest posts, and a map of where they are."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

from consumers.sources.files import files_in, lines
from stormpetrel.cli.console import ERROR, say
from stormpetrel.cli.demo_live import live_night
from stormpetrel.cli.results import print_posts, print_response
from stormpetrel.cli.system import wait_until_processed
from stormpetrel.core.settings import Settings
from stormpetrel.demo.story import Story
from stormpetrel.log.admin import POST_GROUPS
from stormpetrel.log.producer import KafkaProducer
from stormpetrel.stores.author_key import open_pseudonyms

STALL_PATIENCE_S = 120.0
SHOWN, ASKED, NEWEST, PAGE = 10, 100, 5, 100
NAMED_PLACES = 5


def replay_and_wait(stream: Path, settings: Settings) -> None:
    """Plays the records as fast as it goes, and returns when every one is in both stores."""
    producers = KafkaProducer(settings.local_kafka), KafkaProducer(settings.local_kafka)
    started = time.monotonic()
    with live_night(*producers, open_pseudonyms(settings)) as night:
        night.play(lines(files_in(stream)))
    total = night.counts["published"]
    with Progress(console=ERROR, transient=True) as progress:
        bar = progress.add_task("posts through the system", total=max(1, 3 * total))

        def show(lag: int) -> None:
            progress.update(bar, completed=max(0, 2 * total - lag))

        wait_until_processed(settings, (*POST_GROUPS, "photos"), STALL_PATIENCE_S, show)
    seconds = time.monotonic() - started
    say(f"{total} posts went through in {seconds:.1f} s; {night.counts['dead']} broken records are dead letters")
    if night.streamed:
        say(f"{night.streamed} of them came over a WebSocket from a Jetstream server on this machine, as Bluesky's do")


def search_posts(client: httpx.Client, story: Story) -> None:
    """The story's questions, each with its figure, and what belongs to the first hit."""

    def ask(**query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.post("/v1/search", json={**query, "limit": ASKED}).raise_for_status().json()
        return answer

    example = None
    for question in story.questions:
        answer = ask(**question.request)
        post_ids = [hit["post_id"] for hit in answer["hits"]]
        example = example or next(iter(post_ids), None)
        figure = story.figure(post_ids) or f"{answer['total']} hits"
        if question.is_shown:
            print_response(f"a text: {question.title}", answer | {"hits": answer["hits"][:SHOWN]})
            say(f"{figure}; {answer['total']} hits in all\n")
        else:
            say(f"{question.title}: {figure}")
    if example is None:
        return
    answer = ask(post_id=example)
    print_response(f"a post: what is like {example}", answer | {"hits": answer["hits"][:SHOWN]})
    newest = answer["as_of"].get("time", {})
    say(f"as of: newest post {newest.get('event_time')}, ingested {newest.get('ingested_at')}\n")


def list_newest(client: httpx.Client, story: Story) -> None:
    """The newest posts of the story."""
    page = _page(client, story, NEWEST, None)
    print_posts(f"the newest {len(page['posts'])} of {page['total']} posts", page["posts"])


def write_map(client: httpx.Client, story: Story, file: Path) -> None:
    """Writes the places that the story's posts name as GeoJSON points, with how many posts name each."""
    posts: Counter[tuple[str, float, float]] = Counter()
    cursor, is_last = None, False
    while not is_last:
        page = _page(client, story, PAGE, cursor)
        for post in page["posts"]:
            places = {(place["name"], place["longitude"], place["latitude"]) for place in post.get("places", [])}
            posts.update(places)
        cursor = page["next_cursor"]
        is_last = cursor is None
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
            "properties": {"name": name, "posts": count},
        }
        for (name, longitude, latitude), count in posts.most_common()
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    most = ", ".join(f"{name} ({count})" for (name, _, _), count in posts.most_common(NAMED_PLACES))
    say(f"a map of {len(features)} places that posts name: {file}; most often: {most or 'none'}")


def _page(client: httpx.Client, story: Story, limit: int, cursor: str | None) -> dict[str, Any]:
    parameters: dict[str, str | int] = {"since": story.since, "until": story.until, "limit": limit}
    if cursor:
        parameters["cursor"] = cursor
    page: dict[str, Any] = client.get("/v1/posts", params=parameters).raise_for_status().json()
    return page

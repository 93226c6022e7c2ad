"""`stormpetrel search`, `verify` and `lag`: what can be found, whether nothing is lost, what is still to do."""

from __future__ import annotations

import base64
from pathlib import Path

import typer


def attach(app: typer.Typer) -> None:
    """Adds the commands of views."""
    app.command()(search)
    app.command()(verify)
    app.command()(lag)


def search(
    text: str = typer.Argument("", help="What to look for."),
    post_id: str | None = typer.Option(None, help="Look for what is like this post."),
    near: str | None = typer.Option(None, help="longitude,latitude or longitude,latitude,kilometres"),
    at: str | None = typer.Option(None, help="A moment, ISO 8601."),
    photo: Path | None = typer.Option(None, exists=True, dir_okay=False, help="Look for photos like this one."),
    fusion: str = typer.Option("tensor_min", help="How the lists are joined; adaptive_feedback is learned."),
    limit: int = typer.Option(10, min=1, max=100),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Ask the API, and show each hit with its rank per modality."""
    import httpx

    from stormpetrel.cli.console import print_json
    from stormpetrel.cli.results import print_answer
    from stormpetrel.core.errors import StoreUnavailable, StormpetrelError
    from stormpetrel.core.settings import Settings

    settings = Settings()
    question: dict[str, object] = {"limit": limit, "fusion": fusion}
    if photo:
        question["picture"] = base64.b64encode(photo.read_bytes()).decode()
    question |= {name: value for name, value in (("text", text), ("post_id", post_id), ("time", at)) if value}
    if near:
        question["place"] = _place(near)
    address = f"http://{settings.api.host}:{settings.api.port}/v1/search"
    try:
        reply = httpx.post(address, json=question, timeout=30)
    except httpx.HTTPError as error:
        raise StoreUnavailable(f"no API answers at {address} ({error}); start it: stormpetrel up") from error
    if reply.status_code != 200:
        raise StormpetrelError(f"the API answers {reply.status_code}: {reply.json()['detail']}")
    if as_json:
        print_json(reply.json())
    else:
        print_answer(text or post_id or (photo.name if photo else ""), reply.json())


def _place(near: str) -> dict[str, float]:
    from stormpetrel.core.errors import SetupError

    try:
        numbers = [float(part) for part in near.split(",")]
        longitude, latitude, *radius = numbers
    except ValueError as error:
        raise SetupError(f"--near takes longitude,latitude[,kilometres], not {near!r}") from error
    return {"longitude": longitude, "latitude": latitude, **({"radius_km": radius[0]} if radius else {})}


def verify(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Compare the log with both stores by id: exit 3 where a post is lost, doubled or unknown."""
    from dataclasses import asdict

    from stormpetrel.bootstrap import open_index, post_collection
    from stormpetrel.cli.console import ERROR, print_json
    from stormpetrel.core.errors import LostOrDoubled
    from stormpetrel.core.settings import Settings
    from stormpetrel.log.topic_reader import KafkaTopicReader
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.verification import verify as compare

    settings = Settings()
    with ERROR.status("reading the log and both stores"):
        found = compare(
            KafkaTopicReader(settings.kafka),
            MongoStore(settings.mongo.url, settings.mongo.database),
            open_index(settings),
            post_collection(settings).name,
        )
    if as_json:
        print_json({**asdict(found), "whole": found.whole})
    else:
        typer.echo(
            f"{found.expected} posts on the log, {found.documents} documents, {found.vectors} points; "
            f"{len(found.lost)} lost, {len(found.doubled)} doubled, {len(found.extra)} unknown, "
            f"{found.dead} dead letters"
        )
    if not found.whole:
        examples = ", ".join((found.lost + found.extra + found.doubled)[:5])
        raise LostOrDoubled(f"log and stores differ, at {examples}; is a consumer still at work? (stormpetrel lag)")


def lag(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """How many records each consumer group has still to work on."""
    from stormpetrel.cli.console import print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.log.admin import consumer_lags

    settings = Settings()
    found = consumer_lags(settings.kafka)
    if as_json:
        print_json(found)
    else:
        typer.echo("\n".join(f"{group}: {count}" for group, count in found.items()))

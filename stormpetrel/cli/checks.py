"""`stormpetrel verify`, `lag` and `doctor`: whether posts were lost, what is still to do, what the machine lacks."""

from __future__ import annotations

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import LostOrDoubled


def verify(as_json: AsJson = False) -> None:
    """Compare the log with both stores by id: exit 3 where a post is lost, doubled or unknown."""
    from dataclasses import asdict

    from stormpetrel.bootstrap import open_index, post_collection
    from stormpetrel.cli.console import ERROR
    from stormpetrel.log.topic_reader import KafkaTopicReader
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.verification import verify as compare

    settings = load_settings()
    with ERROR.status("reading the log and both stores"):
        result = compare(
            KafkaTopicReader(settings.kafka),
            MongoStore(settings.mongo.url, settings.mongo.database),
            open_index(settings),
            post_collection(settings).name,
        )
    text = (
        f"{result.expected:,} posts on the log, {result.documents:,} documents, {result.vectors:,} points; "
        f"{len(result.lost)} lost, {len(result.doubled)} doubled, {len(result.extra)} unknown, "
        f"{result.dead} dead letters"
    )
    print_result({**asdict(result), "whole": result.whole}, text, as_json)
    if not result.whole:
        examples = ", ".join((result.lost + result.extra + result.doubled)[:5])
        raise LostOrDoubled(f"log and stores differ, at {examples}; is a consumer still at work? (stormpetrel lag)")


def lag(as_json: AsJson = False) -> None:
    """How many records each consumer group has still to work on."""
    from stormpetrel.log.admin import consumer_lags

    lags = consumer_lags(load_settings().kafka)
    print_result(lags, "\n".join(f"{group}: {count:,} records" for group, count in lags.items()), as_json)


def doctor(
    only: str = typer.Option("all", help="tests: what `make test` needs; all: the demo too."), as_json: AsJson = False
) -> None:
    """Say what is missing on this machine, and how to get it: exit 2 where something is."""
    from stormpetrel.local.broker import require_java

    require_java()
    if as_json or only == "all":
        print_result({"python": True, "java": True, "maven": True}, "Python, Java and Maven are here", as_json)

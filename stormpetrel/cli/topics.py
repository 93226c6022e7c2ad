"""`stormpetrel topics`, `dead` and `schemas`: what is on Kafka, and its contract."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stormpetrel.cli.audit import note
from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import NotFound, SetupError

if TYPE_CHECKING:
    from stormpetrel.dead_letter_queue import DeadLetterQueue


def apply(as_json: AsJson = False) -> None:
    """Create the topics and set how long they keep; safe to repeat."""
    from stormpetrel.core.topics import all_topics
    from stormpetrel.log.admin import apply_topics

    changes = apply_topics(load_settings().kafka, all_topics())
    print_result(changes, "\n".join(f"{name}: {change}" for name, change in sorted(changes.items())), as_json)


def list_topics(as_json: AsJson = False) -> None:
    """The topics as they should be: key, partitions, retention."""
    from stormpetrel.core.topics import DAY_MS, all_topics

    rows = [
        {
            "topic": topic.name,
            "key": topic.key,
            "partitions": topic.partitions,
            "kept_days": topic.retention_ms // DAY_MS,
        }
        for topic in all_topics()
    ]
    lines = ["{topic}: key {key}, {partitions} partitions, kept {kept_days} days".format_map(row) for row in rows]
    print_result(rows, "\n".join(lines), as_json)


def list_dead(
    topic: str = typer.Argument("posts.raw", help="The topic whose dead letters to list."),
    limit: int = typer.Option(100, min=1, help="The most letters to list, the newest first."),
    as_json: AsJson = False,
) -> None:
    """List dead letters with their reasons."""
    letters = _dead_letter_queue(topic).newest(topic, limit)
    lines = ["{partition}/{offset}  {stage}  {provenance}: {reason}".format_map(letter) for letter in letters]
    print_result(letters, "\n".join([*lines, f"{len(letters)} dead letters of {topic}"]), as_json)


def replay_dead(
    topic: str = typer.Argument(help="The topic whose dead letters go through again."),
    purge: bool = typer.Option(False, help="Delete the letters that were sent."),
    as_json: AsJson = False,
) -> None:
    """Send dead letters through again, once their cause is mended."""
    count, cut = _dead_letter_queue(topic).replay(topic, purge)
    note(load_settings().kafka, "dead replay --purge" if purge else "dead replay", topic)
    text = f"{count} dead letters of {topic} sent again; what fails again is dead-lettered again with its reason"
    text += f"\n{cut} were too large to be kept whole: send smaller ones from where they came from" if cut else ""
    print_result({"topic": topic, "replayed": count, "cut": cut}, text, as_json)


def purge_dead(
    topic: str = typer.Argument(help="The topic whose dead letters are deleted."),
    before: datetime | None = typer.Option(None, help="Only those older than this moment (UTC)."),
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good."""
    count = _dead_letter_queue(topic).purge(topic, before)
    note(load_settings().kafka, "dead purge", topic)
    print_result({"topic": topic, "purged": count}, f"{count} dead letters of {topic} deleted", as_json)


def _dead_letter_queue(topic: str) -> DeadLetterQueue:
    from functools import partial

    from stormpetrel.dead_letter_queue import DeadLetterQueue, topic_named
    from stormpetrel.stores.author_key import open_pseudonyms

    try:
        topic_named(topic)
    except NotFound as error:
        raise SetupError(str(error)) from error
    settings = load_settings()
    return DeadLetterQueue.on_broker(settings.kafka, partial(open_pseudonyms, settings))


def export_schemas(
    directory: Path = typer.Argument(Path("docs/schemas"), help="Where the files go."), as_json: AsJson = False
) -> None:
    """Write the events' JSON Schemas and the AsyncAPI document."""
    from stormpetrel.core.schemas import export

    files = [str(file) for file in export(directory)]
    print_result(files, "\n".join(files), as_json)

"""`stormpetrel topics`, `dead` and `schemas`: what is on Kafka, and its contract."""

from __future__ import annotations

from pathlib import Path

import typer

from stormpetrel.cli.declaration import AsJson, add_group


def attach(app: typer.Typer) -> None:
    """Adds the commands about topics."""
    add_group(app, "topics", "The topics.", apply=apply, list=list_topics)
    add_group(app, "dead", "Records that could not be processed.", list=list_dead, replay=replay_dead)
    add_group(app, "schemas", "The published contract of the topics.", export=export_schemas)


def apply(as_json: AsJson = False) -> None:
    """Create the topics and set how long they keep; safe to repeat."""
    from stormpetrel.cli.console import print_result
    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import all_topics
    from stormpetrel.log.kafka import apply_topics

    settings = Settings()
    changes = apply_topics(settings.kafka.bootstrap, all_topics(), settings.kafka.replication_factor)
    print_result(changes, "\n".join(f"{name}: {change}" for name, change in sorted(changes.items())), as_json)


def list_topics(as_json: AsJson = False) -> None:
    """The topics as they should be: key, partitions, retention."""
    from stormpetrel.cli.console import print_result
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
    topic: str = typer.Argument("posts.raw", help="The topic whose dead letters to list."), as_json: AsJson = False
) -> None:
    """List dead letters with their reasons."""
    from stormpetrel.cli.console import print_result
    from stormpetrel.core.settings import Settings
    from stormpetrel.log.kafka import read_dead_letters

    _require_topic(topic)
    letters = [
        {
            "partition": letter.partition,
            "offset": letter.offset,
            "stage": letter.stage,
            "origin": letter.origin,
            "reason": letter.reason,
            "raw": letter.raw.decode(errors="replace"),
        }
        for letter in read_dead_letters(Settings().kafka.bootstrap, topic)
    ]
    lines = ["{partition}/{offset}  {stage}  {origin}: {reason}".format_map(letter) for letter in letters]
    print_result(letters, "\n".join([*lines, f"{len(letters)} dead letters of {topic}"]), as_json)


def replay_dead(
    topic: str = typer.Argument(help="The topic whose dead letters go through again."), as_json: AsJson = False
) -> None:
    """Send dead letters through again, once their cause is mended."""
    from consumers.sources.post_publisher import PostPublisher
    from consumers.sources.product_files import notice
    from stormpetrel.cli.console import print_result
    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import POSTS_RAW, PRODUCTS_ANNOUNCED
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log.kafka import Publisher, read_dead_letters

    _require_topic(topic)
    bootstrap = Settings().kafka.bootstrap
    publisher = Publisher(bootstrap)
    post_publisher = PostPublisher(publisher, "dead letters")
    product_publisher = ProductPublisher(publisher, "dead letters")
    count = 0
    for letter in read_dead_letters(bootstrap, topic):
        if topic == POSTS_RAW.name and letter.stage.startswith("source"):
            # A network's own form: through the normaliser once more.
            post_publisher.take(letter.raw, letter.origin)
        elif topic == PRODUCTS_ANNOUNCED.name and letter.stage.startswith("source"):
            product_publisher.take(letter.raw, notice, letter.origin)
        else:
            publisher.resend(topic, letter)
        count += 1
    publisher.flush()
    text = f"{count} dead letters of {topic} sent again; what fails again is dead-lettered again with its reason"
    print_result({"topic": topic, "replayed": count}, text, as_json)


def _require_topic(name: str) -> None:
    from stormpetrel.core.errors import SetupError
    from stormpetrel.core.topics import LIVE_TOPICS

    names = [topic.name for topic in LIVE_TOPICS]
    if name not in names:
        raise SetupError(f"no topic is called {name!r}; there are: {', '.join(names)}")


def export_schemas(
    directory: Path = typer.Argument(Path("docs/schemas"), help="Where the files go."), as_json: AsJson = False
) -> None:
    """Write the events' JSON Schemas and the AsyncAPI document."""
    from stormpetrel.cli.console import print_result
    from stormpetrel.core.schemas import export

    files = [str(file) for file in export(directory)]
    print_result(files, "\n".join(files), as_json)

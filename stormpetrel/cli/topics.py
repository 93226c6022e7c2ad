"""`stormpetrel topics`, `dead` and `schemas`: what stands on Kafka, and its contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from stormpetrel.core.topics import Topic


def attach(app: typer.Typer) -> None:
    """Adds the commands of topics."""
    topics = typer.Typer(help="The topics.", no_args_is_help=True)
    topics.command("apply")(topics_apply)
    topics.command("list")(topics_list)
    app.add_typer(topics, name="topics")
    dead = typer.Typer(help="Records that could not be worked on.", no_args_is_help=True)
    dead.command("list")(dead_list)
    dead.command("replay")(dead_replay)
    app.add_typer(dead, name="dead")
    schemas = typer.Typer(help="The published contract of the topics.", no_args_is_help=True)
    schemas.command("export")(schemas_export)
    app.add_typer(schemas, name="schemas")


def topics_apply(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Create the topics and set how long they keep; safe to repeat."""
    from stormpetrel.cli.console import print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import all_topics
    from stormpetrel.log.admin import apply_topics

    done = apply_topics(Settings().kafka, all_topics())
    if as_json:
        print_json(done)
    else:
        typer.echo("\n".join(f"{name}: {what}" for name, what in sorted(done.items())))


def topics_list(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """The topics as they should stand: key, partitions, retention."""
    from stormpetrel.cli.console import print_json
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
    if as_json:
        print_json(rows)
    else:
        typer.echo("\n".join("  ".join(f"{key}: {value}" for key, value in row.items()) for row in rows))


def dead_list(
    topic: str = typer.Argument("posts.raw", help="The topic whose dead letters to list."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List dead letters with their reasons."""
    from stormpetrel.cli.console import print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.log import read_dead_letters
    from stormpetrel.log.topic_reader import KafkaTopicReader

    letters = list(read_dead_letters(KafkaTopicReader(Settings().kafka), _topic(topic)))
    if as_json:
        print_json(
            [
                {
                    "partition": letter.record.partition,
                    "offset": letter.record.offset,
                    "stage": letter.stage,
                    "provenance": letter.provenance,
                    "reason": letter.reason,
                    "raw": letter.record.value.decode(errors="replace"),
                }
                for letter in letters
            ]
        )
    else:
        for letter in letters:
            where = f"{letter.record.partition}/{letter.record.offset}"
            typer.echo(f"{where}  {letter.stage}  {letter.provenance}: {letter.reason}")
        typer.echo(f"{len(letters)} dead letters of {topic}")


def dead_replay(topic: str = typer.Argument(help="The topic whose dead letters go through again.")) -> None:
    """Send dead letters through again, after what killed them is mended."""
    from consumers.sources.post_publisher import PostPublisher
    from consumers.sources.product_files import notice
    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import POSTS_RAW, PRODUCTS_ANNOUNCED
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log import read_dead_letters
    from stormpetrel.log.producer import KafkaProducer
    from stormpetrel.log.topic_reader import KafkaTopicReader

    kafka, dead_topic = Settings().kafka, _topic(topic)
    producer = KafkaProducer(kafka)
    source = PostPublisher(producer, "dead letters")
    notices = ProductPublisher(producer, "dead letters")
    sent = 0
    for letter in read_dead_letters(KafkaTopicReader(kafka), dead_topic):
        if topic == POSTS_RAW.name and letter.stage.startswith("source"):
            source.take(
                letter.record.value, letter.provenance
            )  # a network's own form: through the normaliser once more
        elif topic == PRODUCTS_ANNOUNCED.name and letter.stage.startswith("source"):
            notices.take(letter.record.value, notice, letter.provenance)
        else:
            producer.send(letter.revived(dead_topic))
        sent += 1
    producer.flush()
    typer.echo(f"{sent} dead letters of {topic} sent again; what still fails dies again with its reason")


def _topic(name: str) -> Topic:
    """Raises SetupError where there is no such topic."""
    from stormpetrel.core.errors import SetupError
    from stormpetrel.core.topics import LIVE_TOPICS

    topics = {topic.name: topic for topic in LIVE_TOPICS}
    if name not in topics:
        raise SetupError(f"no topic is called {name!r}; there are: {', '.join(topics)}")
    return topics[name]


def schemas_export(directory: Path = typer.Argument(Path("docs/schemas"), help="Where the files go.")) -> None:
    """Write the events' JSON Schemas and the AsyncAPI document."""
    from stormpetrel.core.schemas import export

    for file in export(directory):
        typer.echo(file)

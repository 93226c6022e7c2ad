"""`stormpetrel topics`, `dead` and `schemas`: what is on Kafka, and its contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import SetupError

if TYPE_CHECKING:
    from stormpetrel.core.topics import Topic


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
    topic: str = typer.Argument("posts.raw", help="The topic whose dead letters to list."), as_json: AsJson = False
) -> None:
    """List dead letters with their reasons."""
    from stormpetrel.log import read_dead_letters
    from stormpetrel.log.topic_reader import KafkaTopicReader

    letters = [
        {
            "partition": letter.record.partition,
            "offset": letter.record.offset,
            "stage": letter.stage,
            "provenance": letter.provenance,
            "reason": letter.reason,
            "raw": letter.record.value.decode(errors="replace"),
        }
        for letter in read_dead_letters(KafkaTopicReader(load_settings().kafka), _live_topic(topic))
    ]
    lines = ["{partition}/{offset}  {stage}  {provenance}: {reason}".format_map(letter) for letter in letters]
    print_result(letters, "\n".join([*lines, f"{len(letters)} dead letters of {topic}"]), as_json)


def replay_dead(
    topic: str = typer.Argument(help="The topic whose dead letters go through again."), as_json: AsJson = False
) -> None:
    """Send dead letters through again, once their cause is mended."""
    from consumers.sources.post_publisher import PostPublisher
    from consumers.sources.product_files import notice
    from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_RAW, PRODUCTS_ANNOUNCED
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log import read_dead_letters
    from stormpetrel.log.producer import KafkaProducer
    from stormpetrel.log.topic_reader import KafkaTopicReader

    kafka, live_topic = load_settings().kafka, _live_topic(topic)
    producer = KafkaProducer(kafka)
    post_publisher = PostPublisher(producer, "dead letters", live_topic)
    product_publisher = ProductPublisher(producer, "dead letters")
    count = cut = 0
    for letter in read_dead_letters(KafkaTopicReader(kafka), live_topic):
        if letter.is_cut:
            cut += 1
            continue
        if live_topic in (POSTS_RAW, POSTS_BACKFILL) and letter.stage.startswith("source"):
            # A network's own form: through the normaliser once more.
            post_publisher.take(letter.record.value, letter.provenance)
        elif topic == PRODUCTS_ANNOUNCED.name and letter.stage.startswith("source"):
            product_publisher.take(letter.record.value, notice, letter.provenance)
        else:
            producer.send(letter.revived(live_topic))
        count += 1
    producer.flush()
    text = f"{count} dead letters of {topic} sent again; what fails again is dead-lettered again with its reason"
    text += f"\n{cut} were too large to be kept whole: send smaller ones from where they came from" if cut else ""
    print_result({"topic": topic, "replayed": count, "cut": cut}, text, as_json)


def _live_topic(name: str) -> Topic:
    """Raises SetupError where there is no such topic."""
    from stormpetrel.core.topics import LIVE_TOPICS

    topics = {topic.name: topic for topic in LIVE_TOPICS}
    if name not in topics:
        raise SetupError(f"no topic is called {name!r}; there are: {', '.join(topics)}")
    return topics[name]


def export_schemas(
    directory: Path = typer.Argument(Path("docs/schemas"), help="Where the files go."), as_json: AsJson = False
) -> None:
    """Write the events' JSON Schemas and the AsyncAPI document."""
    from stormpetrel.core.schemas import export

    files = [str(file) for file in export(directory)]
    print_result(files, "\n".join(files), as_json)

"""`stormpetrel verify`, `lag` and `doctor`: whether posts were lost, what is still to do, what the machine lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from stormpetrel.cli.audit import note
from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import LostOrDoubled, SetupError

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.log import TopicReader
    from stormpetrel.replay import Repair
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.stores.qdrant import QdrantIndex
    from stormpetrel.verification import Verification


def verify(
    mend: bool = typer.Option(False, "--repair", help="Write again what is missing; needs that no group lags."),
    as_json: AsJson = False,
) -> None:
    """Compare the log with both stores by id: exit 3 where a post is lost, doubled or unknown."""
    from dataclasses import asdict

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.log.topic_reader import KafkaTopicReader
    from stormpetrel.store_bootstrap import open_index, post_collection
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.verification import verify as compare

    settings = load_settings()
    reader, collection = KafkaTopicReader(settings.kafka), post_collection(settings).name
    documents, vectors = MongoStore.of(settings.mongo), open_index(settings)
    done: dict[str, Any] = {}
    with ERROR.status("reading the log and both stores"):
        result = compare(reader, documents, vectors, collection)
        if mend and not result.whole:
            done = {"repair": asdict(_repaired(result, settings, reader, documents, vectors, collection))}
            note(settings.kafka, "verify --repair", collection)
            result = compare(reader, documents, vectors, collection)
    for action, ids in done.get("repair", {}).items():
        if ids and not as_json:
            say(f"{action}: {len(ids):,} posts, among them {', '.join(ids[:3])}")
    text = (
        f"{result.expected:,} posts on the log, {result.documents:,} documents, {result.vectors:,} points; "
        f"{len(result.lost)} lost, {len(result.doubled)} doubled, {len(result.extra)} unknown, "
        f"{result.dead} dead letters"
    )
    print_result({**asdict(result), "whole": result.whole, **done}, text, as_json)
    if not result.whole:
        examples = ", ".join((result.lost + result.extra + result.doubled)[:5])
        raise LostOrDoubled(f"log and stores differ, at {examples}; is a consumer still at work? (stormpetrel lag)")


def _repaired(
    verification: Verification,
    settings: Settings,
    reader: TopicReader,
    documents: MongoStore,
    vectors: QdrantIndex,
    collection: str,
) -> Repair:
    """Raises SetupError where a group still has records to do: what seems lost may only be late."""
    from stormpetrel.core.topics import POSTS_ENRICHED
    from stormpetrel.log.admin import POST_GROUPS, consumer_lags
    from stormpetrel.log.producer import KafkaProducer
    from stormpetrel.replay import repair
    from stormpetrel.store_bootstrap import index_projections, migrate_stores

    lags = consumer_lags(settings.kafka)
    if late := {group: lags[group] for group in POST_GROUPS if lags[group]}:
        groups = ", ".join(f"{group} has {count:,} records" for group, count in late.items())
        raise SetupError(f"{groups} still to do: what seems lost may only be late; repair when they are done")
    migrate_stores(settings, documents, vectors)
    projection = index_projections(settings, documents, vectors)[POSTS_ENRICHED]
    return repair(verification, reader, projection, KafkaProducer(settings.kafka), (documents, vectors), collection)


def lag(as_json: AsJson = False) -> None:
    """How many records each consumer group has still to work on."""
    from stormpetrel.log.admin import consumer_lags

    lags = consumer_lags(load_settings().kafka)
    print_result(lags, "\n".join(f"{group}: {count:,} records" for group, count in lags.items()), as_json)


def doctor(
    only: str = typer.Option("all", help="tests: what `make test` needs; all: the demo too."), as_json: AsJson = False
) -> None:
    """Say what is missing on this machine, and how to get it: exit 2 where something is."""
    from stormpetrel.imagery.readers.gdal import require_gdal
    from stormpetrel.local.broker import require_java

    gdal = require_gdal()
    require_java()
    if only == "all":
        runtime = _text_model_runtime(load_settings())
        text = f"Python, GDAL {gdal}, Java and Maven are here\n"
        if runtime:
            text += f"the text model runs on {runtime}"
        else:
            text += "the text model is not in the cache yet: `stormpetrel model export`, or `make demo`, brings it"
        result = {"python": True, "java": True, "maven": True, "gdal": gdal, "text_model_runtime": runtime}
        print_result(result, text, as_json)
    elif as_json:
        print_result({"python": True, "java": True, "maven": True, "gdal": gdal}, "", as_json)


def _text_model_runtime(settings: Settings) -> str | None:
    """What computes the text model on this machine: it is opened to see. None where it is not in the cache."""
    from stormpetrel.models.cores import usable_cores
    from stormpetrel.models.model_store import model_directory
    from stormpetrel.posts.text.encoder import TextEncoder, TextManifest

    model = settings.text_model
    if TextManifest.cached(settings.models, model.name) is None:
        return None
    directory = model_directory(settings.models, model.name)
    runtime = TextEncoder(directory, threads=model.threads, runtime=settings.inference.runtime).runtime
    return f"{runtime}, {model.threads or usable_cores()} threads"

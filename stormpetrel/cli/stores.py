"""`stormpetrel rebuild`: writes one store again from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import typer

from stormpetrel.cli.audit import note
from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import SetupError

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import Topic
    from stormpetrel.log import TopicReader
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.stores.qdrant import QdrantIndex


def rebuild(
    store: Literal["documents", "vectors"] = typer.Argument(help="documents: MongoDB; vectors: Qdrant."),
    from_empty: bool = typer.Option(False, "--from-empty", help="Drop what the log has written to it first."),
    accept_loss: bool = typer.Option(False, "--accept-loss", help="Drop also what the topics keep no longer."),
    as_json: AsJson = False,
) -> None:
    """Write one store again from the log, while the index consumer is stopped."""
    from stormpetrel.cli.console import ERROR
    from stormpetrel.learning.inference.judging import JUDGED
    from stormpetrel.log.admin import group_members
    from stormpetrel.log.topic_reader import KafkaTopicReader
    from stormpetrel.replay import NoDocuments, NoVectors
    from stormpetrel.replay import rebuild as replay
    from stormpetrel.store_bootstrap import index_projections, migrate_stores, open_index
    from stormpetrel.stores.mongo import MongoStore

    settings = load_settings()
    if members := group_members(settings.kafka, "index"):
        raise SetupError(f"{members} index consumers run: stop them first, they write newer events meanwhile")
    reader, documents, vectors = KafkaTopicReader(settings.kafka), MongoStore.of(settings.mongo), open_index(settings)
    with ERROR.status(f"rebuilding {store}") as status:

        def report(topic: Topic, read: int, total: int) -> None:
            status.update(f"{topic.name}: {read:,} of {total:,} records ({read / max(total, 1):.0%})")

        if from_empty:
            _empty(store, settings, reader, documents, vectors, accept_loss)
        if store == "vectors":
            documents.drop(JUDGED)  # the index consumer judges everything anew when it starts
        migrate_stores(settings, documents, vectors)
        projections = (
            index_projections(settings, documents, NoVectors())
            if store == "documents"
            else index_projections(settings, NoDocuments(), vectors)
        )
        counts = replay(reader, projections, report)
    note(settings.kafka, "rebuild --from-empty" if from_empty else "rebuild", store)
    lines = [f"{name}: {n['records']:,} records, {n['rejected']:,} of them dead letters" for name, n in counts.items()]
    print_result({"store": store, "topics": counts}, "\n".join(lines), as_json)


def _empty(
    store: str, settings: Settings, reader: TopicReader, documents: MongoStore, vectors: QdrantIndex, accept_loss: bool
) -> None:
    from stormpetrel.replay import PROJECTED, only_in_store
    from stormpetrel.store_bootstrap import patch_collection, photo_collection, post_collection

    if not accept_loss and (lost := only_in_store(reader, documents)):
        raise SetupError(
            f"{len(lost):,} posts and scenes in the stores are on no topic any more, among them {', '.join(lost[:3])}: "
            "emptying would lose them. Leave out --from-empty, or add --accept-loss"
        )
    if store == "documents":
        for name in PROJECTED:
            documents.drop(name)
    else:
        for collection in (post_collection(settings), patch_collection(settings), photo_collection(settings)):
            vectors.drop(collection.name)

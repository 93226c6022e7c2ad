"""`stormpetrel forget`: a person's posts are kept no more; and what is left of them, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from stormpetrel.cli.audit import note
from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import BadQuery, SetupError, StillKept

if TYPE_CHECKING:
    from pathlib import Path

    from stormpetrel.core.settings import Settings
    from stormpetrel.core.topics import Topic
    from stormpetrel.forgetting import Forgetting, Proof, Wanted
    from stormpetrel.posts.pseudonyms import Pseudonyms


def forget(
    authors: list[str] = typer.Option([], "--author", help="As the network has it (bsky:did:plc:…, x:9), or as kept."),
    posts: list[str] = typer.Option([], "--post", help="A post's id, as the network has it or as it is kept."),
    texts: list[str] = typer.Option([], "--text", help="Words of the posts: look for these, too."),
    prove: bool = typer.Option(False, "--prove", help="Forget nothing; search for what is left."),
    as_json: AsJson = False,
) -> None:
    """Forget posts, or authors with all their posts; then search every store and topic for what is left."""
    from stormpetrel.cli.console import ERROR
    from stormpetrel.forgetting import fingerprint, wanted
    from stormpetrel.stores.author_key import open_pseudonyms

    if not (authors or posts):
        raise SetupError("name who or what is to be forgotten: --author x:9, or --post x:1460")
    settings = load_settings()
    pseudonyms = open_pseudonyms(settings)
    try:
        looked_for = wanted(pseudonyms, posts, authors)
    except BadQuery as error:
        raise SetupError(str(error)) from error
    looked_for.texts |= set(texts)
    forgetting = _forgetting(settings, pseudonyms)
    result: dict[str, Any] = {}
    with ERROR.status("reading the topics and the stores") as status:
        if prove:
            forgetting.find_posts(looked_for)
        else:
            outcome = forgetting.forget(looked_for)
            note(settings.kafka, "forget", fingerprint(looked_for, pseudonyms))
            counts = dict(outcome.counts)
            result = {"posts": outcome.posts, "forgotten": counts, "saved_searches": outcome.searches}
        status.update("searching for what is left")
        proof = _proof(settings, forgetting, looked_for)
    print_result({**result, **proof.fields()}, "\n".join([*_done(result), *_left(proof)]), as_json)
    if proof.stays:
        places = ", ".join(trace.place for trace in proof.stays)
        raise StillKept(f"something stays in {places}: run this again; docs/personal_data.md says what each place does")


def _done(result: dict[str, Any]) -> list[str]:
    if not result:
        return []
    places = [f"  {place}: {count:,}" for place, count in sorted(result["forgotten"].items())]
    searches = [f"  saved search {each}, made from one of them, is deleted" for each in result["saved_searches"]]
    return [f"{result['posts']:,} posts are forgotten", *places, *searches]


def _left(proof: Proof) -> list[str]:
    total = f"searched {sum(proof.searched.values()):,} records, documents and points in {len(proof.searched)} places"
    lines = [
        f"  {trace.place}: {trace.count:,} {'with text' if trace.has_text else 'with ids alone'}, "
        + (f"until {trace.until:%Y-%m-%d %H:%M} UTC" if trace.until else "without an end")
        for trace in proof.traces
    ]
    copies = [f"{proof.copies:,} posts of other people have the same words, and stay"] if proof.copies else []
    return [total, *(["left:", *lines] if lines else ["nothing is left"]), *copies]


def _forgetting(settings: Settings, pseudonyms: Pseudonyms) -> Forgetting:
    from functools import partial

    from stormpetrel.forgetting import Forgetting, Stores
    from stormpetrel.log.deletion import delete_records
    from stormpetrel.log.producer import KafkaProducer
    from stormpetrel.log.topic_reader import KafkaTopicReader
    from stormpetrel.store_bootstrap import open_index, photo_collection, post_collection
    from stormpetrel.stores.mongo import MongoStore
    from stormpetrel.stores.photo_objects import PhotoObjects

    kafka, index = settings.kafka, open_index(settings)
    documents, photos = MongoStore.of(settings.mongo), PhotoObjects.of(settings.photos)
    posts, points = post_collection(settings).name, photo_collection(settings).name
    stores = Stores(documents, index, photos, posts, points, index.collections())
    return Forgetting(KafkaTopicReader(kafka), KafkaProducer(kafka), stores, pseudonyms, partial(delete_records, kafka))


def _proof(settings: Settings, forgetting: Forgetting, looked_for: Wanted) -> Proof:
    from stormpetrel.core.topics import all_topics
    from stormpetrel.log.admin import topic_as_set, topics_of_others

    topics: list[Topic] = [topic_as_set(settings.kafka, topic) for topic in all_topics()]
    topics += topics_of_others(settings.kafka)
    return forgetting.prove(looked_for, topics, _snapshots(settings))


def _snapshots(settings: Settings) -> list[Path]:
    """The detector's, where it runs on this machine."""
    return sorted(settings.detection.directory.glob("*.state"))

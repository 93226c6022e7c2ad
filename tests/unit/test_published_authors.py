"""Whatever a network calls an author stands on no topic of posts: in no id, link or address, dropped or published."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from consumers.photo_reader import PhotoReader, WantedPhoto
from consumers.sources.gated_posts import Gate
from consumers.sources.recent_events import RecentEvents, newest_events
from stormpetrel.connections import Download
from stormpetrel.core.errors import DownloadFailed
from stormpetrel.core.events import AwaitedPhoto, Post, PostDropped
from stormpetrel.core.topics import POSTS_DROPPED, POSTS_RAW
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.posts.gate.relevance import Irrelevant
from stormpetrel.posts.post_publisher import PostPublisher
from stormpetrel.posts.pseudonyms import Pseudonyms
from streams.enrich import EnrichBatch
from tests.source_servers.jetstream import commit
from tests.source_servers.mastodon import status

NAMES = Pseudonyms(bytes(32))
DID, OTHER_DID = "did:plc:z72i7hdynmk6r22z27h6tvur", "did:plc:ragtjsm2j2vknwkz3zp4oxrd"
ACCOUNT, HANDLE, USER = "109348579345871234", "ada_of_genova", "2244994945871234"


def bluesky() -> dict[str, Any]:
    event = {**commit(1), "did": DID}
    event["commit"]["record"] |= {
        "reply": {"parent": {"uri": f"at://{OTHER_DID}/app.bsky.feed.post/9z"}},
        "embed": {"images": [{"alt": "", "image": {"ref": {"$link": "bafkreib"}}}]},
    }
    return event


def mastodon() -> dict[str, Any]:
    photo = f"https://files.social.example/{ACCOUNT}/photo.jpg"
    written = status(
        1,
        account={"id": ACCOUNT, "acct": HANDLE},
        url=f"https://social.example/@{HANDLE}/10001",
        uri=f"https://social.example/users/{HANDLE}/statuses/10001",
        media_attachments=[{"type": "image", "url": photo}],
    )
    return {"event": "update", "payload": json.dumps(written), "server": "social.example"}


def x() -> dict[str, Any]:
    data = {"id": "1460", "author_id": USER, "created_at": "2026-01-01T00:00:00Z", "text": "The flood is here"}
    return {"data": data, "includes": {"users": [{"id": USER, "username": HANDLE}]}}


SENT = {"bluesky": bluesky(), "mastodon": mastodon(), "x": x()}


class AllWords:
    """A gate by words that lets everything through, or nothing."""

    def __init__(self, through: bool) -> None:
        self._through = through

    def lets_through(self, text: str, declared: str | None = None) -> bool:
        return self._through


def published(record: dict[str, Any], through: bool = True) -> MemoryLog:
    log = MemoryLog()
    producer = MemoryProducer(log)
    gate = Gate(AllWords(through), producer, 1.0)  # type: ignore[arg-type]
    PostPublisher(producer, "network", gate=gate, pseudonyms=NAMES).take(json.dumps(record).encode(), "1")
    producer.flush()
    return log


def topic_bytes(log: MemoryLog) -> bytes:
    records = [*log.records(POSTS_RAW.name), *log.records(POSTS_DROPPED.name)]
    return b"\n".join(part for each in records for part in (each.key or b"", each.value, *each.headers.values()))


@pytest.mark.parametrize("through", [True, False], ids=["published", "dropped"])
@pytest.mark.parametrize("network", SENT)
def test_no_record_names_the_author_of_a_post(network: str, through: bool) -> None:
    log = published(SENT[network], through)
    assert len(log.records((POSTS_RAW if through else POSTS_DROPPED).name)) == 1
    raw = topic_bytes(log)
    assert not [name for name in (DID, OTHER_DID, ACCOUNT, HANDLE, USER) if name.encode() in raw]


def test_a_dropped_post_has_the_name_that_its_author_has_elsewhere() -> None:
    (kept,) = published(bluesky()).records(POSTS_RAW.name)
    (dropped,) = published(bluesky(), through=False).records(POSTS_DROPPED.name)
    event = dropped.decode(PostDropped)
    assert event.post is not None
    assert (event.post_id, event.post.author_id) == (kept.decode(Post).post_id, NAMES.author(f"bsky:{DID}"))


class NothingRelevant:
    """What the worker asks of its enricher, where it finds every post irrelevant."""

    def enrich(self, posts: list[Post], gated: frozenset[str]) -> list[Irrelevant]:
        return [Irrelevant(post, -2.0, 0.0) for post in posts if post.post_id in gated]


@pytest.mark.parametrize("network", SENT)
def test_a_post_that_the_worker_drops_names_no_author_either(network: str) -> None:
    log = published(SENT[network])
    worker = EnrichBatch(NothingRelevant(), sampled_share=1.0)  # type: ignore[arg-type]
    (outgoing,) = asyncio.run(worker(log.records(POSTS_RAW.name)))
    (raw,) = log.records(POSTS_RAW.name)
    assert outgoing.topic == POSTS_DROPPED.name and json.loads(outgoing.value)["post"] == json.loads(raw.value)
    assert not [name for name in (DID, OTHER_DID, ACCOUNT, HANDLE, USER) if name.encode() in outgoing.value]


def test_a_repeat_is_known_by_what_stands_on_the_log() -> None:
    log = published(bluesky())
    recent = RecentEvents(1000)
    recent.learn(newest_events(MemoryTopicReader(log), POSTS_RAW))
    publisher = PostPublisher(MemoryProducer(log), "network", recent=recent, pseudonyms=NAMES)
    publisher.take(json.dumps(bluesky()).encode(), "1")
    assert publisher.counts == {"repeated": 1}


@pytest.mark.parametrize("network", ["bluesky", "mastodon"])
def test_a_sealed_photo_is_fetched_where_the_network_has_it(network: str) -> None:
    (record,) = published(SENT[network]).records(POSTS_RAW.name)
    post = record.decode(Post)
    (media,) = post.media
    assert media.url is not None and media.url.startswith("sealed:")
    asked: list[str] = []

    def get(url: str) -> Download:
        asked.append(url)
        raise DownloadFailed("not now")

    wanted = WantedPhoto(post.post_id, post.created_at, AwaitedPhoto(position=0, url=media.url))
    reader: Any = PhotoReader(get, None, None, NAMES.address)  # type: ignore[arg-type]
    (photo,) = reader.read([wanted])
    assert photo.awaited and (DID in asked[0] or ACCOUNT in asked[0])
    another: Any = PhotoReader(get, None, None, Pseudonyms(b"another key of thirty-two bytes!").address)  # type: ignore[arg-type]
    (photo,) = another.read([wanted])
    assert not photo.awaited and "privacy.author_key" in photo.problem and len(asked) == 1


@pytest.mark.parametrize(
    "address", [f"https://pds.example/blob?did={DID}&cid=1", f"https://cdn.example/{DID.replace(':', '%3A')}/1.jpg"]
)
def test_an_address_is_sealed_however_it_names_the_author(address: str) -> None:
    event = {**bluesky()}
    post = published(event).records(POSTS_RAW.name)[0].decode(Post)
    named = Post(**{**post.model_dump(), "author_id": f"bsky:{DID}", "media": [{"kind": "photo", "url": address}]})
    (media,) = NAMES.of(named).media  # type: ignore[union-attr]
    assert media.url is not None and media.url.startswith("sealed:")

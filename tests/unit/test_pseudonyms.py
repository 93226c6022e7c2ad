"""Authors are known by a keyed hash everywhere: in ids, links and addresses of photos; the key is made once."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.core.errors import MalformedRecord, SetupError
from stormpetrel.core.events import Post, encode
from stormpetrel.core.settings import Settings
from stormpetrel.posts.payloads import Skipped, read
from stormpetrel.posts.pseudonyms import Pseudonyms
from stormpetrel.stores.author_key import author_key, open_pseudonyms

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DID, OTHER = "did:plc:z72i7hdynmk6r22z27h6tvur", "did:plc:ragtjsm2j2vknwkz3zp4oxrd"
PICTURE = f"https://cdn.bsky.app/img/feed_fullsize/plain/{DID}/bafkreib@jpeg"
NAMES = Pseudonyms(bytes(32))


def bluesky(operation: str = "create") -> dict[str, Any]:
    record = {
        "text": "Acqua alta",
        "createdAt": "2025-11-04T20:00:00Z",
        "reply": {"parent": {"uri": f"at://{OTHER}/app.bsky.feed.post/9z"}},
        "embed": {"images": [{"alt": "street", "image": {"ref": {"$link": "bafkreib"}}}]},
    }
    commit = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": "3k", "record": record}
    return {"did": DID, "time_us": 1_762_286_400_000_000, "kind": "commit", "commit": commit}


def kept(record: dict[str, Any], names: Pseudonyms = NAMES) -> Any:
    events = read(json.dumps(record).encode(), NOW)
    assert not isinstance(events, Skipped)
    return names.of(events[0])


def test_nothing_in_a_bluesky_post_leads_to_its_author_or_to_whom_it_answers() -> None:
    post = kept(bluesky())
    assert DID.encode() not in encode(post) and OTHER.encode() not in encode(post)
    assert post.post_id == f"{post.author_id}/3k" and post.url is None
    assert post.reply_to == f"{NAMES.author(f'bsky:{OTHER}')}/9z"


def test_a_deletion_finds_its_post() -> None:
    assert kept(bluesky("delete")).post_id == kept(bluesky()).post_id


def test_the_address_of_a_photo_opens_with_the_key_alone() -> None:
    (media,) = kept(bluesky()).media
    assert media.url.startswith("sealed:") and NAMES.address(media.url) == PICTURE
    with pytest.raises(MalformedRecord, match=r"privacy\.author_key"):
        Pseudonyms(b"another key of thirty-two bytes!").address(media.url)
    assert NAMES.address("https://a/b.jpg") == "https://a/b.jpg"
    assert kept(bluesky()) == kept(bluesky()), "the same record gives the same event: a repeat changes nothing"


def test_links_back_are_kept_by_a_setting_alone() -> None:
    x = {"data": {"id": "1460", "author_id": "9", "created_at": "2025-11-04T20:00:00Z", "text": "Flood"}}
    assert kept(x).url is None and kept(x).post_id == "x:1460" and kept(x).author_id != "x:9"
    linked = kept(bluesky(), Pseudonyms(bytes(32), links=True))
    assert linked.url == f"https://bsky.app/profile/{DID}/post/3k" and linked.media[0].url == PICTURE


def test_the_same_author_has_the_same_name_and_another_one_with_another_key() -> None:
    other = Pseudonyms(b"another key of thirty-two bytes!")
    assert NAMES.author("x:9") == NAMES.author("x:9") != other.author("x:9")
    assert NAMES.author("x:9") != NAMES.author("mastodon:9").replace("mastodon", "x")
    assert NAMES.post_id(kept(bluesky()).post_id) == kept(bluesky()).post_id, "a name is not named again"


def test_an_author_without_a_network_is_one_of_the_source() -> None:
    record = {
        "id": "7",
        "text": "Acqua",
        "created_at": "2026-01-01T00:00:00Z",
        "author_id": "ada",
        "url": "https://a/1",
    }
    post = kept(record)
    assert isinstance(post, Post) and post.author_id == NAMES.author("file:ada") and post.url is None


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "author.key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: author_key(file), range(8)))
    assert len(keys) == 1 and len(keys.pop()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["author.key"]


def test_a_damaged_key_is_no_reason_to_make_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "author.key"
    for text, problem in (("%", "holds no key"), ("YQ==", "a key of 1 bytes")):
        file.write_text(text)
        with pytest.raises(SetupError, match=f"{problem}.*restore it"):
            author_key(file)
        assert file.read_text() == text


def test_the_settings_key_is_taken_before_the_file(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(32)).decode()
    settings = Settings(privacy={"author_key": key, "key_file": tmp_path / "never"})  # type: ignore[arg-type]
    assert open_pseudonyms(settings).author("x:9") == NAMES.author("x:9") and not (tmp_path / "never").exists()
    from_file = open_pseudonyms(Settings(local={"directory": tmp_path}))  # type: ignore[arg-type]
    assert from_file.author("x:9") == open_pseudonyms(Settings(local={"directory": tmp_path})).author("x:9")  # type: ignore[arg-type]
    assert key not in repr(settings)

"""A team's own reports by HTTP: ids by content, all or nothing, and clear faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from stormpetrel.core.clock import now
from stormpetrel.core.events import Post
from stormpetrel.core.topics import POSTS_RAW
from tests.unit.secured_api import SecuredApi, bearer

SEEN = {"text": "The underpass at the station is shut", "created_at": "2025-11-04T19:40:00Z"}


@pytest.fixture(scope="module")
def api() -> Iterator[SecuredApi]:
    with SecuredApi(rate_per_s=0) as running:
        yield running


@pytest.fixture(scope="module")
def key(api: SecuredApi) -> str:
    return api.make_key("anna", "ingest")


def send(api: SecuredApi, key: str, *reports: Any) -> Any:
    return api.client.post("/v1/posts", json={"posts": list(reports)}, headers=bearer(key))


def on_the_log(api: SecuredApi) -> dict[str, Post]:
    """The posts that this process has published, by their ids."""
    records = api.log.records(POSTS_RAW.name)
    return {post.post_id: post for post in (record.decode(Post) for record in records) if post.source == "team"}


def test_a_report_is_on_the_log_when_it_is_answered(api: SecuredApi, key: str) -> None:
    report = {
        **SEEN,
        "longitude": 8.93,
        "latitude": 44.41,
        "photos": ["https://example.invalid/1.jpg"],
        "language": "en",
    }
    answer = send(api, key, report)
    assert answer.status_code == 202, answer.text
    (taken,) = answer.json()["posts"]
    assert taken["outcome"] == "published"
    post = on_the_log(api)[taken["post_id"]]
    assert (post.text, post.source) == (SEEN["text"], "team")
    assert post.author_id is not None and post.author_id.startswith("team:") and "anna" not in post.author_id
    assert post.native_place is not None and post.native_place.longitude == 8.93
    assert post.media[0].url == "https://example.invalid/1.jpg"


def test_a_report_without_an_id_is_the_same_when_it_is_sent_again(api: SecuredApi, key: str) -> None:
    first, again = (send(api, key, SEEN).json()["posts"][0]["post_id"] for _ in range(2))
    later = send(api, key, {**SEEN, "created_at": "2025-11-04T19:41:00Z"}).json()["posts"][0]["post_id"]
    assert first == again != later
    in_another_zone = send(api, key, {**SEEN, "created_at": "2025-11-04T20:40:00+01:00"}).json()["posts"][0]["post_id"]
    without_a_zone = send(api, key, {**SEEN, "created_at": "2025-11-04T19:40:00"}).json()["posts"][0]["post_id"]
    assert first == in_another_zone == without_a_zone


def test_many_are_taken_together_and_a_repeat_among_them_is_told(api: SecuredApi, key: str) -> None:
    answer = send(api, key, {**SEEN, "id": "17"}, {**SEEN, "id": "18"}, {**SEEN, "id": "17"}).json()
    assert [(taken["post_id"], taken["outcome"]) for taken in answer["posts"]] == [
        ("team:17", "published"),
        ("team:18", "published"),
        ("team:17", "repeated"),
    ]


def test_a_report_of_ten_thousand_links_is_taken(api: SecuredApi, key: str) -> None:
    links = " ".join(f"h.io/{number % 10}" for number in range(2_800))
    assert send(api, key, {**SEEN, "text": links[:20_000]}).status_code == 202
    assert send(api, key, {**SEEN, "text": "https://h.io " * 10_000}).status_code == 422


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"text": "  "}, "posts.1.text", "empty"),
        ({"text": None}, "posts.1.text", "no text"),
        ({"created_at": "yesterday"}, "posts.1.created_at", "ISO"),
        ({"created_at": (now() + timedelta(days=2)).isoformat()}, "posts.1.created_at", "future"),
        ({"longitude": 8.93}, "posts.1", "both"),
        ({"longitude": 200, "latitude": 0}, "posts.1.longitude", "degrees"),
        ({"photos": ["file:///etc/passwd"]}, "posts.1.photos.0", "https"),
        ({"id": "a\nb"}, "posts.1.id", "one line"),
        ({"id": 17}, "posts.1.id", "no text"),
        ({"id": "team:"}, "posts.1.id", "empty"),
        ({"language": "klingon"}, "posts.1.language", "language"),
        ({"source": "x"}, "posts.1.source", "no field"),
    ],
)
def test_a_faulty_report_is_named_and_none_of_the_request_is_taken(
    api: SecuredApi, key: str, change: dict[str, Any], field: str, word: str
) -> None:
    before = set(on_the_log(api))
    answer = send(api, key, {**SEEN, "text": f"Beside {field} {word}"}, {**SEEN, **change})
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["detail"]
    assert fault["field"] == field
    assert word in f"{fault['problem']} {fault['remedy']}"
    assert set(on_the_log(api)) == before


def test_two_different_reports_of_one_id_and_too_many_are_refused(api: SecuredApi, key: str) -> None:
    answer = send(api, key, {**SEEN, "id": "20"}, {**SEEN, "id": "20", "text": "Another"})
    assert answer.json()["detail"][0]["field"] == "posts.1.id"
    assert send(api, key, *[SEEN] * 501).status_code == 422
    assert send(api, key).status_code == 422


def test_it_needs_the_scope_and_is_on_the_audit() -> None:
    with SecuredApi(rate_per_s=0) as api:
        reader, reporter = api.make_key("ada", "read"), api.make_key("anna", "ingest")
        assert send(api, reader, SEEN).status_code == 403
        assert send(api, reporter, SEEN).status_code == 202
    assert ("anna", "POST /v1/posts", "/v1/posts", "202") in api.audited()


def test_while_the_broker_is_away_nothing_is_promised(api: SecuredApi, key: str) -> None:
    api.log.available = False
    try:
        assert send(api, key, {**SEEN, "id": "away"}).status_code == 503
    finally:
        api.log.available = True

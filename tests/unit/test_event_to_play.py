"""Real events for the demo: which of a folder is chosen, what its labels mean, and what is no event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation import event_to_play
from stormpetrel.evaluation.event_to_play import period, read_event
from stormpetrel.posts.text.clean import canonical


def _record(number: int, **fields: Any) -> dict[str, Any]:
    moment = f"2024-01-01T{number // 60:02d}:{number % 60:02d}:00Z"
    return {"id": f"p{number}", "created_at": moment, "text": f"water in street number {number} of the town", **fields}


def _write(file: Path, records: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")


def _related(count: int, first: int = 0) -> list[dict[str, Any]]:
    labels = ("Related and informative", "Not related")
    return [_record(first + number, informativeness=labels[number % 2]) for number in range(count)]


@pytest.fixture
def crisislex(tmp_path: Path) -> Path:
    _write(tmp_path / "t26" / "2013_Small_floods.jsonl", _related(60))
    _write(tmp_path / "t26" / "2013_Large_floods.jsonl", list(reversed(_related(80))))
    _write(tmp_path / "t26" / "2013_Fire.jsonl", _related(120))
    return tmp_path


def test_the_largest_flood_is_played_in_the_order_of_time(crisislex: Path) -> None:
    event = read_event(crisislex)
    assert event.name == "2013_Large_floods" and event.is_flood and event.class_name is None
    assert [record["id"] for record in event.records] == [f"p{number}" for number in range(80)]
    assert list(event.posts) == [f"file:p{number}" for number in range(80)]
    assert sum(event.truth.values()) == 40 and len(event.truth) == 80
    assert event.languages == ("en",)
    first, last = period(event)
    assert first < last


def test_an_event_is_named_in_any_case(crisislex: Path) -> None:
    assert read_event(crisislex, "2013_fire").name == "2013_Fire"
    with pytest.raises(SetupError, match=r"no event 'Atlantis'.*2013_Fire, 2013_Large_floods, 2013_Small_floods"):
        read_event(crisislex, "Atlantis")


def test_an_event_too_large_to_be_played_whole_is_not_chosen_but_may_be_named(
    crisislex: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_to_play, "MOST_POSTS", 70)
    assert read_event(crisislex).name == "2013_Small_floods"
    named = read_event(crisislex, "2013_Large_floods")
    assert len(named.posts) == 70 and named.left_out == 10


def test_posts_of_one_text_fall_on_one_side(tmp_path: Path) -> None:
    records = [
        {**record, "text": f"RT @a: {record['text']}!" if number % 3 else record["text"]}
        for number, record in enumerate([*_related(90), *_related(90, first=90)])
    ]
    for record in records[90:]:
        record["text"] = records[int(record["id"][1:]) - 90]["text"]
    _write(tmp_path / "floods.jsonl", records)
    event = read_event(tmp_path)
    held_out = event.held_out()
    texts = {post_id: canonical(post.text) for post_id, post in event.posts.items()}
    judging = {texts[post_id] for post_id in held_out}
    assert 0 < len(held_out) < len(event.truth)
    assert not judging & {texts[post_id] for post_id in event.truth.keys() - held_out}


def test_where_all_belong_the_commonest_class_is_told_from_the_others(tmp_path: Path) -> None:
    classes = ["caution_and_advice", "missing_or_found_people", "caution_and_advice,sympathy_and_support"]
    _write(
        tmp_path / "mentions" / "en_a_floods.jsonl",
        [_record(number, humanitarian_label=classes[number % 3]) for number in range(90)],
    )
    event = read_event(tmp_path)
    assert event.class_name == "caution_and_advice" and sum(event.truth.values()) == 60


def test_a_post_of_several_photos_is_one(tmp_path: Path) -> None:
    labels = ("informative", "not_informative")
    records = [_record(number // 2, image_id=number, text_info=labels[number // 2 % 2]) for number in range(120)]
    _write(tmp_path / "floods.jsonl", records)
    assert len(read_event(tmp_path).posts) == 60


def test_posts_without_labels_are_played_and_judge_nothing(tmp_path: Path) -> None:
    status = {
        "id": "1",
        "created_at": "2024-01-01T00:00:00Z",
        "content": "<p>Water everywhere</p>",
        "account": {"id": "2"},
    }
    _write(tmp_path / "posts.jsonl", [_record(1), {"no": "post"}, status])
    event = read_event(tmp_path / "posts.jsonl")
    assert set(event.posts) == {"file:p1", "mastodon:1"} and not event.truth and not event.held_out()


@pytest.mark.parametrize("content", [None, "", "{}\n[1]\nno JSON\n"])
def test_a_folder_without_posts_is_refused_with_what_to_give(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "posts.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(SetupError, match=r"no posts in .*laid out like CrisisLex"):
        read_event(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        read_event(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("folder", "name", "class_name"),
    [
        ("tweets_crisislex", "2013_Queensland_floods", None),
        ("tweets_idrisi", "en_kerala_floods_2018", "rescue_volunteering_or_donation_effort"),
        ("tweets_crisismmd", "srilanka_floods", None),
    ],
)
def test_the_published_sets_are_read(data: Path, folder: str, name: str, class_name: str | None) -> None:
    event = read_event(data / folder)
    assert (event.name, event.class_name) == (name, class_name)
    assert event.languages[0] == "en" and 0.3 < len(event.held_out()) / len(event.truth) < 0.7

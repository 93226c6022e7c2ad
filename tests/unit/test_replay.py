"""Replaying files: folders, gzip, the pace of the posts' own times, broken lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from consumers.sources.files import files_in, lines, replay
from consumers.sources.post_publisher import PostPublisher
from stormpetrel.core.errors import SetupError
from stormpetrel.core.topics import Topic


class Recording:
    """An EventProducer that remembers what it was given, and when on a clock of its own."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []
        self.dead: list[tuple[bytes, str, str]] = []
        self.flushed = 0
        self.clock = 0.0

    def publish(self, topic: Topic, key: str, event: Any, trace: str | None = None) -> None:
        self.sent.append((key, self.clock))

    def dead_letter(self, topic: Topic, raw: bytes, reason: str, stage: str, provenance: str) -> None:
        self.dead.append((raw, reason, provenance))

    def flush(self, timeout_s: float = 60) -> None:
        self.flushed += 1


def _line(number: int, second: int) -> str:
    return json.dumps({"id": str(number), "text": "flood", "created_at": f"2026-01-01T00:00:{second:02}Z"}) + "\n"


def _play(path: Path, speed: float | None) -> Recording:
    recording = Recording()
    replay(files_in(path), PostPublisher(recording, "files"), speed)
    return recording


def test_a_folder_is_replayed_whole_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(_line(2, 0))
    (tmp_path / "deep").mkdir()
    with gzip.open(tmp_path / "deep" / "a.jsonl.gz", "wt") as file:
        file.write(_line(3, 0) + "\n" + _line(4, 0))
    (tmp_path / "notes.txt").write_text("not posts")
    assert [key for key, _ in _play(tmp_path, None).sent] == ["file:2", "file:3", "file:4"]


def test_a_broken_line_dies_with_its_bytes_its_reason_and_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(_line(1, 0).encode() + b'{"id": "2", "te\n\n' + b"\xff\xfe\n" + _line(3, 0).encode())
    recording = _play(file, None)
    assert [key for key, _ in recording.sent] == ["file:1", "file:3"]
    assert [(raw, provenance) for raw, _, provenance in recording.dead] == [
        (b'{"id": "2", "te', "posts.jsonl:2"),
        (b"\xff\xfe", "posts.jsonl:4"),
    ]
    assert ["JSON" in reason for _, reason, _ in recording.dead] == [True, True]
    assert recording.flushed == 1


@pytest.mark.parametrize(("speed", "expected"), [(1.0, [0, 2, 6]), (2.0, [0, 1, 3])])
def test_posts_come_at_the_pace_of_their_own_times(
    tmp_path: Path, speed: float, expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text(_line(3, 16) + _line(1, 10) + _line(2, 12))  # out of order, as files are
    recording = Recording()
    monkeypatch.setattr("consumers.sources.files.time.monotonic", lambda: recording.clock)

    def sleep(seconds: float) -> None:
        recording.clock += seconds

    replay([file], PostPublisher(recording, "files"), speed, sleep=sleep)  # type: ignore[arg-type]
    assert [key for key, _ in recording.sent] == ["file:1", "file:2", "file:3"]
    assert [moment for _, moment in recording.sent] == pytest.approx(expected)


def test_a_folder_without_posts_says_what_it_wants(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"\.jsonl"):
        files_in(tmp_path)


def test_every_real_sample_is_a_post_or_passed_or_dead_with_a_reason(data: Path) -> None:
    for file in sorted((data / "stream_payloads").glob("*.jsonl")):
        recording = Recording()
        publisher = PostPublisher(recording, "files")  # type: ignore[arg-type]
        replay([file], publisher, None)
        assert sum(publisher.counts.values()) >= len(list(lines([file]))), file.name
        assert publisher.counts["published"] > 0, file.name
        cut_off = "captured_redacted" in file.name and "stream" in file.name
        assert publisher.counts["dead"] == (1 if cut_off else 0), (file.name, recording.dead)

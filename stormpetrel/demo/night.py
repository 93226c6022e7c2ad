"""Generates a flood night: posts of several networks and languages, near-duplicates and noise, and the truth of each.

The same seed gives the same night. Text is made from the project's phrases; place names are real. Half of the posts are
worded by held-out phrases: nothing learns from these, and figures are of them alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from stormpetrel.demo.pictures import data_url, scene_of

PHRASES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8"))
START = datetime(2025, 11, 4, 16, 0, tzinfo=UTC)
HOURS = 8
PEAK_HOUR = 4.0
PHOTO_SHARE = 0.3  # of the posts on X
HELD_OUT_SHARE = 0.5
NOISE_WHERE_IT_FLOODS = 1 / 3  # of what is not about the flood: a place alone must not tell them apart
LANGUAGE_SHARES = {"it": 0.5, "en": 0.22, "es": 0.1, "fr": 0.1, "de": 0.08}


@dataclass(frozen=True)
class GeneratedPost:
    """One post of the night and the truth about it. `repeats` is the id of the post that it is a near-duplicate of;
    `held_out` says that its phrase is one of those that nothing learns from."""

    record: dict[str, Any]
    post_id: str
    text: str
    created_at: datetime
    flood: bool
    place: str | None
    repeats: str | None
    held_out: bool


def phrases_of(kind: str, language: str, held_out: bool) -> list[str]:
    """The phrases of a kind (`flood`, `noise`) in a language, held out or not, with {place}, {street}, {hour}, {n} in
    them."""
    phrases: list[str] = PHRASES[kind][language]["held_out" if held_out else "learned"]
    return phrases


def flood_night(size: int = 1200, seed: int = 7) -> list[GeneratedPost]:
    """`size` posts in the order of time: about 45 % on the flood, 15 % near-duplicates of those, 40 % noise."""
    chance = random.Random(seed)
    hours = sorted(min(max(chance.gauss(PEAK_HOUR, 1.6), 0.0), float(HOURS)) for _ in range(size))
    night: list[GeneratedPost] = []
    for number, moment in enumerate(START + timedelta(hours=hour) for hour in hours):
        flood_posts = [post for post in night if post.flood and not post.repeats]
        roll = chance.random()
        if roll < 0.15 and flood_posts:
            night.append(_repeat(chance, number, moment, chance.choice(flood_posts[-60:])))
        else:
            night.append(_original(chance, number, moment, flood=roll < 0.6))
    return night


def _original(chance: random.Random, number: int, moment: datetime, flood: bool) -> GeneratedPost:
    language = chance.choices(list(LANGUAGE_SHARES), list(LANGUAGE_SHARES.values()))[0]
    held_out = chance.random() < HELD_OUT_SHARE
    phrase = chance.choice(phrases_of("flood" if flood else "noise", language, held_out))
    flooded = PHRASES["flooded"]
    if flood or chance.random() < NOISE_WHERE_IT_FLOODS:
        place = chance.choices(list(flooded), [6, 2, 1, 1])[0]
    else:
        place = chance.choice(PHRASES["elsewhere"])
    names, where = flooded.get(place, ({}, None))
    street = chance.choice(PHRASES["streets"])
    hour, n = f"{moment:%H:%M}", chance.randint(3, 180)
    text = phrase.format(place=names.get(language, place), street=street, hour=hour, n=n)
    point = where if flood and chance.random() < 0.1 else None
    post_id, record = _form(chance, number, moment, text, language, point)
    if post_id.startswith("x:") and chance.random() < PHOTO_SHARE:
        record["data"]["attachments"] = {"media_keys": ["3_1"]}
        photo = {"media_key": "3_1", "type": "photo", "url": data_url(scene_of(chance, flood), number)}
        record["includes"] = {"media": [photo]}
    named = place if "{place}" in phrase else None
    return GeneratedPost(record, post_id, text, moment, flood, named, None, held_out)


def _repeat(chance: random.Random, number: int, moment: datetime, original: GeneratedPost) -> GeneratedPost:
    text = f"RT @someone: {original.text}"
    x_id = str(5_000_000 + number)
    record = _x(x_id, moment, text, None, None)
    if original.post_id.startswith("x:") and chance.random() < 0.5:
        record["data"]["referenced_tweets"] = [{"type": "retweeted", "id": original.post_id[2:]}]
    return GeneratedPost(record, f"x:{x_id}", text, moment, True, original.place, original.post_id, original.held_out)


def _form(
    chance: random.Random, number: int, moment: datetime, text: str, language: str, point: tuple[float, float] | None
) -> tuple[str, dict[str, Any]]:
    """The post in the form of one network: X, Bluesky, Mastodon or a plain line. Only X and lines carry points."""
    network = "x" if point else chance.choices(["x", "bluesky", "mastodon", "plain"], [5, 2, 2, 1])[0]
    stamp = moment.isoformat().replace("+00:00", "Z")
    if network == "x":
        x_id = str(1_000_000 + number)
        return f"x:{x_id}", _x(x_id, moment, text, language, point)
    if network == "bluesky":
        did, key = f"did:plc:demo{number % 97:02d}", f"k{number:06d}"
        written = {"$type": "app.bsky.feed.post", "createdAt": stamp, "langs": [language], "text": text}
        commit = {"rev": "1", "operation": "create", "collection": "app.bsky.feed.post", "rkey": key, "record": written}
        event = {"did": did, "time_us": int(moment.timestamp() * 1e6), "kind": "commit", "commit": commit}
        return f"bsky:{did}/{key}", event
    if network == "mastodon":
        status: dict[str, Any] = {"id": str(110_000_000 + number), "created_at": stamp, "language": language}
        status |= {"content": f"<p>{text}</p>", "account": {"id": str(number % 89)}}
        status |= {"media_attachments": [], "reblog": None}
        return f"mastodon:{status['id']}", {"stream": ["public"], "event": "update", "payload": json.dumps(status)}
    return f"file:demo-{number}", {"id": f"demo-{number}", "created_at": stamp, "text": text, "lang": language}


def _x(
    x_id: str, moment: datetime, text: str, language: str | None, point: tuple[float, float] | None
) -> dict[str, Any]:
    data: dict[str, Any] = {"id": x_id, "created_at": moment.isoformat().replace("+00:00", "Z"), "text": text}
    if language:
        data["lang"] = language
    if point:
        data["geo"] = {"coordinates": {"type": "Point", "coordinates": list(point)}}
    return {"data": data, "matching_rules": [{"id": "1", "tag": "flood words"}]}


def lines(night: list[GeneratedPost]) -> Iterator[str]:
    """The records as JSON lines; after every 400th a broken one, which becomes a dead letter."""
    for count, post in enumerate(night, start=1):
        yield json.dumps(post.record, ensure_ascii=False)
        if count % 400 == 0:
            yield '{"data": {"id": "cut off in the mid'


def write_truth(directory: Path, night: list[GeneratedPost]) -> None:
    """Writes `truth.json`: post id -> flood, place, repeats, held_out."""
    fields = ("flood", "place", "repeats", "held_out")
    truth = {post.post_id: {name: getattr(post, name) for name in fields} for post in night}
    (directory / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=0), encoding="utf-8")


def write_night(directory: Path, size: int = 1200, seed: int = 7) -> Path:
    """Writes `night.jsonl` (the stream) and `truth.json`; the stream's path."""
    directory.mkdir(parents=True, exist_ok=True)
    night = flood_night(size, seed)
    stream = directory / "night.jsonl"
    stream.write_text("".join(f"{line}\n" for line in lines(night)), encoding="utf-8")
    write_truth(directory, night)
    return stream

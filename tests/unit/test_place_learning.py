"""Labelled posts, swapped names, the scores, and a tagger that is trained on a few posts and evaluated on others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.place_scores import PointTally, SpanTally
from stormpetrel.evaluation.places import evaluate, posts_by_event, recognise
from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.tagger.labelled_mentions import (
    GoldMention,
    LabelledPost,
    read_recognition,
    read_resolution,
)
from stormpetrel.posts.places.tagger.mention_replacement import swapped
from stormpetrel.posts.places.tagger.tagger_files import has_seen, write_tagger
from stormpetrel.posts.places.tagger.training import CONFIG_FILE, train_tagger

TOWNS = ["Houston", "Genova", "Porto", "Chennai", "Valencia", "Tampere", "Dresden", "Lyon", "Galle", "Austin"]


@pytest.fixture(scope="module")
def directory(cache: Path) -> Path:
    return ensure_gazetteer(cache)


@pytest.fixture(scope="module")
def gazetteer(directory: Path) -> Gazetteer:
    return Gazetteer(directory)


def posts(event: str, towns: list[str]) -> list[LabelledPost]:
    found = []
    for number in range(120):
        town = towns[number % len(towns)]
        text = f"Flood water in the streets of {town}" if number % 3 else f"Nobody hurt so far {number} {event}"
        start = text.find(town)
        mentions = (GoldMention(start, start + len(town), "City/town"),) if start >= 0 else ()
        found.append(LabelledPost(text, mentions, event, "en", ""))
    return found


def short_config(folder: Path) -> Path:
    file = folder / "short.cfg"
    file.write_text(
        CONFIG_FILE.read_text().replace("max_epochs = 7", "max_epochs = 8").replace("width = 96", "width = 32")
    )
    return file


def test_names_are_swapped_for_others_and_offsets_follow(gazetteer: Gazetteer) -> None:
    before = posts("a", TOWNS)
    after = swapped(before, gazetteer, 1.0, 3)
    assert len(after) == 80, "posts without a name teach nothing twice"
    names = [post.text[one.start : one.end] for post in after for one in post.mentions]
    assert len(set(names)) > 40 and all(post.text.endswith(name) for post, name in zip(after, names, strict=True))
    assert swapped(before, gazetteer, 1.0, 3) == after


def test_a_tagger_is_the_same_each_time_and_knows_what_it_learned_from(tmp_path: Path, gazetteer: Gazetteer) -> None:
    learned, other = posts("en_learned", TOWNS[:6]), posts("en_other", TOWNS[6:])
    said: list[str] = []
    first = train_tagger(learned, gazetteer, said.append, short_config(tmp_path))
    again = train_tagger(learned, gazetteer, said.append, short_config(tmp_path))
    texts = [post.text for post in other]
    found = [[(one.start_char, one.end_char) for one in doc.ents] for doc in first.pipe(texts)]
    assert found == [[(one.start_char, one.end_char) for one in doc.ents] for doc in again.pipe(texts)]
    assert len(said) == 16
    card = {"data": "generated", "gazetteer": gazetteer.version, "posts": {"en_learned": 120}, "held_out": None}
    write_tagger(tmp_path / "tagger", first, learned, card)
    assert has_seen(tmp_path / "tagger", learned)
    report = recognise(posts_by_event(other), gazetteer, tmp_path / "tagger", said.append)
    assert report["held_out_by_training"] == [] and report["exact"]["r"] > 0.5
    words = json.loads((tmp_path / "tagger" / "vocab" / "strings.json").read_text())
    assert "Houston" not in words, "no text of the posts is in the files"
    assert "places-tagger@" in (tmp_path / "tagger" / "README.md").read_text()


def test_a_plain_tagger_is_the_baseline_and_knows_no_gazetteer(gazetteer: Gazetteer, tmp_path: Path) -> None:
    events = {"en_a": posts("en_a", TOWNS[:5]), "en_b": posts("en_b", TOWNS[5:])}
    bare = train_tagger(events["en_a"], gazetteer, print, short_config(tmp_path), bare=True)
    assert bare.pipe_names == ["ner"]
    assert [doc.text for doc in bare.pipe(["Flood in Houston"])] == ["Flood in Houston"]


def test_an_evaluation_reports_names_points_and_the_footprint(tmp_path: Path, directory: Path) -> None:
    data = tmp_path / "set"
    for part in ("mentions", "resolved"):
        (data / part).mkdir(parents=True)
        lines = [
            {
                "text": "Flood in Houston, Texas",
                "lang": "en",
                "event": "e",
                "created_at": f"2020-01-01T00:00:{n:02}Z",
                "location_mentions": [
                    {
                        "text": "Houston",
                        "type": "City/town",
                        "start": 9,
                        "end": 16,
                        "offset_ok": True,
                        "lat": 29.76,
                        "lon": -95.37,
                        "boundingbox": [29.5, 30.1, -95.8, -95.0],
                    },
                    {"text": "x", "start": 90, "end": 99},
                ],
            }
            for n in range(20)
        ]
        (data / part / "en_e.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "broken\n")
    assert len(read_recognition(tmp_path)) == len(read_resolution(data)) == 20
    from stormpetrel.bootstrap import TAGGER

    report = evaluate(data, directory, TAGGER, print, plain=False)
    assert report["recognition"]["exact"]["r"] == 1.0
    assert report["recognition"]["by_event"].keys() == {"en_e"}
    assert report["resolution"]["acc161"] == report["resolution"]["in_box"] == report["resolution"]["mrr5"] == 1.0
    assert report["posts_per_s"] > 0 and report["rss_mib"] > 0
    with pytest.raises(SetupError, match="tweets_idrisi"):
        read_recognition(directory)


def test_scores_are_those_of_the_textbook() -> None:
    tally = SpanTally()
    tally.add([(0, 5), (10, 20), (30, 33)], [(0, 5), (12, 20)])
    assert tally.exact_scores() == {"p": 0.3333, "r": 0.5, "f1": 0.4}
    assert tally.overlap_scores() == {"p": 0.6667, "r": 1.0, "f1": 0.8}
    points = PointTally(mentions=4, kilometres=[1.0, 200.0, 100.0], in_box=[True, False], right_ranks=[1, 3, 2, 0])
    told = points.report()
    assert (told["answered"], told["acc161"], told["acc161_of_all"]) == (0.75, 0.6667, 0.5)
    assert (told["median_km"], told["in_box"], told["mrr1"], told["mrr3"]) == (100.0, 0.5, 0.25, 0.4583)

"""Labelled posts, mention replacement, scores, and a tagger that is trained on a few posts and evaluated on others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
from stormpetrel.posts.places.tagger.mention_replacement import replace_mentions
from stormpetrel.posts.places.tagger.tagger_files import was_trained_on, write_tagger
from stormpetrel.posts.places.tagger.training import CONFIG_FILE, train_tagger

TOWNS = ["Houston", "Genova", "Porto", "Chennai", "Valencia", "Tampere", "Dresden", "Lyon", "Galle", "Austin"]


@pytest.fixture(scope="module")
def directory(cache: Path) -> Path:
    return ensure_gazetteer(cache)


@pytest.fixture(scope="module")
def gazetteer(directory: Path) -> Gazetteer:
    return Gazetteer(directory)


def posts(event: str, towns: list[str]) -> list[LabelledPost]:
    labelled = []
    for number in range(120):
        town = towns[number % len(towns)]
        text = f"Flood water in the streets of {town}" if number % 3 else f"Nobody hurt so far {number} {event}"
        start = text.find(town)
        mentions = (GoldMention(start, start + len(town), "City/town"),) if start >= 0 else ()
        labelled.append(LabelledPost(text, mentions, event, "en", ""))
    return labelled


def short_config(folder: Path) -> Path:
    file = folder / "short.cfg"
    file.write_text(
        CONFIG_FILE.read_text().replace("max_epochs = 7", "max_epochs = 8").replace("width = 96", "width = 32")
    )
    return file


def test_names_are_replaced_and_offsets_follow(gazetteer: Gazetteer) -> None:
    originals = posts("a", TOWNS)
    replaced = replace_mentions(originals, gazetteer, 1.0, 3)
    assert len(replaced) == 80, "posts without a name are not repeated"
    names = [post.text[mention.start : mention.end] for post in replaced for mention in post.mentions]
    assert len(set(names)) > 40
    assert [post.text for post in replaced] == [f"Flood water in the streets of {name}" for name in names]
    assert replace_mentions(originals, gazetteer, 1.0, 3) == replaced


def spans(pipeline: Any, texts: list[str]) -> list[list[tuple[int, int]]]:
    return [[(entity.start_char, entity.end_char) for entity in doc.ents] for doc in pipeline.pipe(texts)]


def test_training_is_deterministic_and_the_tagger_knows_its_training_posts(
    tmp_path: Path, gazetteer: Gazetteer
) -> None:
    training, other = posts("en_training", TOWNS[:6]), posts("en_other", TOWNS[6:])
    progress: list[str] = []
    first, second = (train_tagger(training, gazetteer, progress.append, short_config(tmp_path)) for _ in range(2))
    texts = [post.text for post in other]
    assert sum(map(len, spans(first, texts))) > 40
    assert spans(first, texts) == spans(second, texts)
    assert len(progress) == 16
    card = {"data": "generated", "gazetteer": gazetteer.version, "posts": {"en_training": 120}, "held_out": None}
    write_tagger(tmp_path / "tagger", first, training, card)
    assert was_trained_on(tmp_path / "tagger", training) and not was_trained_on(tmp_path / "tagger", other)
    report = recognise(posts_by_event(other), gazetteer, tmp_path / "tagger", progress.append)
    assert report["held_out_by_training"] == [] and report["exact"]["r"] > 0.5
    words = json.loads((tmp_path / "tagger" / "vocab" / "strings.json").read_text())
    assert "Houston" not in words, "no text of the posts is in the files"
    assert "places-tagger@" in (tmp_path / "tagger" / "README.md").read_text()


def test_the_baseline_tagger_has_no_gazetteer_features(gazetteer: Gazetteer, tmp_path: Path) -> None:
    baseline = train_tagger(posts("en_a", TOWNS[:5]), gazetteer, print, short_config(tmp_path), bare=True)
    assert baseline.pipe_names == ["ner"]
    assert len(spans(baseline, ["Flood in Houston"])) == 1, "it runs without a gazetteer"


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
    report = points.report()
    assert (report["answered"], report["acc161"], report["acc161_of_all"]) == (0.75, 0.6667, 0.5)
    assert (report["median_km"], report["in_box"], report["mrr1"], report["mrr3"]) == (100.0, 0.5, 0.25, 0.4583)

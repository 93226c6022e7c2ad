"""Concepts and the relevance of photos by prompts, and the evaluation of a folder like CrisisMMD's with its photos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image
from typer.testing import CliRunner

from stormpetrel.cli import build_app
from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import CONFIG_DIRECTORY
from stormpetrel.evaluation.crisismmd import COLUMNS, read_photo_set
from stormpetrel.evaluation.photos import evaluate_photos
from stormpetrel.fusion import METHODS
from stormpetrel.posts.places.geoparser.geoparser import Geoparser
from stormpetrel.posts.vision.clip import ClipModel, is_clip_cached
from stormpetrel.posts.vision.concepts import read_concepts
from stormpetrel.posts.vision.model import DescriptorModel
from stormpetrel.posts.vision.prompts import read_prompts
from tests.hand_made_clip import COLOURS, PROMPTS, write_clip
from tests.unit.test_evaluation import WordVectors

EVENTS = {"genoa_floods": "brown", "forest_wildfires": "red", "hurricane_ada": "blue"}
CLASSES = {"infrastructure_and_utility_damage": "", "not_humanitarian": "green"}
POSTS_A_CLASS = 8


def _picture(colour: str, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-20, 20, (24, 32, 3))
    return np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)


def _row(event: str, class_name: str, number: int) -> dict[str, str]:
    tweet_id = f"{event[0]}{class_name[0]}{number}"
    return {
        "tweet_id": tweet_id,
        "image_id": f"{tweet_id}_0",
        "image_info": "not_informative" if class_name == "not_humanitarian" else "informative",
        "image_human": class_name,
        "tweet_text": f'post {number} "of {event} {class_name}',
        "image_path": f"data_image/{event}/{number + 1}_10_2017/{tweet_id}_0.png",
    }


def _write(folder: Path, rows: Mapping[str, list[dict[str, str]]]) -> None:
    (folder / "annotations").mkdir(parents=True)
    for event, lines in rows.items():
        text = "\n".join("\t".join(line.values()) for line in [dict(zip(COLUMNS, COLUMNS, strict=True)), *lines])
        (folder / "annotations" / f"{event}_final_data.tsv").write_text(text + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = {}
    for event, event_colour in EVENTS.items():
        rows[event] = [_row(event, class_name, n) for class_name in CLASSES for n in range(POSTS_A_CLASS)]
        for seed, row in enumerate(rows[event]):
            file = tmp_path / row["image_path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_picture(CLASSES[row["image_human"]] or event_colour, seed)).save(file)
    _write(tmp_path, rows)
    return tmp_path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipModel:
    return ClipModel(write_clip(tmp_path_factory.mktemp("clip") / "colours"))


def test_photos_are_scored_by_their_prompts(clip: ClipModel) -> None:
    flood, meadow = clip.extract([_picture("brown"), _picture("green")])
    assert max(flood.concepts, key=flood.concepts.__getitem__) == "muddy water"
    assert max(meadow.concepts, key=meadow.concepts.__getitem__) == "meadow"
    assert sum(flood.concepts.values()) == pytest.approx(1, abs=0.05)
    assert flood.relevance is not None and meadow.relevance is not None
    assert flood.relevance > 0.9 > 0.1 > meadow.relevance


def test_scores_are_the_softmax_at_the_scale_that_the_model_learned(clip: ClipModel) -> None:
    (flood,) = clip.extract([_picture("brown")])
    colours = np.array(list(COLOURS.values())) / 127.5 - 1
    logits = 10 * (colours / np.linalg.norm(colours, axis=1, keepdims=True)) @ flood.vector
    softmax = np.exp(logits) / np.exp(logits).sum()
    assert flood.concepts["muddy water"] == pytest.approx(softmax[0], abs=1e-4)


def test_colours_alone_give_photos_no_relevance() -> None:
    (features,) = DescriptorModel(read_concepts(CONFIG_DIRECTORY / "concepts.yaml")).extract([_picture("brown")])
    assert features.relevance is None


def test_a_model_with_other_prompts_is_not_the_one_that_is_asked_for(tmp_path: Path) -> None:
    write_clip(tmp_path / "colours")
    assert is_clip_cached(tmp_path, "colours", PROMPTS)
    assert not is_clip_cached(tmp_path, "colours", PROMPTS.model_copy(update={"flood": ("brown", "blue")}))


def test_the_shipped_prompts_ask_for_every_concept() -> None:
    concepts = read_concepts(CONFIG_DIRECTORY / "concepts.yaml")
    prompts = read_prompts(CONFIG_DIRECTORY / "flood_prompts.yaml", concepts)
    assert list(prompts.concepts) == concepts.names
    assert len(prompts.texts) == len(concepts.names) + len(prompts.flood) + len(prompts.other)
    assert prompts.concepts["flooded street"] == "a photo of a flooded street"
    assert prompts.concepts["dog"] == "a photo of dog"


@pytest.mark.parametrize("text", ["", "- flood", "flood: []\nother: [a lake]", "flood: [a flood]", "flood: ["])
def test_a_broken_file_of_prompts_says_what_it_needs(tmp_path: Path, text: str) -> None:
    (tmp_path / "prompts.yaml").write_text(text)
    with pytest.raises(SetupError, match="lists `flood` and `other`"):
        read_prompts(tmp_path / "prompts.yaml", read_concepts(CONFIG_DIRECTORY / "concepts.yaml"))


def test_an_evaluation_scores_photos_and_what_they_add(folder: Path, clip: ClipModel, geoparser: Geoparser) -> None:
    report = evaluate_photos(read_photo_set(folder), 30, (WordVectors(), clip), geoparser)
    assert json.loads(orjson.dumps(report)) == report
    assert report["photos"] == {"photos": 48, "missing": 0, "unreadable": 0, "unreadable_lines": 0, "used": 48}
    assert report["understands_photos"] and report["visual_model"].startswith("colours@")
    methods = report["methods"]
    singles = {"text", "lexical", "space", "time", "visual", "concepts"}
    assert methods.keys() == singles | {f"{name}{lists}" for name in METHODS for lists in ("", "_photos", "_posts")}
    # Each event has a colour of its own, and so has its one class that is judged.
    assert methods["visual"]["map"] == methods["concepts"]["map"] == methods["tensor_min_photos"]["map"] == 1
    assert report["fused"] == "tensor_min" and 0 < report["p_of_photos"] <= 1
    assert report["relevance"] == {"ap": 1.0, "share": 0.25, "photos": 32}, "hurricanes are left out"


def test_missing_and_broken_photos_and_lines_are_counted(folder: Path, clip: ClipModel, geoparser: Geoparser) -> None:
    first, second, *_ = sorted((folder / "data_image").rglob("*.png"))
    first.unlink()
    second.write_bytes(b"no picture")
    annotations = folder / "annotations" / "genoa_floods_final_data.tsv"
    outside = _row("genoa_floods", "not_humanitarian", 9) | {"image_path": "../../1_10_2017/etc.png"}
    annotations.write_text(annotations.read_text() + "\t".join(outside.values()) + "\nhalf a line\n")
    said: list[str] = []
    report = evaluate_photos(read_photo_set(folder), 30, (WordVectors(), clip), geoparser, said.append)
    counts = {"photos": 50, "missing": 2, "unreadable": 1, "unreadable_lines": 1, "used": 46}
    assert report["photos"] == counts
    assert sum(report["missing_by_event"].values()) == 2
    assert any("2 are missing, 1 cannot be read" in line for line in said)


def test_colours_alone_are_evaluated_by_name(folder: Path, geoparser: Geoparser) -> None:
    model = DescriptorModel(read_concepts(CONFIG_DIRECTORY / "concepts.yaml"))
    report = evaluate_photos(read_photo_set(folder), 30, (WordVectors(), model), geoparser)
    assert not report["understands_photos"] and report["relevance"] is None


def test_a_folder_without_annotations_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="CrisisMMD_v2"):
        read_photo_set(tmp_path)


def test_annotations_without_their_photos_say_where_these_are(tmp_path: Path) -> None:
    _write(tmp_path, {"genoa_floods": [_row("genoa_floods", "not_humanitarian", 0)]})
    with pytest.raises(SetupError, match=r"none of the 1 photos.*data_image"):
        read_photo_set(tmp_path)


def test_annotations_without_a_column_name_it(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "genoa_floods_final_data.tsv").write_text("tweet_id\timage_id\n1\t1_0\n")
    with pytest.raises(SetupError, match="no column image_info"):
        read_photo_set(tmp_path)


def test_the_command_tells_of_a_folder_without_annotations(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["eval", "photos", "--data", str(tmp_path)])
    assert isinstance(result.exception, SetupError)


def test_the_moment_of_a_post_is_in_its_id_or_in_the_path_of_its_photo(tmp_path: Path) -> None:
    rows = [_row("genoa_floods", "not_humanitarian", n) for n in range(2)]
    rows[1]["tweet_id"] = "917791044158185473"
    for row in rows:
        file = tmp_path / row["image_path"]
        file.parent.mkdir(parents=True)
        Image.fromarray(_picture("green")).save(file)
    _write(tmp_path, {"genoa_floods": rows})
    by_path, by_id = (post.post.at for post in read_photo_set(tmp_path).posts)
    assert by_path == 1506816000  # 2017-10-01
    assert datetime.fromtimestamp(by_id, UTC).date().isoformat() == "2017-10-10"

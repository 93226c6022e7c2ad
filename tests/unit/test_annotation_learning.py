"""The label catalogue, the cascade, structured queries, stopping advice and the evaluation's form."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stormpetrel.bootstrap import label_catalogue
from stormpetrel.cli import build_app
from stormpetrel.core.errors import BadQuery, SetupError
from stormpetrel.core.events import LabelDefined
from stormpetrel.evaluation.annotation import cascade_report, evaluate_patches
from stormpetrel.evaluation.generated_scene import generated_scene
from stormpetrel.evaluation.labelled_scene import is_scene, read_scene, scale_levels_of, write_scene
from stormpetrel.learning.active.cascade import Level, LevelLabels, descend, parents_of
from stormpetrel.learning.active.embedding_cache import Items
from stormpetrel.learning.active.selection import advise, next_round
from stormpetrel.learning.active.structured_query import Matcher, Predicate
from stormpetrel.learning.evaluation.reports import binary_report, confusion
from stormpetrel.learning.training.examples import Examples
from stormpetrel.learning.training.kernel import kernel_of
from stormpetrel.learning.training.support_vector_ranker import fit
from tests.property.test_learning import NOW

LEVEL_1 = {"agriculture", "bare-ground", "forest", "transportation", "urban-area", "water-bodies"}


@pytest.fixture
def two_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluations' means are over two runs in place of five: every figure is there in less than half the time."""
    for module in ("annotation", "annotated_posts"):
        monkeypatch.setattr(f"stormpetrel.evaluation.{module}.SEEDS", 2)


def test_the_catalogue_has_two_levels_and_every_class_of_corine() -> None:
    catalogue = label_catalogue()
    patches = [label for label in catalogue.labels if label.kind == "patches"]
    assert {label.id for label in patches if label.level == 1} == LEVEL_1
    codes = [code for label in patches for code in label.corine]
    assert len(codes) == len(set(codes)) == 44
    assert {label.id for label in catalogue.named("Coniferous forest", "patches")} == {"forest/coniferous-forest"}
    assert {label.parent for label in catalogue.named("Inland waters", "patches")} == {"water-bodies"}


def test_users_labels_go_below_existing_ones_and_change_the_version() -> None:
    catalogue = label_catalogue()
    version = catalogue.version
    burnt = LabelDefined(label="forest/burnt-last-year", title="Burnt", annotator="ada", defined_at=NOW)
    catalogue.define(burnt)
    assert catalogue.get("forest/burnt-last-year").kind == "patches" and catalogue.version != version
    for label in ("lost", "nowhere/at-all", "forest/mixed-forest"):
        with pytest.raises(BadQuery):
            catalogue.define(burnt.model_copy(update={"label": label}))
    with pytest.raises(BadQuery, match="did you mean forest/mixed-forest"):
        catalogue.get("mixed-forest")


def test_a_coarse_label_is_handed_down_and_only_accepted_patches_are_scored() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros(400, dtype=bool)
    truth[:24] = True  # six coarse patches of four
    fine = (rng.standard_normal((400, 6)) * 0.3 + truth[:, None] * 2).astype(np.float32)
    parents = np.repeat(np.arange(100), 4)
    coarse = fine.reshape(100, 4, 6).mean(axis=1)
    levels = [Level(240, coarse, np.full(100, -1)), Level(120, fine, parents)]
    # No fine patch is labelled.
    labels = [LevelLabels([0, 50, 60, 70], [1, -1, -1, -1]), LevelLabels()]
    descent = descend(levels, labels)
    assert descent.scored == {240: 100, 120: int(descent.seen.sum())} and descent.saved > 0.3
    assert descent.seen[truth].all() and ((descent.scores > 0) == truth).mean() > 0.95
    assert descent.scores[~descent.seen].max() <= descent.scores[descent.seen].min()
    # Fine patches without a known coarser one are scored: no model has ruled them out.
    unseen = np.flatnonzero(~descent.seen)[:3]
    parents[unseen] = -1
    assert descend([levels[0], Level(120, fine, parents)], labels).seen[unseen].all()


def test_parents_are_derived_from_patch_ids() -> None:
    coarse = {"S|T/32632/g480/r1024c0102": 0, "S|T/32632/g480/r1025c0102": 1}
    fine = ["S|T/32632/g120/r4098c0411", "S|T/32632/g120/r4100c0408", "S|U/32632/g120/r4098c0411"]
    assert parents_of(fine, coarse).tolist() == [0, 1, -1]


def test_predicates_are_joined_by_and_or_and_not() -> None:
    items = Items(
        ["x:a", "x:b", "x:c"],
        np.eye(3, dtype=np.float32),
        np.array([1, 2, 3]) * 86_400_000,
        np.array([179.0, -179.0, np.nan]),
        np.array([10.0, 10.0, np.nan]),
        np.arange(3),
        [
            {"products": ["S1A_X"], "sensors": ["sentinel-1"]},
            {"products": ["S2A_Y"], "sensors": None},
            {"products": None, "sensors": None},
        ],
    )

    def with_label(label: str, source: str) -> np.ndarray:
        return np.array([label == "forest" and source == "people", source == "model", False])

    def inside(label: str, scale_level: int) -> np.ndarray:
        return np.array([(label, scale_level) == ("flood-water", 480), False, False])

    everything = np.ones(3, dtype=bool)
    matcher = Matcher(
        items, with_label, inside, lambda item_id: items.vectors[items.rows[item_id]], lambda _: everything
    )

    def matches(**fields: object) -> list[bool]:
        return matcher.matches(Predicate.model_validate(fields)).tolist()

    assert matches() == [True] * 3
    assert matches(box=[170, 0, -170, 20]) == [True, True, False], "over the 180th meridian"
    assert matches(since="1970-01-03T00:00:00Z") == [False, True, True]
    assert matches(any=[{"product": "S2A"}, {"label": "forest", "label_source": "people"}]) == [True, True, False]
    assert matches(none=[{"sensor": "sentinel-1"}], all=[{"label": "water"}]) == [False, True, False]
    assert matches(like={"item_id": "x:c", "at_least": 0.9}) == [False, False, True]
    assert matches(inside="flood-water@480") == [True, False, False]
    with pytest.raises(ValueError, match="write label@px"):
        matches(inside="flood-water")
    assert matches(circle={"longitude": 180, "latitude": 10, "radius_km": 200}) == [True, True, False]
    with pytest.raises(ValueError, match="swap them"):
        matches(since="1970-01-03T00:00:00Z", until="1970-01-01T00:00:00Z")


def test_it_advises_to_stop_when_nothing_moves_and_not_before() -> None:
    rng = np.random.default_rng(2)
    matrix = np.concatenate([rng.standard_normal((150, 4)) + 3, rng.standard_normal((150, 4)) - 3]).astype(np.float32)
    kernel = kernel_of(matrix)

    def examples(rows: list[int], inverted: bool = False) -> Examples:
        signs = [1 if (row < 150) != inverted else -1 for row in rows]
        return Examples(np.array(rows), matrix[rows], np.array(signs, np.int8))

    previous = fit(matrix[[0, 1, 200, 201]], np.array([1, 1, -1, -1], np.int8), kernel)
    labelled = examples([0, 1, 200, 201, 5, 250])
    current = next_round(matrix, labelled, fit(labelled.vectors, labelled.signs, kernel), 5)
    assert advise(None, current.ranker, current.scores, matrix, examples([5])).stop is False
    scores = previous.scores(matrix)
    assert advise(previous, previous, scores, matrix, examples([5, 250])).stop is True
    surprised = advise(previous, previous, scores, matrix, examples([5, 250], inverted=True))
    assert surprised.stop is False and surprised.errors == 2


def test_a_report_leaves_undefined_measures_out_and_counts_an_absent_side_as_no_error() -> None:
    report = binary_report([True, True, False], [False, False, False], [0.3, 0.1, 0.2])
    assert report["precision"] is None and report["recall"] == 0 and report["f1"] == 0
    assert report["average_precision"] == pytest.approx((1 + 2 / 3) / 2) and report["precision_at"] == {}
    assert report["confusion"] == {"true_positive": 0, "false_positive": 0, "false_negative": 2, "true_negative": 1}
    assert binary_report([False, False], [False, False])["macro_f1"] == 1
    assert confusion(["a", "b"], ["b", "b"]) == {"a": {"a": 0, "b": 1}, "b": {"a": 0, "b": 1}}


@pytest.mark.usefixtures("two_seeds")
def test_a_generated_scene_has_scale_levels_that_fit_and_a_cascade_that_saves() -> None:
    scale_levels = scale_levels_of(generated_scene(1920))
    assert [len(scale_level.parents) for scale_level in scale_levels] == [16, 64, 256]
    for coarse, fine in pairwise(scale_levels):
        for label, bears in fine.truth.items():
            around = np.zeros(len(coarse.parents), dtype=bool)
            np.logical_or.at(around, fine.parents, bears)
            assert (coarse.truth[label] == around).all()
    report = cascade_report(scale_levels)
    assert report["scored_share"] < 0.6 and report["accuracy"] > report["full_accuracy"] - 0.1


def test_a_labelled_scene_is_read_as_written_and_faults_are_named(tmp_path: Path) -> None:
    scene = generated_scene(480, seed=5)
    assert not is_scene(tmp_path)
    write_scene(scene, tmp_path)
    assert is_scene(tmp_path)
    for written, kept in zip(scale_levels_of(scene), scale_levels_of(read_scene(tmp_path)), strict=True):
        assert written.scale_level == kept.scale_level and (written.parents == kept.parents).all()
        assert all((written.vectors[name] == kept.vectors[name]).all() for name in written.vectors)
        assert all((written.truth[label] == kept.truth[label]).all() for label in written.truth)
    classes = (tmp_path / "classes.json").read_text(encoding="utf-8")
    (tmp_path / "classes.json").write_text('{"forest": [3]}', encoding="utf-8")
    with pytest.raises(SetupError, match="codes"):
        read_scene(tmp_path)
    (tmp_path / "classes.json").write_text(classes, encoding="utf-8")
    (tmp_path / "truth.tif").write_bytes((tmp_path / "optical.tif").read_bytes())
    with pytest.raises(SetupError, match=r"truth.tif has 4 bands"):
        read_scene(tmp_path)


@pytest.mark.usefixtures("two_seeds", "model_directory")
def test_the_evaluation_gives_plausible_figures_on_a_folder_of_events(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORMPETREL_CACHE", str(cache))
    folder = tmp_path / "events" / "t26"
    folder.mkdir(parents=True)
    for event, word in (("one", "flood in the valley"), ("two", "fire on the hill")):
        lines = [
            {
                "id": f"{event}-{n}",
                "created_at": "2026-01-01T00:00:00Z",
                "text": f"{word} number {n} of {n * n}" if n % 3 else f"my lunch was {n} eggs {n * 3}",
                "informativeness": "Related and informative" if n % 3 else "Not related",
            }
            for n in range(90)
        ]
        (folder / f"{event}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    arguments = ["eval", "annotation", "--data", str(tmp_path), "--scene", "960", "--json"]
    result = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    report = json.loads(result.stdout)
    scene = report["patches"]["generated"]
    assert scene["patches"] == 64, "960 px are eight patches of 120 px a side"
    for name in ("accuracy_by_round", "random_by_round", "from_example_by_round", "ap_by_round"):
        by_class = [figures[name] for figures in scene["by_class"].values()]
        assert scene[name] == pytest.approx(np.mean(by_class, axis=0), abs=1e-4), "the mean over the classes"
        assert len(scene[name]) == 3 and all(0.3 < value <= 1 for value in scene[name])
    assert scene["accuracy_by_round"][2] > scene["accuracy_by_round"][0] - 0.05
    assert 0.5 < scene["one_shot"] <= 1 and set(scene["descriptors"]) == {"sar", "ms", "fused"}
    assert scene["by_class"] == scene["descriptors"]["fused"]["by_class"]
    posts = report["posts"]["events"]
    assert posts["labels"] == 200 and posts["events"] == 2 and set(posts["by_event"]) == {"one", "two"}
    assert 1 >= posts["macro_f1"] > 0.9 and posts["whole_event"] >= posts["macro_f1"] - 0.01


def test_real_patches_are_annotated_by_level_one(data: Path) -> None:
    report = evaluate_patches(data / "s1s2_bigearthnet", label_catalogue(), 0, lambda _: None)["s1s2_bigearthnet"]
    assert set(report["descriptors"]) == {"sar", "ms", "fused"} and set(report["classes"]) <= LEVEL_1
    assert report["classes"] and report["accuracy_by_round"][2] >= report["accuracy_by_round"][0] - 0.05

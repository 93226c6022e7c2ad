"""Laws of judging: labels are a function of the vectors and the newest models, whatever came before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stormpetrel.learning.inference import judgement
from stormpetrel.learning.inference.judgement import Judge
from stormpetrel.learning.training.linear_model import LinearModel
from tests.unit.judged_index import DIMENSIONS, World, annotations_of, model, patch, patch_model, post, unit_rows

LABELS = ["posts/a:flood", "posts/b:fire"]
Weights = st.lists(st.floats(-3, 3).map(lambda value: round(value, 3)), min_size=DIMENSIONS, max_size=DIMENSIONS)
Models = st.tuples(Weights, st.floats(-1, 1).map(lambda value: round(value, 3)))


def labels_of(world: World, collection: str = "posts") -> dict[str, Sequence[str]]:
    points = world.index.collections[collection].values()
    return {point.id: point.payload["labels"] for point in points}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.tuples(st.sampled_from(LABELS), Models), min_size=1, max_size=6))
def test_judging_twice_is_judging_once_and_only_the_newest_models_count(
    seed: int, history: list[tuple[str, tuple[list[float], float]]]
) -> None:
    rows = unit_rows(seed, 30)
    bearing = np.random.default_rng(seed).integers(0, 2, size=(30, 2)).astype(bool)
    before = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in bearing.tolist()]
    step_by_step = World([post(number, row, labels=before[number]) for number, row in enumerate(rows)])
    for number, (label, (weights, intercept)) in enumerate(history):
        step_by_step.scorer.take(model(weights, intercept, f"v{number}", label))
        step_by_step.judging.catch_up()
    once = labels_of(step_by_step)
    step_by_step.judging.forget()
    assert step_by_step.judging.catch_up() == 0 and labels_of(step_by_step) == once
    # A replay: the same posts as the worker's models left them, judged by the newest models alone.
    replayed = World([post(number, row, labels=before[number]) for number, row in enumerate(rows)])
    for event in step_by_step.scorer.models():
        replayed.scorer.take(event)
    replayed.judging.catch_up()
    assert labels_of(replayed) == once


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), Models, st.integers(1, 7))
def test_the_index_judges_as_the_model_itself(seed: int, fields: tuple[list[float], float], page: int) -> None:
    rows, linear = unit_rows(seed, 30), LinearModel(np.array(fields[0]), fields[1])
    world = World([post(number, row) for number, row in enumerate(rows)])
    original, judgement.PAGE = judgement.PAGE, page
    try:
        Judge(world.index, "posts", "text").by_linear_model("posts:flood", linear)
    finally:
        judgement.PAGE = original
    length = max(float(np.linalg.norm(linear.weights)), 1e-12)
    for number, row in enumerate(rows):
        margin = linear.score(row) / length
        if abs(margin) > 1e-5 and linear.weights.any():  # on the boundary, the last bits decide
            assert (f"x:{number}" in world.bearing("posts:flood")) == (margin > 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.sampled_from(["480", "120"]), min_size=12, max_size=12))
def test_judging_patches_twice_is_judging_them_once(seed: int, levels: list[str]) -> None:
    rows = unit_rows(seed, 12)
    annotations = annotations_of(rows[:6], [1, 1, 1, -1, -1, -1])
    patches = [patch(number, row, level) for number, (row, level) in enumerate(zip(rows, levels, strict=True))]
    world = World(patches=patches, annotations=annotations)
    world.scorer.take(patch_model("v1"))
    world.judging.catch_up()
    once = labels_of(world, "patches")
    world.judging.forget()
    assert world.judging.catch_up() == 0 and labels_of(world, "patches") == once

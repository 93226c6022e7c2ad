"""`eval annotation`, posts: relevance to an event that no model has seen, after 200 labels of a simulated analyst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.humanitarian import humanitarian_report
from stormpetrel.evaluation.labelled_events import Bools, Event, Rows, read_events
from stormpetrel.learning.active.selection import next_round
from stormpetrel.learning.annotations.label_catalogue import Catalogue
from stormpetrel.learning.evaluation.reports import binary_report
from stormpetrel.learning.training.examples import Examples
from stormpetrel.learning.training.label_model import round_ranker
from stormpetrel.learning.training.linear_model import LinearModel
from stormpetrel.learning.training.online_learners import NAMES, Learner
from stormpetrel.learning.training.relevance_model import learn_prior
from stormpetrel.posts.text.encoder import TextEncoder

LABELS, A_ROUND, SEEDS = 200, 20, 5
FEWEST_UNRELATED = 20
STREAMED = 300  # posts of an event that the stream's learners are compared on


def evaluate_posts(
    data: Path, encoder: TextEncoder, catalogue: Catalogue, say: Callable[[str], None]
) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name, where events are labelled."""
    found: dict[str, Any] = {}
    for folder in [data, *sorted(path for path in data.iterdir() if path.is_dir())]:
        events = [event for event in read_events(folder, encoder) if event.truth.any() and not event.truth.all()]
        able = [event for event in events if int((~event.truth).sum()) >= FEWEST_UNRELATED]
        if able:
            say(f"{folder.resolve().name}: {len(able)} events")
            found[folder.resolve().name] = _report(events, able, catalogue)
    return found


def prior_from(events: Sequence[Event]) -> LinearModel | None:
    """What these events teach together; None where there is none."""
    return learn_prior([(event.vectors, event.truth) for event in events]) if events else None


def _report(events: list[Event], able: list[Event], catalogue: Catalogue) -> dict[str, Any]:
    by_event: dict[str, dict[str, float]] = {}
    streamed: list[dict[str, float]] = []
    for event in able:
        prior = prior_from([other for other in events if other is not event])
        runs = [_run(event, prior, seed) for seed in range(SEEDS)]
        by_event[event.name] = _mean(runs)
        streamed.append(_stream(event, prior))
    means = _mean(list(by_event.values()))
    stream = _mean([found for found in streamed if found])
    return {
        **means,
        "labels": LABELS,
        "events": len(able),
        "stream": stream,
        "humanitarian": humanitarian_report(events, catalogue),
        "by_event": by_event,
    }


def _mean(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([run[key] for run in runs])), 4) for key in (runs[0] if runs else ())}


def _stream(event: Event, prior: LinearModel | None) -> dict[str, float]:
    """How well the stream's learners foresee labels that come in the order of the posts, each before it is learned:
    balanced accuracy over the first `STREAMED`, and that of the one that served. Empty where one side never came."""
    learner, hits, seen = Learner(prior), Counter[bool](), Counter[bool]()
    for vector, belongs in zip(event.vectors[:STREAMED], event.truth.tolist(), strict=False):
        served = learner.served
        if served is not None:
            seen[belongs] += 1
            hits[belongs] += (served.score(vector) >= 0) == belongs
        learner.learn(vector, 1 if belongs else -1)
    if not all(seen[side] for side in (True, False)):
        return {}
    told: dict[str, float] = {name: float(learner.prequential[name].summary()["balanced_accuracy"]) for name in NAMES}
    return {**told, "served": float(np.mean([hits[side] / seen[side] for side in (True, False)]))}


def _run(event: Event, prior: LinearModel | None, seed: int) -> dict[str, float]:
    """`macro_f1` on the half of the posts that could not be asked; `whole_event` counts what was asked as known;
    `chance` is as many labels taken by chance, `unlabelled` what other events teach alone, `supervised` the labels of
    all the half that could be asked."""
    order = np.random.default_rng(seed).permutation(len(event.truth))
    held, pool = order[: len(order) // 2], np.sort(order[len(order) // 2 :])
    by_chance = order[len(order) // 2 :][:LABELS]
    asked = _asked(event, prior, pool, seed)
    told = _said(event, prior, asked)
    whole = told.copy()
    whole[asked] = event.truth[asked]

    def macro_f1(found: Bools, rows: Rows) -> float:
        return float(binary_report(event.truth[rows], found[rows])["macro_f1"])

    return {
        "macro_f1": macro_f1(told, held),
        "chance": macro_f1(_said(event, prior, by_chance), held),
        "unlabelled": macro_f1(_said(event, prior, np.empty(0, dtype=np.int64)), held),
        "supervised": macro_f1(_said(event, prior, pool), held),
        "whole_event": macro_f1(whole, order),
    }


def _examples(matrix: NDArray[np.float32], truth: Bools, rows: Rows) -> Examples:
    return Examples(rows, matrix[rows], np.where(truth[rows], 1, -1).astype(np.int8))


def _said(event: Event, prior: LinearModel | None, rows: Rows) -> Bools:
    """Which posts the model of these labelled rows says belong; all where it has nothing to tell them apart by."""
    examples = _examples(event.vectors, event.truth, rows)
    if not len(rows) and prior is None:
        return np.ones(len(event.truth), dtype=bool)
    made = round_ranker(examples, event.vectors, prior)
    return (
        made.scores(event.vectors) > 0 if made.separates else np.full(len(event.truth), bool(event.truth[rows].all()))
    )


def _asked(event: Event, prior: LinearModel | None, pool: Rows, seed: int) -> Rows:
    """What is asked of the pool, as the API asks: the boundary, and what no label is near to as long as all have one
    sign. Without a prior it begins with a post that a person chose."""
    matrix, truth = event.vectors[pool], event.truth[pool]
    some = np.flatnonzero(truth) if truth.any() else np.arange(len(pool))
    taken = [] if prior is not None else [int(np.random.default_rng(seed).choice(some))]
    while len(taken) < min(LABELS, len(pool)):
        examples = _examples(matrix, truth, np.array(taken, dtype=np.int64))
        ranker = round_ranker(examples, matrix, prior)
        found = next_round(matrix, examples, ranker, A_ROUND)
        both = len(set(examples.signs.tolist())) > 1
        picked = found.boundary if both else np.r_[found.coverage[: A_ROUND // 2], found.boundary, found.top]
        new = list(dict.fromkeys(picked.tolist()))[: min(A_ROUND, LABELS - len(taken))]
        taken += new
    return pool[taken]

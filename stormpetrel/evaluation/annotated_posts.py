"""`eval annotation`, posts: relevance to an event that no model has seen, after 200 labels of a simulated analyst."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.learning.feedback import Examples, next_round
from stormpetrel.learning.incremental import NAMES, Learner
from stormpetrel.learning.linear import LinearModel
from stormpetrel.learning.relevance import fits_of, learn_prior
from stormpetrel.learning.validation import binary_report
from stormpetrel.text.clean import canonical, clean
from stormpetrel.text.encoder import TextEncoder

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
LABELS, A_ROUND, SEEDS = 200, 20, 5
FEWEST_UNRELATED = 20
STREAMED = 300  # posts of an event that the stream's learners are compared on
UNRELATED = {"Not related", "off-topic"}
RELATED = {"Related and informative", "Related - but not informative", "on-topic"}


@dataclass(frozen=True)
class Event:
    """An event's posts without their repeats: unit text vectors (n, dimensions), and whether each belongs to it."""

    name: str
    vectors: NDArray[np.float32]
    truth: Bools


def _files(folder: Path) -> list[Path]:
    """The files of a folder like `tweets_crisislex`: its `t26`, else its `t6`, else its own."""
    return next((found for part in ("t26", "t6", ".") if (found := sorted((folder / part).glob("*.jsonl")))), [])


def _labelled_files(folder: Path) -> list[Path]:
    """Those whose first record says whether it belongs to its event."""
    found = []
    for file in _files(folder):
        with file.open(encoding="utf-8") as lines:
            if _label(_record(next(lines, ""))) is not None:
                found.append(file)
    return found


def has_events(data: Path) -> bool:
    """Whether the folder, or one in it, has labelled events."""
    return any(_labelled_files(folder) for folder in [data, *sorted(path for path in data.iterdir() if path.is_dir())])


def _label(record: dict[str, Any]) -> str | None:
    """How a record is labelled; None where it says nothing of its event."""
    found = record.get("informativeness") or record.get("label")
    return str(found) if found else None


def read_events(folder: Path, encoder: TextEncoder) -> list[Event]:
    """The labelled events of a folder like `tweets_crisislex`."""
    events = []
    for file in _labelled_files(folder):
        seen: set[str] = set()
        texts, truth = [], []
        for line in file.read_text(encoding="utf-8").splitlines():
            record = _record(line)
            label = _label(record)
            same = canonical(str(record.get("text", "")))
            if label in RELATED | UNRELATED and same and same not in seen:
                seen.add(same)
                texts.append(str(record["text"]))
                truth.append(label in RELATED)
        if texts:
            vectors = encoder.encode([clean(text) for text in texts])
            events.append(Event(file.stem, vectors, np.array(truth, dtype=bool)))
    return events


def _record(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def evaluate_posts(data: Path, encoder: TextEncoder, say: Callable[[str], None]) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name, where events are labelled."""
    found: dict[str, Any] = {}
    for folder in [data, *sorted(path for path in data.iterdir() if path.is_dir())]:
        events = [event for event in read_events(folder, encoder) if event.truth.any() and not event.truth.all()]
        able = [event for event in events if int((~event.truth).sum()) >= FEWEST_UNRELATED]
        if able:
            say(f"{folder.resolve().name}: {len(able)} events")
            found[folder.resolve().name] = _report(events, able)
    return found


def prior_from(events: Sequence[Event]) -> LinearModel | None:
    """What these events teach together; None where there is none."""
    return learn_prior([(event.vectors, event.truth) for event in events]) if events else None


def _report(events: list[Event], able: list[Event]) -> dict[str, Any]:
    by_event: dict[str, dict[str, float]] = {}
    streamed: list[dict[str, float]] = []
    for event in able:
        prior = prior_from([other for other in events if other is not event])
        runs = [_run(event, prior, seed) for seed in range(SEEDS)]
        by_event[event.name] = _mean(runs)
        streamed.append(_stream(event, prior))
    means = _mean(list(by_event.values()))
    stream = _mean([found for found in streamed if found])
    return {**means, "labels": LABELS, "events": len(able), "stream": stream, "by_event": by_event}


def _mean(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([run[key] for run in runs])), 4) for key in (runs[0] if runs else ())}


def _stream(event: Event, prior: LinearModel | None) -> dict[str, float]:
    """How well the stream's learners foresee labels that come in the order of the posts, each before it is learned:
    balanced accuracy over the first `STREAMED`, and that of the one that served. Empty where one side never came."""
    learner, hits, seen = Learner(prior), Counter[bool](), Counter[bool]()
    for number, (vector, belongs) in enumerate(zip(event.vectors[:STREAMED], event.truth.tolist(), strict=False)):
        served = learner.served
        if served is not None:
            seen[belongs] += 1
            hits[belongs] += (served.score(vector) >= 0) == belongs
        learner.learn(str(number), vector, 1 if belongs else -1)
    if not all(seen[side] for side in (True, False)):
        return {}
    told: dict[str, float] = {name: float(learner.foresight[name].told()["balanced_accuracy"]) for name in NAMES}
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
    made = fits_of(examples, event.vectors, prior)(examples.vectors, examples.signs)
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
        machine = fits_of(examples, matrix, prior)(examples.vectors, examples.signs)
        found = next_round(matrix, examples, machine, A_ROUND)
        both = len(set(examples.signs.tolist())) > 1
        picked = found.boundary if both else np.r_[found.coverage[: A_ROUND // 2], found.boundary, found.top]
        new = list(dict.fromkeys(picked.tolist()))[: min(A_ROUND, LABELS - len(taken))]
        taken += new
    return pool[taken]

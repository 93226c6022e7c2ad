"""`eval annotation`, posts: relevance to an event that no model has seen, after 200 labels of a simulated analyst."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stormpetrel.learning.incremental import NAMES, Learner
from stormpetrel.learning.relevance import Float64, Posts, learn_general, own_scores, said
from stormpetrel.learning.validation import binary_report
from stormpetrel.text.clean import canonical, clean
from stormpetrel.text.encoder import TextEncoder
from stormpetrel.text.language import detect
from stormpetrel.text.lexical import document_terms

LABELS, A_ROUND, SEEDS = 200, 20, 5
FEWEST_UNRELATED = 20
STREAMED = 300  # posts of an event that the stream's learners are compared on
UNRELATED = {"Not related", "off-topic"}
RELATED = {"Related and informative", "Related - but not informative", "on-topic"}
TERMS = 1 << 18


@dataclass(frozen=True)
class Event:
    """An event's posts without their repeats, and whether each belongs to it."""

    name: str
    posts: Posts
    truth: NDArray[np.bool_]


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
            events.append(Event(file.stem, _posts(texts, encoder), np.array(truth, dtype=bool)))
    return events


def _record(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _posts(texts: list[str], encoder: TextEncoder) -> Posts:
    cleaned = [clean(text) for text in texts]
    rows, columns, values = [], [], []
    for row, text in enumerate(cleaned):
        terms = document_terms(text, detect(text, None)[0])
        for index, value in zip(terms.indices, terms.values, strict=True) if terms else ():
            rows.append(row)
            columns.append(index % TERMS)
            values.append(value)
    counts = sparse.csr_matrix((values, (rows, columns)), shape=(len(texts), TERMS))
    frequency = np.asarray((counts > 0).sum(axis=0)).ravel()
    weights = np.where(frequency > 0, np.log((len(texts) + 1) / (frequency + 0.5)), 0)
    weighted = counts.multiply(np.maximum(weights, 0)).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return Posts(texts, encoder.encode(cleaned), sparse.diags(1 / np.maximum(lengths, 1e-9)) @ weighted)


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


def _report(events: list[Event], able: list[Event]) -> dict[str, Any]:
    by_event: dict[str, dict[str, float]] = {}
    for event in able:
        others = [(other.posts, other.truth) for other in events if other is not event]
        general = learn_general(others).log_odds(event.posts) if others else None
        runs = [_run(event, general, seed) for seed in range(SEEDS)]
        by_event[event.name] = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    means = {
        key: round(float(np.mean([one[key] for one in by_event.values()])), 4) for key in next(iter(by_event.values()))
    }
    return {**means, "labels": LABELS, "events": len(able), "stream": _stream(able), "by_event": by_event}


def _stream(events: list[Event]) -> dict[str, float]:
    """How well the stream's two learners foresee labels that come in the order of the posts, each before it is learned:
    balanced accuracy over the first `STREAMED` of an event, mean over events; and that of the one that served."""
    found: dict[str, list[float]] = {name: [] for name in (*NAMES, "served")}
    for event in events:
        learner, hits, seen = Learner(), Counter[bool](), Counter[bool]()
        for number, (vector, belongs) in enumerate(zip(event.posts.vectors, event.truth.tolist(), strict=True)):
            if number == STREAMED:
                break
            served = learner.served
            if served is not None:
                seen[belongs] += 1
                hits[belongs] += (served.score(vector) >= 0) == belongs
            learner.learn(str(number), vector, 1 if belongs else -1)
        if all(seen[side] for side in (True, False)):
            found["served"].append(float(np.mean([hits[side] / seen[side] for side in (True, False)])))
            for name in NAMES:
                found[name].append(learner.foresight[name].told()["balanced_accuracy"])
    return {name: round(float(np.mean(values)), 4) for name, values in found.items() if values}


def _run(event: Event, general: Float64 | None, seed: int) -> dict[str, float]:
    """`macro_f1` on the half of the posts that could not be asked; `whole_event` counts what was asked as known;
    `chance` is as many labels taken by chance; `unlabelled` is what other events teach alone."""
    order = np.random.default_rng(seed).permutation(len(event.truth))
    held, pool = order[: len(order) // 2], order[len(order) // 2 :]
    asked = _asked(event, general, pool)
    told = _said(event, general, asked)
    by_chance = _said(event, general, pool[:LABELS])
    without = said(general, order) if general is not None else np.ones(len(order), dtype=bool)
    whole = told.copy()
    whole[asked] = event.truth[asked]

    def macro_f1(found: NDArray[np.bool_], rows: NDArray[np.int64]) -> float:
        return float(binary_report(event.truth[rows], found[rows])["macro_f1"])

    return {
        "macro_f1": macro_f1(told, held),
        "chance": macro_f1(by_chance, held),
        "unlabelled": macro_f1(without, held),
        "whole_event": macro_f1(whole, order),
    }


def _said(event: Event, general: Float64 | None, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    scores = own_scores(event.posts, general, rows, np.where(event.truth[rows], 1, -1).astype(np.int8))
    return said(scores, np.setdiff1d(np.arange(len(scores)), rows))


def _asked(event: Event, general: Float64 | None, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is asked of the pool: first what belongs least and as many by chance, then always the unsure."""
    start = np.zeros(len(event.truth)) if general is None else general
    least = pool[np.argsort(start[pool], kind="stable")[: A_ROUND // 2]]
    asked = np.concatenate([least, pool[~np.isin(pool, least)][: A_ROUND // 2]])
    while len(asked) < min(LABELS, len(pool)):
        signs = np.where(event.truth[asked], 1, -1).astype(np.int8)
        scores = own_scores(event.posts, general, asked, signs)
        rest = np.setdiff1d(pool, asked)
        step = min(A_ROUND, LABELS - len(asked))
        asked = np.concatenate([asked, rest[np.argsort(np.abs(scores[rest]), kind="stable")[:step]]])
    return asked

"""`eval gate`: what the gate passes and drops of events that neither its weights nor its thresholds learned from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.gate_posts import FEWEST_EVENTS, Bools, GatePosts, Names
from stormpetrel.evaluation.gate_training import GateLearner
from stormpetrel.posts.event_kinds import KINDS

PASSED_SHARES = (0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99)  # of the curve
PLAYED = 5000  # posts by which the speed of the gate by words is measured
FEWEST = 20  # posts of a group that is told alone
Array = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """Of each post by how much its scores are above the thresholds, by words and by meaning; negative: it is dropped.
    NaN where a post was not judged."""

    words: Array
    meaning: Array

    def passes(self, shift: float = 0.0) -> Bools:
        """Which posts pass both gates, the threshold of meaning moved up by `shift`."""
        return np.asarray((self.words >= 0) & (self.meaning >= shift))


def evaluate_gate(learner: GateLearner, lets_through: Callable[[str], bool]) -> Json:
    """The figures of both gates together on events left out, of the gate by words alone, of gates without words for
    hazards, and on whole kinds of events left out."""
    posts, judged = learner.posts, judge_left_out(learner)
    counted = np.isin(posts.events.astype(str), list(posts.judged_events)) & (posts.sets != "t6")
    report: Json = {"posts": int(counted.sum()), "events": len(set(posts.events[counted].tolist()))}
    return {
        **report,
        **_figures(posts, judged, counted),
        "without_hazard_words": _figures(posts, judge_left_out(learner.without_hazards()), counted),
        "by_event": _by(posts, judged.passes(), posts.events, counted),
        "by_language": _by(posts, judged.passes(), posts.languages, counted),
        "by_kind_left_out": dict(_kinds_left_out(learner, counted)),
        "posts_per_s": round(_speed(posts, lets_through)),
    }


def judge_left_out(learner: GateLearner) -> Judged:
    """Each post judged by gates that did not learn from its event's fold."""
    words, meaning = np.full((2, len(learner.posts.related)), np.nan)
    for fold in learner.folds:
        inside = np.isin(learner.posts.events.astype(str), list(fold))
        words[inside], meaning[inside] = learner.above(fold, inside)
    return Judged(words, meaning)


def _figures(posts: GatePosts, judged: Judged, counted: Bools) -> Json:
    """The shares of both gates together and of the words alone, the curve, and the shares of each set."""
    everything = np.full(len(counted), True)
    return {
        **_shares(posts, judged.passes(), counted),
        "curve": _curve(posts, judged, counted),
        "words_alone": _shares(posts, judged.words >= 0, counted),
        "by_set": _by(posts, judged.passes(), posts.sets, everything),
        "words_alone_by_set": _by(posts, judged.words >= 0, posts.sets, everything),
    }


def _kinds_left_out(learner: GateLearner, counted: Bools) -> Iterator[tuple[str, Json]]:
    """Each kind judged by gates that did not learn from any event of its kind."""
    posts = learner.posts
    for kind in KINDS:
        inside = counted & (posts.kinds == kind)
        left_out = frozenset(map(str, posts.events[posts.kinds == kind]))
        if inside.any() and len(posts.judged_events - left_out) >= FEWEST_EVENTS - 1:
            words, meaning = np.full((2, len(inside)), np.nan)
            words[inside], meaning[inside] = learner.above(left_out, inside)
            yield kind, _shares(posts, Judged(words, meaning).passes(), inside)


def _shares(posts: GatePosts, passes: Bools, chosen: Bools) -> Json:
    """The share of the related posts that pass and of the unrelated ones that are dropped; None where there is none."""
    related, unrelated = posts.related & chosen, ~posts.related & chosen
    return {
        "passed_related": round(float(passes[related].mean()), 4) if related.any() else None,
        "dropped_unrelated": round(float((~passes)[unrelated].mean()), 4) if unrelated.any() else None,
        "related": int(related.sum()),
        "unrelated": int(unrelated.sum()),
    }


def _curve(posts: GatePosts, judged: Judged, counted: Bools) -> list[Json]:
    """What is dropped where so many of the related posts pass, by moving the threshold of meaning."""
    related = counted & posts.related
    margins = np.sort(np.where(judged.words >= 0, judged.meaning, -np.inf)[related])
    points = []
    for share in PASSED_SHARES:
        shift = float(margins[int((1 - share) * len(margins))])
        if np.isfinite(shift):
            points.append({"shift": round(shift, 3), **_shares(posts, judged.passes(shift), counted)})
    return points


def _by(posts: GatePosts, passes: Bools, names: Names, chosen: Bools) -> Json:
    """The shares of each group of posts that is not too small."""
    report: Json = {}
    for name in sorted({str(name) for name in names[chosen]}):
        inside = chosen & (names == name)
        if inside.sum() >= FEWEST:
            report[name] = _shares(posts, passes, inside)
    return report


def _speed(posts: GatePosts, lets_through: Callable[[str], bool]) -> float:
    """Posts through the gate by words in a second of a core's time, the first look at each word included."""
    texts = posts.texts[:PLAYED]
    began = time.process_time()
    for text in texts:
        lets_through(text)
    return len(texts) / max(time.process_time() - began, 1e-9)

"""`eval places`: how well place names are recognised, and how near the points are that they are resolved to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.place_points import point_report
from stormpetrel.evaluation.place_scores import SpanTally
from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
from stormpetrel.posts.places.geoparser.resolver_model import load_resolver
from stormpetrel.posts.places.tagger import labelled_mentions
from stormpetrel.posts.places.tagger.labelled_mentions import LabelledPost
from stormpetrel.posts.places.tagger.language_training import train_language_tagger
from stormpetrel.posts.places.tagger.pipeline import language_tagger_of, load_tagger, tagger_of
from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser
from stormpetrel.posts.places.tagger.tagger_files import was_trained_on
from stormpetrel.posts.places.tagger.taggers import Tagger
from stormpetrel.posts.places.tagger.training import train_tagger

FOLDS = 4
FOOTPRINT_POSTS = 3000
Say = Callable[[str], None]
ByEvent = dict[str, list[LabelledPost]]


def evaluate(data: Path, directory: Path, tagger: Path, say: Say, plain: bool) -> dict[str, Any]:
    """The report for a folder laid out like `tweets_idrisi` or `tweets_geocorpora`. `directory` is the gazetteer's;
    `plain` trains a plain spaCy tagger beside ours, as a baseline. Raises SetupError where nothing is there."""
    gazetteer = Gazetteer(directory)
    posts, linked = labelled_mentions.read_recognition(data), _linked_posts(data)
    by_event = posts_by_event(posts)
    recognition = recognise(by_event, gazetteer, tagger, say)
    baselines: dict[str, Any] = {"gazetteer_alone": _report(_tallies(by_event, PlaceRecogniser(gazetteer)))}
    if plain:
        baselines["plain_spacy"] = held_out(by_event, gazetteer, say, bare=True)
    return {
        "recognition": recognition,
        "baselines": baselines,
        "resolution": point_report(linked, gazetteer, load_resolver()) if linked else None,
        **footprint([post.text for post in posts], directory, tagger),
    }


def recognise(by_event: ByEvent, gazetteer: Gazetteer, tagger: Path, say: Say) -> dict[str, Any]:
    """Scores on whole unseen events: for an event that the tagger was trained on, another one is trained without it.
    Where that is impossible, `seen_in_training` says so: such a figure flatters."""
    seen = {event: posts for event, posts in by_event.items() if was_trained_on(tagger, posts)}
    alone = len(seen) == 1  # a single event leaves nothing to train another tagger on
    unseen = {event: posts for event, posts in by_event.items() if alone or event not in seen}
    tallies: dict[str, SpanTally] = {}
    if unseen:
        tallies |= _tallies(unseen, PlaceRecogniser(gazetteer, load_tagger(tagger, gazetteer)))
    if seen and not alone:
        say(f"the tagger was trained on {len(seen)} events: others are trained without them, some minutes each")
        tallies |= _held_out_tallies(seen, gazetteer, say)
    languages = {event: posts[0].language for event, posts in by_event.items()}
    return {
        **_report(tallies),
        "by_language": _by_language(tallies, languages),
        "held_out_by_training": [] if alone else sorted(seen),
        "seen_in_training": sorted(seen) if alone else [],
    }


def held_out(by_event: ByEvent, gazetteer: Gazetteer, say: Say, bare: bool = False) -> dict[str, Any]:
    """Scores on every event of taggers that are trained without it; `bare`: no gazetteer, no mention replacement."""
    return _report(_held_out_tallies(by_event, gazetteer, say, bare))


def _held_out_tallies(by_event: ByEvent, gazetteer: Gazetteer, say: Say, bare: bool = False) -> dict[str, SpanTally]:
    others = {} if bare else {event: posts for event, posts in by_event.items() if posts[0].language != "en"}
    english = {event: posts for event, posts in by_event.items() if event not in others}
    foreign = [post for posts in others.values() for post in posts]
    tallies: dict[str, SpanTally] = {}
    if english:
        tallies |= _tallies_of_folds(english, gazetteer, say, partial(_train_english, foreign, bare))
    if others:
        tallies |= _tallies_of_folds(others, gazetteer, say, _train_languages)
    return tallies


def _train_english(
    foreign: list[LabelledPost], bare: bool, posts: list[LabelledPost], gazetteer: Gazetteer, say: Say
) -> Tagger:
    return tagger_of(train_tagger([*posts, *foreign], gazetteer, say, bare=bare), gazetteer)


def _train_languages(posts: list[LabelledPost], gazetteer: Gazetteer, say: Say) -> Tagger:
    return language_tagger_of(train_language_tagger(posts, gazetteer, say), gazetteer)


def _tallies_of_folds(
    by_event: ByEvent, gazetteer: Gazetteer, say: Say, train: Callable[[list[LabelledPost], Gazetteer, Say], Tagger]
) -> dict[str, SpanTally]:
    events = sorted(by_event, key=lambda event: (-len(by_event[event]), event))
    if len(events) < 2:
        raise SetupError("to hold whole events out, give a folder with two events or more")
    folds = [events[start :: min(FOLDS, len(events))] for start in range(min(FOLDS, len(events)))]
    tallies: dict[str, SpanTally] = {}
    for number, fold in enumerate(folds, start=1):
        say(f"part {number} of {len(folds)}: without {', '.join(fold)}")
        rest = [post for event in events if event not in fold for post in by_event[event]]
        recogniser = PlaceRecogniser(gazetteer, train(rest, gazetteer, say))
        tallies |= _tallies({event: by_event[event] for event in fold}, recogniser)
    return tallies


def posts_by_event(posts: Iterable[LabelledPost]) -> ByEvent:
    """The posts of each event."""
    by_event: ByEvent = {}
    for post in posts:
        by_event.setdefault(post.event, []).append(post)
    return by_event


def _tallies(by_event: ByEvent, recogniser: PlaceRecogniser) -> dict[str, SpanTally]:
    """Names in parts of hashtags are not counted: the sets do not label them."""
    tallies = {}
    for event, posts in by_event.items():
        tally = tallies[event] = SpanTally()
        mentions = recogniser.find([post.text for post in posts], [post.language for post in posts])
        for post, post_mentions in zip(posts, mentions, strict=True):
            predicted = [(mention.start, mention.end) for mention in post_mentions if mention.found_by != "hashtag"]
            tally.add(predicted, [(mention.start, mention.end) for mention in post.mentions])
    return tallies


def _summed(tallies: Iterable[SpanTally]) -> SpanTally:
    total = SpanTally()
    for tally in tallies:
        total.update(tally)
    return total


def _report(tallies: dict[str, SpanTally]) -> dict[str, Any]:
    total = _summed(tallies.values())
    by_event = {event: tallies[event].exact_scores() for event in sorted(tallies)}
    return {"exact": total.exact_scores(), "overlap": total.overlap_scores(), "by_event": by_event}


def _by_language(tallies: dict[str, SpanTally], languages: dict[str, str]) -> dict[str, dict[str, float]]:
    return {
        language: _summed(tally for event, tally in tallies.items() if languages[event] == language).exact_scores()
        for language in sorted({languages[event] for event in tallies})
    }


def _linked_posts(data: Path) -> list[LabelledPost] | None:
    """The posts whose names are linked to points; None where the folder has no such data."""
    try:
        posts = labelled_mentions.read_resolution(data)
    except SetupError:
        return None
    return [post for post in posts if post.linked]


def footprint(texts: Sequence[str], gazetteer: Path, tagger: Path) -> dict[str, Any]:
    """{"posts_per_s", "rss_mib", "ready_s"} of recognition and resolution in a process of their own, on one core."""
    done = subprocess.run(
        [sys.executable, "-m", "stormpetrel.evaluation.places_footprint", str(gazetteer), str(tagger)],
        input=json.dumps(list(texts[:FOOTPRINT_POSTS])),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"the footprint could not be measured: {done.stderr.strip()[-800:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures

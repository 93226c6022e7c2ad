"""Streams of labelled posts in event time: each event in weeks of its own, or several at once, over unrelated posts.

Unrelated posts are dealt evenly over the played time. Where they do not suffice they come again after 48 hours with a
new id, when no window of near-duplicates or of the detector knows them any more. They begin some days before the first
event, as in a system that has been running: those days are played time too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stormpetrel.core.errors import SetupError
from stormpetrel.evaluation.alert_truth import TrueEvent
from stormpetrel.evaluation.enriched_events import LabelledEnrichedPost
from stormpetrel.evaluation.event_folds import event_key

START = datetime(2030, 1, 7, tzinfo=UTC)  # a Monday, whatever the events' own time
WEEK = timedelta(weeks=1)
RUN_IN = timedelta(days=3)
AGAIN_AFTER = timedelta(hours=48)
RELATED = {"Related and informative", "Related - but not informative", "on-topic", "informative"}
BACKGROUND_FORM = 'give a set whose posts have "informativeness", "text_info" or "label"'
UNRELATED = {"Not related", "off-topic", "not_informative", "not_humanitarian"}


@dataclass(frozen=True)
class PlayedPost:
    """A post at its time in the stream. `event` is the key of the event of its set, which is left out where it is
    judged; `truth` the name of the event that it belongs to by its label, or none."""

    at: datetime
    post: LabelledEnrichedPost
    event: str
    truth: str | None
    repeat: int = 0

    @property
    def post_id(self) -> str:
        post_id = self.post.post.post.post_id
        return f"{post_id}/{self.repeat}" if self.repeat else post_id


@dataclass(frozen=True)
class Stream:
    """Posts in the order of time, the events among them, and how long it plays."""

    posts: tuple[PlayedPost, ...]
    events: tuple[TrueEvent, ...]
    weeks: float


def is_related(labels: dict[str, str]) -> bool | None:
    """Whether people said that a post belongs to its event; None where they did not say."""
    for name in ("informativeness", "label", "text_info"):
        if labels.get(name) in RELATED:
            return True
        if labels.get(name) in UNRELATED:
            return False
    classes = labels.get("humanitarian_label") or labels.get("text_human")
    return None if not classes else classes not in UNRELATED


@dataclass(frozen=True)
class PlayedEvent:
    """An event with the posts of its file."""

    event: TrueEvent
    posts: tuple[LabelledEnrichedPost, ...]


def one_by_one(events: Sequence[PlayedEvent], background: Sequence[LabelledEnrichedPost], times: float) -> Stream:
    """Each event begins a week of its own, when the one before it is over."""
    return _stream([[each] for each in events], background, times)


def several_at_once(
    events: Sequence[PlayedEvent], background: Sequence[LabelledEnrichedPost], times: float, at_once: int = 3
) -> Stream:
    """So many events begin together, in the order of their file; then the next ones."""
    groups = [list(events[start : start + at_once]) for start in range(0, len(events), at_once)]
    return _stream(groups, background, times)


def _stream(
    groups: Sequence[Sequence[PlayedEvent]], background: Sequence[LabelledEnrichedPost], times: float
) -> Stream:
    posts: list[PlayedPost] = []
    events: list[TrueEvent] = []
    begin = START + RUN_IN
    for group in groups:
        end = begin
        for each in group:
            first = min(post.post.post.created_at for post in each.posts)
            by = begin - min(first, each.event.since)
            events.append(each.event.moved(by))
            posts += _moved(each, by)
            end = max(end, posts[-1].at, events[-1].until)
        begin += WEEK * max(1, -(-(end - begin) // WEEK))
    related = sum(post.truth is not None for post in posts)
    posts += dealt(background, round(times * related), START, begin)
    posts.sort(key=lambda post: (post.at, post.post_id))
    return Stream(tuple(posts), tuple(events), (begin - START) / WEEK)


def _moved(each: PlayedEvent, by: timedelta) -> Iterator[PlayedPost]:
    for post in sorted(each.posts, key=lambda post: post.post.post.created_at):
        truth = each.event.name if is_related(post.labels) else None
        yield PlayedPost(post.post.post.created_at + by, post, each.event.key, truth)


def dealt(
    background: Sequence[LabelledEnrichedPost], count: int, since: datetime, until: datetime
) -> Iterator[PlayedPost]:
    """So many unrelated posts, evenly over the time, each again only after 48 hours: fewer, where they do not suffice.
    Raises SetupError where there is none."""
    if not count:
        return
    originals = sorted((post for post in background if post.post.duplicate_of is None), key=_shuffled)
    if not originals:
        raise SetupError(f"no post of the background is labelled as unrelated: {BACKGROUND_FORM}")
    count = min(count, int(len(originals) * ((until - since) / AGAIN_AFTER)))
    step = (until - since) / count
    for number in range(count):
        post = originals[number % len(originals)]
        event = event_key(post.labels.get("event", ""))
        yield PlayedPost(since + step * number, post, event, None, 1 + number // len(originals))


def _shuffled(post: LabelledEnrichedPost) -> bytes:
    """An order that has nothing to do with the posts' events and times, the same in every run."""
    return hashlib.blake2b(post.post.post.post_id.encode(), digest_size=8).digest()

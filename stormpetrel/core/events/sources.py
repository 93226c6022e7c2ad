"""How far the live sources have read, what a network had forgotten before it was read, and a sample of what was
dropped."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stormpetrel.core.events.bounds import Key, Moment, Note
from stormpetrel.core.events.posts import Post
from stormpetrel.core.events.values import Event


class SourcePosition(Event):
    """How far a source has been read (topic `source.positions`, key `source`): the broker holds everything before it.

    `position` is in the network's own terms. `reached_at` is the network's time of it, where it has one.
    """

    source: Key
    position: Annotated[str, Field(max_length=20_000)]
    reached_at: Moment | None = None
    stored_at: Moment


class SourceGap(Event):
    """What a network had forgotten before it was read (topic `source.gaps`, key `source`): posts between `since` and
    `until` may be missing."""

    source: Key
    since: Moment | None = None
    until: Moment | None = None
    reason: Note
    noticed_at: Moment


DropReason = Literal["no_word", "irrelevant"]


class PostDropped(Event):
    """A post that the gate dropped (topic `posts.dropped`, key `post_id`).

    Of what the source dropped by its words (`no_word`) a sample is here; of what the worker dropped (`irrelevant`)
    every post, with its `score` in log-odds. `post` is there for those of the sample, so that people can judge the
    gate.
    """

    post_id: Key
    post: Post | None = None
    reason: DropReason
    score: float | None = None
    dropped_at: Moment

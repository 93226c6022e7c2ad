"""What was forgotten, so that no replay, back-fill or import brings it back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stormpetrel.core.events.bounds import Moment
from stormpetrel.core.events.values import Event

Subject = Literal["post", "author"]


class Forgotten(Event):
    """A post, or all posts of an author, are to be kept no more (topic `forgotten`, key `digest`).

    `digest` is a keyed hash of the post's id or the author's name: it tells nobody which. No post that it fits is
    enriched from then on.
    """

    subject: Subject
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    forgotten_at: Moment

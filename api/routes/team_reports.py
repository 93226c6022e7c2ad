"""A team's own reports, which become posts beside those of the networks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field, model_validator

from api.dependencies import PublisherDependency
from api.security import WhoDependency
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import MAX_TEXT, Media, NativePlace, Post
from stormpetrel.posts.team_reports import NETWORK, with_id
from stormpetrel.search.filter_request import Moment
from stormpetrel.search.place_request import Latitude, Longitude, Request, Words
from stormpetrel.search.request import StatedLanguage

router = APIRouter(prefix="/v1", tags=["posts"])
MOST_REPORTS = 500
LONGEST_ID, LONGEST_ADDRESS = 400, 2000  # characters
AHEAD = timedelta(hours=1)  # clocks of phones are not ours
CONTROLS = re.compile("[\\x00-\\x1f\\x7f]")
ADDRESS = {"pattern": "^https?://[^\\s/]+"}


def _plain(value: str) -> str:
    if CONTROLS.search(value):
        raise ValueError("it holds a control character, such as a line break; send it on one line")
    return value


def _some_id(value: str) -> str:
    if not value.removeprefix(f"{NETWORK}:").strip():
        raise ValueError("the id is empty; give one, or leave it out")
    return _plain(value)


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty; say what is reported")
    return text.replace("\x00", "")


def _of_the_web(address: str) -> str:
    if not re.match(ADDRESS["pattern"], address):
        raise ValueError("it is no address of the web; send one that begins with https:// or http://")
    return address


OwnId = Annotated[Words, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_some_id)]
ReportText = Annotated[Words, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_said)]
Address = Annotated[
    Words, Field(max_length=LONGEST_ADDRESS, json_schema_extra={"format": "uri"}), AfterValidator(_of_the_web)
]


class Report(Request):
    """One report. Without an `id` its content is its id; the same id again replaces the report. `author` is who saw it:
    whoever the key belongs to, if not given. Voices are counted by it."""

    id: OwnId | None = None
    text: ReportText
    created_at: Moment = Field(description="When it was seen; without a zone it is UTC")
    author: Annotated[Words, Field(min_length=1, max_length=200), AfterValidator(_plain)] | None = None
    language: StatedLanguage | None = Field(default=None, description="ISO 639-1; detected if not given")
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    place_name: Annotated[Words, Field(max_length=300)] | None = None
    photos: list[Address] = Field(default=[], max_length=20, description="Addresses of photos on the web")
    url: Address | None = None

    @model_validator(mode="after")
    def _whole_point(self) -> Report:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("a point is longitude and latitude; send both, or neither")
        if self.place_name is not None and self.longitude is None:
            raise ValueError("a place_name needs its point; send longitude and latitude, or name the place in the text")
        return self

    def as_post(self, key_owner: str, ingested_at: datetime) -> Post:
        author = self.author or key_owner
        place = None
        if self.longitude is not None and self.latitude is not None:
            place = NativePlace(longitude=self.longitude, latitude=self.latitude, name=self.place_name)
        post = Post(
            post_id=f"{NETWORK}:?",
            source=NETWORK,
            text=self.text,
            created_at=self.created_at,
            ingested_at=ingested_at,
            author_id=f"{NETWORK}:{author}" if author else None,
            declared_language=self.language,
            native_place=place,
            media=tuple(Media(kind="photo", url=address) for address in self.photos),
            url=self.url,
        )
        return with_id(post, self.id)


class Reports(Request):
    """One report or many."""

    posts: Annotated[list[Report], Field(min_length=1, max_length=MOST_REPORTS)]


class TakenReport(BaseModel):
    """Under which id a report is known, and what became of it: `repeated` stood in the same request before."""

    post_id: str
    outcome: Literal["published", "repeated"]


class ReportsAnswer(BaseModel):
    """What became of each report, in their order."""

    posts: list[TakenReport]


@router.post("/posts", status_code=202)
def take_reports(request: Reports, publisher: PublisherDependency, who: WhoDependency) -> ReportsAnswer:
    """Takes a team's own reports, all of them or none. 202 once Kafka holds them; they are found about a second later,
    as posts of the source `team`. No gate drops them. A request that got no answer may be sent again."""
    came_at = now()
    posts = [report.as_post(who.name, came_at) for report in request.posts]
    taken: dict[str, Post] = {}
    answer: list[TakenReport] = []
    for number, (report, post) in enumerate(zip(request.posts, posts, strict=True)):
        if post.created_at > came_at + AHEAD:
            problem, remedy = "it lies in the future", "send when it was seen, with its zone: 2025-11-04T19:40:00+01:00"
            raise BadQuery(f"posts.{number}.created_at", problem, remedy)
        if taken.setdefault(post.post_id, post) != post and report.id is not None:
            raise BadQuery(f"posts.{number}.id", "two reports have this id", "give each an id of its own, or none")
        is_first = taken[post.post_id] is post
        answer.append(TakenReport(post_id=post.post_id, outcome="published" if is_first else "repeated"))
    for post in taken.values():
        publisher.publish(post)
    publisher.flush()
    return ReportsAnswer(posts=answer)

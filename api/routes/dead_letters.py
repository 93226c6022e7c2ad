"""Dead letters: listed, sent through again, purged."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from api.dependencies import DeadLettersDependency
from stormpetrel.search.filter_request import Moment

router = APIRouter(prefix="/v1", tags=["operation"])
TopicName = Annotated[str, Query(max_length=80, description="A live topic, as posts.raw")]


class Replay(BaseModel):
    """Which topic's dead letters go through again; `purge` deletes the letters that were sent."""

    model_config = ConfigDict(extra="forbid")
    topic: Annotated[str, Query(max_length=80)]
    purge: bool = False


@router.get("/dead-letters")
def list_dead_letters(
    dead_letters: DeadLettersDependency,
    topic: TopicName | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """How many dead letters each topic has; with `topic`, its newest with reason, stage, provenance and time."""
    if topic is None:
        return {"counts": dead_letters.counts(), "dead_letters": []}
    letters = dead_letters.newest(topic, limit)
    return {"counts": {topic: dead_letters.count(topic)}, "dead_letters": letters}


@router.post("/dead-letters/replay")
def replay_dead_letters(dead_letters: DeadLettersDependency, request: Replay) -> dict[str, Any]:
    """Sends the dead letters of a topic through again; what fails again is dead-lettered again. Those that were too
    large to be kept whole (`cut`) stay."""
    replayed, cut = dead_letters.replay(request.topic, request.purge)
    return {"topic": request.topic, "replayed": replayed, "cut": cut}


@router.delete("/dead-letters")
def purge_dead_letters(
    dead_letters: DeadLettersDependency, topic: TopicName, before: Moment | None = None
) -> dict[str, Any]:
    """Deletes the dead letters of a topic for good, or those older than `before`."""
    return {"topic": topic, "purged": dead_letters.purge(topic, before)}

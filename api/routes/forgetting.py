"""A person's right to be forgotten: posts, or authors with all their posts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import ForgettingDependency
from stormpetrel.core.errors import BadQuery
from stormpetrel.forgetting import NETWORK_ID, wanted

router = APIRouter(prefix="/v1", tags=["operation"])
NetworkId = Annotated[str, Field(min_length=3, max_length=512, pattern=NETWORK_ID)]
SOMEBODY: dict[str, Any] = {
    "anyOf": [{"required": [name], "properties": {name: {"minItems": 1}}} for name in ("authors", "posts")]
}


class ForgetRequest(BaseModel):
    """Who and what is to be forgotten, by ids as the networks have them (`bsky:did:plc:…`, `x:9`) or as they are kept.
    With `prove` nothing is forgotten: it is searched for what is left."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=SOMEBODY)
    authors: Annotated[list[NetworkId], Field(max_length=100)] = []
    posts: Annotated[list[NetworkId], Field(max_length=1000)] = []
    prove: bool = False


@router.post("/forget")
def forget(forgetting: ForgettingDependency, request: ForgetRequest) -> dict[str, Any]:
    """Forgets posts, or authors with all their posts, in every store and topic; then searches for what is left, and
    says until when. It reads whole topics, so it takes minutes where there are millions of posts."""
    if not (request.authors or request.posts):
        raise BadQuery("authors", "nobody and nothing is named", "Name authors or posts")
    looked_for = wanted(forgetting.pseudonyms, request.posts, request.authors)
    if request.prove:
        forgetting.forgetting.find_posts(looked_for)
        return forgetting.left(looked_for)
    outcome = forgetting.forgetting.forget(looked_for)
    done = {"posts": outcome.posts, "forgotten": dict(outcome.counts), "saved_searches": outcome.searches}
    return {**done, **forgetting.left(looked_for)}

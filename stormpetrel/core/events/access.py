"""Keys of the API, and what was done with them."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from stormpetrel.core.events.bounds import Moment
from stormpetrel.core.events.values import Event

Scope = Literal["read", "annotate", "operate", "ingest"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
KeyId = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
PrincipalName = Annotated[str, Field(pattern=r"^[\w.@:+|/ -]+$", min_length=1, max_length=120)]


class ApiKeyAdded(Event):
    """Somebody may use the API (topic `keys`, key `key_id`). `digest` is the SHA-256 of the key, which is 256 random
    bits and is kept nowhere; `principal` is who annotates and acts with it."""

    key_id: KeyId
    principal: PrincipalName
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES))]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    added_at: Moment


class ApiKeyRevoked(Event):
    """A key opens nothing any more (topic `keys`, key `key_id`)."""

    key_id: KeyId
    principal: PrincipalName
    revoked_at: Moment


class Audited(Event):
    """Something was changed, or somebody who is known was refused it (topic `audit`, key `actor`).

    `action` is a method and a route, or a command; `object` is what it was about (a path with its query); `outcome` is
    the HTTP status, or `done`.
    """

    actor: Annotated[str, Field(min_length=1, max_length=140)]
    action: Annotated[str, Field(max_length=200)]
    object: Annotated[str, Field(max_length=2000)]
    outcome: Annotated[str, Field(max_length=40)]
    at: Moment

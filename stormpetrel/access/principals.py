"""Who asks, and which scopes they have."""

from __future__ import annotations

from dataclasses import dataclass

from stormpetrel.core.errors import StormpetrelError
from stormpetrel.core.events import SCOPES, Scope


class Refused(StormpetrelError):
    """Nobody is known by what was sent: a key, a token or a session that opens nothing. The message says why."""


@dataclass(frozen=True)
class Principal:
    """Somebody who is known, by the name under which they annotate and act."""

    name: str
    scopes: frozenset[Scope]
    key_id: str = ""  # of the key that they came with; empty with a token

    def may(self, scope: str) -> bool:
        return scope in self.scopes


# Where no key was ever made, on a loopback address: everything is allowed, and people say themselves who they are.
ANYBODY = Principal("", frozenset(SCOPES))

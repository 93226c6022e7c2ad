"""Which scope a request needs: one table, read from top to bottom.

What reads needs `read`. What the table does not name and is no reading needs `operate`: a new route is shut until its
row is here.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from stormpetrel.core.events import Scope

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
Need = Scope | Literal["nothing", "a key"]


class Rule(NamedTuple):
    """The need of requests with one of these methods whose path begins so."""

    methods: frozenset[str]
    path: str
    need: Need


POST, DELETE = frozenset({"POST"}), frozenset({"DELETE"})
RULES: tuple[Rule, ...] = (
    # Probes are asked by what watches the process; the documentation holds no data.
    *(Rule(READING, path, "nothing") for path in ("/healthz", "/readyz", "/docs", "/redoc", "/openapi.json")),
    # The page holds no data either: it asks for a key, and then for data.
    *(Rule(READING, path, "nothing") for path in ("/", "/page/")),
    Rule(READING | POST | DELETE, "/v1/session", "a key"),
    Rule(READING, "/v1/dead-letters", "operate"),  # they hold what was refused, whatever it is
    # Questions whose form is too large for a query string.
    Rule(POST, "/v1/search", "read"),
    Rule(POST, "/v1/stac/search", "read"),
    Rule(POST, "/v1/feedback/store", "annotate"),
    *(Rule(POST, path, "read") for path in ("/v1/feedback", "/v1/structured-query", "/v1/validation")),
    # People's own work.
    Rule(POST | DELETE, "/v1/annotations", "annotate"),
    Rule(POST, "/v1/labels", "annotate"),
    Rule(POST | DELETE, "/v1/saved-searches", "annotate"),
    # Whoever is on duty silences and acts; rules are the operator's.
    Rule(POST | DELETE, "/v1/alerting/silences", "annotate"),
    Rule(POST, "/v1/incidents", "annotate"),
    # What comes in from catalogues, and a team's own reports.
    Rule(POST, "/v1/notifications/", "ingest"),
    Rule(POST, "/v1/posts", "ingest"),
    # An import brings annotations in other people's names.
    Rule(POST, "/v1/exchange/", "operate"),
    Rule(READING, "/metrics", "read"),
)


def need_of(method: str, path: str) -> Need:
    """What a request of this method and path needs."""
    for rule in RULES:
        if method in rule.methods and _is_of(rule.path, path):
            return rule.need
    return "read" if method in READING else "operate"


def _is_of(ruled: str, path: str) -> bool:
    """Whether a path is a rule's own or lies below it; below `/` lies nothing, or that rule would hold everywhere."""
    return path == ruled or (ruled != "/" and path.startswith(f"{ruled.rstrip('/')}/"))


def changes_something(method: str, path: str) -> bool:
    """Whether a request is more than a question."""
    return method not in READING and need_of(method, path) != "read"

"""The API on the log and the stores in memory, with keys that a test makes."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from stormpetrel.access.keys import new_key
from stormpetrel.core.events import Scope
from stormpetrel.core.topics import AUDIT, KEYS
from stormpetrel.log.memory import MemoryLog
from stormpetrel.log.record import record_of_event
from tests.memory_api import MemoryApi

PUSH_SECRET = "push"


class SecuredApi:
    """A running application, its log, and a client of it. A context manager."""

    def __init__(self, log: MemoryLog | None = None, host: str = "127.0.0.1", **access: Any) -> None:
        self.memory = MemoryApi(access=access, api={"host": host}, log=log)
        self.log = self.memory.log

    def __enter__(self) -> SecuredApi:
        app = create_app(self.memory._open, self.memory.settings.access.cors_origins)
        self.client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        self.client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__(None, None, None)

    @property
    def access_resources(self) -> Any:
        return self.memory.resources.access_resources

    @property
    def journal(self) -> Any:
        return self.memory.resources.annotations.journal

    def make_key(self, name: str, *scopes: Scope) -> str:
        """A key that the process has read from the topic."""
        key, event = new_key(name, scopes)
        self.log.append(record_of_event(KEYS, event.key_id, event))
        self.access_resources.view.catch_up()
        return key

    def audited(self) -> list[tuple[str, str, str, str]]:
        """What the audit has once the application is closed: actor, action, object, outcome."""
        events = [record.decode(*AUDIT.events) for record in self.log.records(AUDIT.name)]
        return [(event.actor, event.action, event.object, event.outcome) for event in events]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}

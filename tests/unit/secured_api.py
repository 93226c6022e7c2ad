"""The API with its gate, on the log in memory; what the routes work with is left out but for annotations."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from fastapi.testclient import TestClient

from api.access import AccessResources
from api.app import create_app
from stormpetrel.access.keys import new_key
from stormpetrel.bootstrap import label_catalogue
from stormpetrel.core.events import Scope
from stormpetrel.core.settings import Settings
from stormpetrel.core.topics import AUDIT, KEYS
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.annotations.annotation_journal import AnnotationJournal
from stormpetrel.log.memory import MemoryLog, MemoryProducer, MemoryTopicReader
from stormpetrel.log.record import record_of_event


class SecuredApi:
    """A running application, its log, and the keys that a test makes. A context manager."""

    def __init__(self, log: MemoryLog | None = None, **access: Any) -> None:
        self.log = log or MemoryLog()
        host = access.pop("host", "127.0.0.1")
        self.settings = Settings(access=access, api={"host": host}, catalogue={"secret": "the push secret"})

    def __enter__(self) -> SecuredApi:
        origins = self.settings.access.cors_origins
        self.app = create_app(self._open, origins)
        self.client = TestClient(self.app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        self.client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__(None, None, None)

    def _open(self) -> Any:
        self.access_resources = AccessResources(self.settings, MemoryTopicReader(self.log), MemoryProducer(self.log))
        journal = AnnotationJournal(label_catalogue(), self._apply, lambda: None)
        stores: Any = SimpleNamespace(get=lambda collection, ids: {}, vectors=lambda *_: {})
        annotations = Annotations(journal, stores, stores, lambda kind: kind)
        self.journal = journal
        return SimpleNamespace(
            access=self.access_resources.access,
            close=self.access_resources.close,
            annotations=annotations,
            documents=SimpleNamespace(ping=lambda: None),
            vectors=SimpleNamespace(ping=lambda: None),
        )

    def _apply(self, events: Iterable[Any]) -> None:
        for event in events:
            self.journal.apply(event)

    def make_key(self, name: str, *scopes: Scope) -> str:
        """A key that the process has read from the topic."""
        key, event = new_key(name, scopes)
        self.log.append(record_of_event(KEYS, event.key_id, event))
        self.access_resources._view.catch_up()
        return key

    def audited(self) -> list[tuple[str, str, str, str]]:
        """What the audit has once the application is closed: actor, action, object, outcome."""
        events = [record.decode(*AUDIT.events) for record in self.log.records(AUDIT.name)]
        return [(event.actor, event.action, event.object, event.outcome) for event in events]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}

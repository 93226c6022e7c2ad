"""All collections of the local vector index: opened at the start, made, dropped, and each alone in its failures."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from stormpetrel.local.qdrant_codec import ExistingCollection, FailedCollection, Json, MissingCollection
from stormpetrel.local.vector_engine import Optimise, Shard

log = structlog.get_logger()
OPEN_EVERY_S = 3.0  # a collection that does not open is tried again, where somebody wants it, no more often


class Engine:
    """All collections under one folder. `optimise` makes a copied shard's graph, in a process of its own. `failed` says
    what is wrong with the collections that cannot be used, by name."""

    def __init__(self, directory: Path, optimise: Optimise) -> None:
        self._directory, self._optimise = directory, optimise
        self._directory.mkdir(parents=True, exist_ok=True)
        self._creating = threading.Lock()
        self.shards: dict[str, Shard] = {}
        self.failed: dict[str, str] = {}
        self._opened_at: dict[str, float] = {}  # monotonic seconds of the last try, of those that did not open
        for file in sorted(directory.glob("*.json")):
            self._open(file.stem)

    @property
    def collections(self) -> list[str]:
        """The names of all collections, those that cannot be used too."""
        return sorted([*self.shards, *self.failed])

    def work(self, name: str, operation: Callable[[Shard, Json], Any], body: Json) -> Any:
        """What the operation returns of the collection. Raises MissingCollection or FailedCollection."""
        if name in self.failed:
            self._open_again(name)
        if name in self.failed:
            raise FailedCollection(self.failed[name])
        if name not in self.shards:
            raise MissingCollection(f"Not found: Collection `{name}` doesn't exist!")
        try:
            return operation(self.shards[name], body)
        except Exception:
            raise
        except BaseException as panic:
            self._fail(name, panic)
            raise FailedCollection(self.failed[name]) from panic

    def _open(self, name: str) -> None:
        try:
            self.shards[name] = Shard(self._directory / name, self._optimise)
            self.failed.pop(name, None)
            self._opened_at.pop(name, None)
        except BaseException as error:
            self._opened_at[name] = time.monotonic()
            self._fail(name, error)

    def _open_again(self, name: str) -> None:
        """What did not open on a full disk does when there is room. A shard that failed in use is not opened beside
        what may be left of it: that takes another start."""
        with self._creating:
            if name in self._opened_at and time.monotonic() - self._opened_at[name] > OPEN_EVERY_S:
                self._open(name)

    def _fail(self, name: str, error: BaseException) -> None:
        """Takes one collection out of service: the others go on. The engine's panics are no Exceptions."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        self.shards.pop(name, None)
        self.failed[name] = (
            f"collection {name} of the local vector index cannot be used: {error}. Start the index again; where that "
            "does not help, write it again from the log: stormpetrel rebuild vectors"
        )
        log.error("a collection cannot be used; the others are served", collection=name, error=str(error))

    def create(self, name: str, configuration: Json) -> None:
        with self._creating:
            if name in self.collections:
                raise ExistingCollection(f"Wrong input: Collection `{name}` already exists!")
            self.shards[name] = Shard(self._directory / name, self._optimise, configuration)

    def drop(self, name: str) -> bool:
        with self._creating:
            if name not in self.collections:
                return False
            shard = self.shards.pop(name, None)
            (self._directory / f"{name}.json").unlink(missing_ok=True)
            if shard is not None:
                shard.close()
            self.failed.pop(name, None)
            self._opened_at.pop(name, None)
            shutil.rmtree(self._directory / name, ignore_errors=True)
            return True

    def close(self) -> None:
        for shard in self.shards.values():
            shard.close()

"""One generation of a shard's folder, open for readers until the next one has replaced it."""

from __future__ import annotations

import ctypes
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import qdrant_edge as edge

from stormpetrel.local.qdrant_codec import Json, read_configuration


def release_memory() -> None:
    """Returns freed heap memory to the system: glibc would keep a whole shard's. On other systems nothing happens."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class Generation:
    """One generation of a shard. Once it is retired and its last reader has left, its folder is deleted."""

    def __init__(self, directory: Path, configuration: Json) -> None:
        self.directory = directory
        if (directory / "segments").exists():
            self.shard = edge.EdgeShard.load(str(directory))
        else:
            directory.mkdir(parents=True, exist_ok=True)
            self.shard = edge.EdgeShard.create(str(directory), read_configuration(configuration))
        # The first reader is the shard itself, until it retires this generation.
        self._readers, self._retired, self._lock = 1, False, threading.Lock()

    def enter(self) -> bool:
        """Whether the reader was admitted."""
        with self._lock:
            self._readers += not self._retired
            return not self._retired

    def leave(self) -> None:
        with self._lock:
            self._readers -= 1
            last = not self._readers
        if last:
            self.shard.close()
            shutil.rmtree(self.directory, ignore_errors=True)
            release_memory()

    def retire(self) -> None:
        """Admits no more readers."""
        self._retired = True
        self.leave()

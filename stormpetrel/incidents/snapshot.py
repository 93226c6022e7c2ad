"""The detector's whole state as bytes, and back: to go on after a restart as if nothing had happened.

A snapshot is read by the same code that wrote it and by no other. It is a cache and no record: without it the state
comes from the log.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stormpetrel.core.events import Event


class _Pickler(pickle.Pickler):
    """Leaves out what a process opens for itself: models, word lists, the clock."""

    def __init__(self, file: io.BytesIO, opened: Mapping[str, Any]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._names = {id(part): name for name, part in opened.items()}

    def persistent_id(self, part: Any) -> str | None:
        return self._names.get(id(part))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, opened: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._opened = opened

    def persistent_load(self, name: str) -> Any:
        return self._opened[name]


def snapshot(state: Any, opened: Mapping[str, Any]) -> bytes:
    """The state, without the parts that are `opened` by a process; they are named in it."""
    file = io.BytesIO()
    _Pickler(file, opened).dump(state)
    body = file.getvalue()
    return code_digest() + hashlib.blake2b(body, digest_size=16).digest() + body


def restore(raw: bytes, opened: Mapping[str, Any]) -> Any:
    """The state again. Raises ValueError where the bytes are damaged, or other code wrote them. Read only what this
    process's own user has written: a forged snapshot can run anything."""
    code, digest, body = raw[:16], raw[16:32], raw[32:]
    if code != code_digest():
        raise ValueError("it is of another release")
    if hashlib.blake2b(body, digest_size=16).digest() != digest:
        raise ValueError("it is damaged")
    try:
        return _Unpickler(io.BytesIO(body), opened).load()
    except Exception as error:
        raise ValueError(f"it cannot be read: {type(error).__name__}: {error}") from error


@cache
def code_digest() -> bytes:
    """Of the code whose objects are in a snapshot (16 bytes)."""
    digest = hashlib.blake2b(sys.version.encode(), digest_size=16)
    folders = (Path(__file__).parent, Path(sys.modules[Event.__module__].__file__ or "").parent)
    for file in sorted(file for folder in folders for file in folder.glob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.digest()

"""A file that is replaced as a whole: after a crash it holds the old bytes or the new ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stormpetrel.core.errors import SetupError


@dataclass(frozen=True)
class SnapshotFile:
    """Bytes in a file that its own user alone may read."""

    path: Path

    def read(self) -> bytes | None:
        """None where there is none, or another user could have written it."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                return file.read() if status.st_uid == os.getuid() and not status.st_mode & 0o022 else None
        except OSError:
            return None

    def write(self, raw: bytes) -> None:
        """Raises SetupError where the file cannot be written."""
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            new.touch(0o600, exist_ok=False)
            with new.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise SetupError(
                f"the detector cannot write {self.path}: {error}; set detection.directory to a folder of yours"
            ) from error

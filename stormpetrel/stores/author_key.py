"""The key that authors are named by: made when it is first needed, and kept in a file for its owner alone."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

from stormpetrel.core.errors import SetupError
from stormpetrel.core.settings import Settings
from stormpetrel.posts.pseudonyms import Pseudonyms, new_key

LEAST_BYTES = 16
LOST = "restore it from a backup; a new key gives every author a new name (see docs/personal_data.md)"


def open_pseudonyms(settings: Settings) -> Pseudonyms:
    """What names authors; its key is made where there is none yet. Raises SetupError where the key cannot be used."""
    privacy = settings.privacy
    if privacy.author_key is not None:
        key = decoded(privacy.author_key.get_secret_value(), "privacy.author_key")
    else:
        key = author_key(privacy.key_file or settings.local.directory / "author.key")
    return Pseudonyms(key, privacy.links)


def author_key(file: Path) -> bytes:
    """The key in the file, made where there is none. Several processes that start at once get the same one.

    Raises SetupError where the file holds no key, or cannot be read or written.
    """
    try:
        if not file.exists():
            _make(file)
        return decoded(file.read_text(encoding="ascii"), str(file))
    except (OSError, UnicodeError) as error:
        remedy = "set privacy.key_file to a file of yours, or privacy.author_key"
        raise SetupError(f"the key of authors' names in {file} cannot be used: {error}; {remedy}") from error


def decoded(text: str, where: str) -> bytes:
    """The key as bytes. Raises SetupError where the text is none."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise SetupError(f"{where} holds no key: it must be base64 of 32 random bytes; {LOST}") from error
    if len(key) < LEAST_BYTES:
        raise SetupError(f"{where} holds a key of {len(key)} bytes, at least {LEAST_BYTES} are needed; {LOST}")
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix=file.name, dir=file.parent)  # for its owner alone
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(base64.b64encode(new_key()) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(beside, file)  # whole or not at all, and never over another's
    except FileExistsError:
        pass
    finally:
        Path(beside).unlink()

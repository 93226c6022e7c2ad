"""A model's folder: its manifest, written last, and files that are shown to be the ones it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stormpetrel.errors import ModelUnavailable

REMEDY = "Run `stormpetrel model export --force` to make it anew"


def read_checked(directory: Path, files: Sequence[str]) -> dict[str, Any]:
    """The manifest's fields. Raises ModelUnavailable where one of `files` is missing or its checksum differs."""
    try:
        fields: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
        for name in files:
            found = hashlib.sha256((directory / name).read_bytes()).hexdigest()
            if found != fields["sha256"][name]:
                raise ModelUnavailable(f"{directory / name} is not the file that was exported. {REMEDY}")
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelUnavailable(f"no whole model in {directory} ({error}). {REMEDY}") from error
    return fields

"""A model's folder in the cache: its manifest, written last, and the files whose checksums it names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stormpetrel.core.errors import ModelUnavailable

REMEDY = "Run `stormpetrel model export --force` to export it again"


def model_directory(cache: Path, name: str) -> Path:
    """The folder of a model in the cache."""
    return cache / re.sub(r"[^A-Za-z0-9._-]+", "--", name).strip("-.")


def read_checked(directory: Path, files: Sequence[str], remedy: str = REMEDY) -> dict[str, Any]:
    """The manifest's fields. Raises ModelUnavailable where one of `files` is missing or its checksum differs."""
    try:
        fields: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
        for name in files:
            if hashlib.sha256((directory / name).read_bytes()).hexdigest() != fields["sha256"][name]:
                raise ModelUnavailable(f"{directory / name} is not the file that was exported. {remedy}")
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelUnavailable(f"no complete model in {directory} ({error}). {remedy}") from error
    return fields

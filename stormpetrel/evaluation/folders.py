"""Where an evaluation looks for its data sets."""

from __future__ import annotations

from pathlib import Path


def data_folders(data: Path) -> list[Path]:
    """The folder itself, then the folders in it, by name."""
    return [data, *sorted(path for path in data.iterdir() if path.is_dir())]

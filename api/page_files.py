"""The files of the page, as `make web` has built them into this package: read once, and kept compressed."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stormpetrel.core.errors import NotFound

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page. `compressed` is its content by gzip, `tag` changes with the content."""

    media_type: str
    compressed: bytes
    tag: str

    def content(self) -> bytes:
        """The content itself, for the few clients that read no gzip."""
        return gzip.decompress(self.compressed)


@cache
def page_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """All files of the page by name. Empty where it has not been built."""
    return {path.name.removesuffix(".gz"): _read(path) for path in sorted(folder.glob("*.gz"))}


def page_file(name: str, folder: Path = FOLDER) -> PageFile:
    """Raises NotFound."""
    file = page_files(folder).get(name)
    if file is None:
        remedy = "reload the page" if page_files(folder) else "the page is not built; `make web` builds it"
        raise NotFound(f"the page has no file {name!r}; {remedy}")
    return file


def _read(path: Path) -> PageFile:
    compressed = path.read_bytes()
    media_type = MEDIA_TYPES[Path(path.name.removesuffix(".gz")).suffix]
    return PageFile(media_type, compressed, f'"{hashlib.blake2b(compressed, digest_size=12).hexdigest()}"')

"""Products that are named on the command line, and files of notices: one JSON object a line, CDSE's or STAC's form."""

from __future__ import annotations

from pathlib import Path

from stormpetrel.core.clock import now
from stormpetrel.imagery.catalogue.notice import notice
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.readers.gdal import require_gdal

SUFFIXES = (".jsonl", ".ndjson")


def announce(path: Path, publisher: ProductPublisher, root: Path | None = None) -> None:
    """Publishes the product at a path, or every notice of a file of notices."""
    if path.suffix not in SUFFIXES:
        require_gdal()
        from stormpetrel.imagery.catalogue.folder import product_at

        publisher.take(str(path), lambda name: product_at(Path(name), now()), path.name)
        return
    with path.open("rb") as opened:
        for number, raw in enumerate(opened, start=1):
            if raw.strip():
                publisher.take(raw, lambda line: notice(line, root), f"{path.name}:{number}")

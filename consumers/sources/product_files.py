"""Products that are named on the command line, and files of notices: one JSON object a line, CDSE's or STAC's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue import stac_api as stac
from stormpetrel.imagery.catalogue.product_publisher import ProductEvent, ProductPublisher
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


def notice(raw: bytes, root: Path | None = None) -> ProductEvent | None:
    """One notice: a CDSE notification (bare, or under `notification`), or a STAC item. Paths that it names lie below
    `root`; without one it may name none. Raises MalformedRecord."""
    try:
        record: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedRecord(f"it is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise MalformedRecord("a notice is a JSON object: CDSE's notification or a STAC item")
    if record.get("type") == "Feature":
        return stac.item(record, now(), root=root)
    return cdse.notification(record.get("notification", record), now(), root)

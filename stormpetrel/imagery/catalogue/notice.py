"""One notice of a catalogue as it stands in files and dead letters: CDSE's notification, or a STAC item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from stormpetrel.core.clock import now
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue import stac_api as stac
from stormpetrel.imagery.catalogue.product_publisher import ProductEvent


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

"""What is seen from above, in both stores: products, scenes and patches.

All events of a scene have one key, and so come in order: a scene that is described again, after its patches, takes away
those it no longer has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds
from stormpetrel.core.errors import MalformedRecord, StormpetrelError
from stormpetrel.core.events import (
    PatchDescribed,
    PatchWithdrawn,
    ProductAnnounced,
    ProductWithdrawn,
    SceneDescribed,
    SceneWithdrawn,
    decode,
)
from stormpetrel.core.ports import Document, DocumentStore, Filter, Point, VectorWriter
from stormpetrel.log.batch_consumer import Dead, schema_of

EVENTS = (PatchDescribed, PatchWithdrawn, SceneDescribed, SceneWithdrawn, ProductAnnounced, ProductWithdrawn)
VECTORS = ("sar_vector", "ms_vector", "fused_vector", "earth_vector")


def patch_document(event: PatchDescribed) -> Document:
    """The patch as MongoDB holds it: without its vectors, under its own id."""
    fields = event.model_dump(mode="json", exclude={*VECTORS, "schema_version"})
    models = {name.removesuffix("_vector"): made.model for name in VECTORS if (made := getattr(event, name))}
    return {"_id": event.patch_id, **fields, "models": models, "time": milliseconds(event.sensed_at)}


def patch_point(event: PatchDescribed, indexed_at: int) -> Point:
    """The patch as the vector index holds it. `new_water` is in thousandths of the patch."""
    payload: Document = {
        "kind": "patch",
        "scene_id": event.scene_id,
        "products": [name for name in (event.s1_product, event.s2_product) if name],
        "sensors": [
            name for name, product in (("sentinel-1", event.s1_product), ("sentinel-2", event.s2_product)) if product
        ],
        "scale_level": str(event.scale_level),
        "event_time": milliseconds(event.sensed_at),
        "indexed_at": indexed_at,
        "described_at": milliseconds(event.described_at),
        "new_water": round(1000 * event.new_water.share) if event.new_water else 0,
        "location": [{"lon": event.longitude, "lat": event.latitude}],
    }
    found = cells(event.longitude, event.latitude)
    payload |= {f"cells_{resolution}": [found[resolution]] for resolution in RESOLUTIONS}
    dense = {name.removesuffix("_vector"): vector.values() for name in VECTORS if (vector := getattr(event, name))}
    return Point(event.patch_id, payload, dense=dense)


def scene_document(event: SceneDescribed) -> Document:
    fields = event.model_dump(mode="json", exclude={"schema_version"})
    return {"_id": event.scene_id, **fields, "time": milliseconds(event.sensed_at)}


def product_document(event: ProductAnnounced) -> Document:
    fields = event.model_dump(mode="json", exclude={"schema_version"})
    return {"_id": event.product_name, **fields, "time": milliseconds(event.sensed_from)}


class PatchIndexer:
    """Writes patches, scenes and products in the order of the log."""

    def __init__(
        self,
        documents: DocumentStore,
        vectors: VectorWriter,
        collection: str,
        patch_descriptors: Mapping[str, tuple[str, int]],
    ) -> None:
        self._documents, self._vectors, self._collection = documents, vectors, collection
        self._patch_descriptors = patch_descriptors

    def write(self, messages: Sequence[Any]) -> Dead:
        """The messages that cannot be read. Raises StoreUnavailable; writing again is harmless."""
        dead: Dead = []
        described: dict[str, PatchDescribed] = {}
        withdrawn: dict[str, None] = {}
        for message in messages:
            try:
                event = decode(message.value() or b"", *EVENTS, schema=schema_of(message, ""))
                self._check(event)
            except StormpetrelError as error:
                dead.append((message, str(error)))
                continue
            if isinstance(event, PatchDescribed):
                withdrawn.pop(event.patch_id, None)
                described[event.patch_id] = event
            elif isinstance(event, PatchWithdrawn):
                described.pop(event.patch_id, None)
                withdrawn[event.patch_id] = None
            else:
                self._flush(described, withdrawn)
                self._take(event)
        self._flush(described, withdrawn)
        return dead

    def _flush(self, described: dict[str, PatchDescribed], withdrawn: dict[str, None]) -> None:
        indexed_at = int(time.time() * 1000)
        self._documents.upsert("patches", [patch_document(event) for event in described.values()])
        self._vectors.upsert(self._collection, [patch_point(event, indexed_at) for event in described.values()])
        self._forget(list(withdrawn))
        described.clear()
        withdrawn.clear()

    def _take(self, event: SceneDescribed | SceneWithdrawn | ProductAnnounced | ProductWithdrawn) -> None:
        if isinstance(event, SceneDescribed):
            self._documents.upsert("scenes", [scene_document(event)])
            self._forget_scene(event.scene_id, milliseconds(event.described_at) - 1)
        elif isinstance(event, SceneWithdrawn):
            self._forget_scene(event.scene_id, milliseconds(event.withdrawn_at))
            self._documents.delete("scenes", [event.scene_id])
        elif isinstance(event, ProductAnnounced):
            self._documents.upsert("products", [product_document(event)])
        else:
            self._documents.delete("products", [event.product_name])

    def _forget_scene(self, scene_id: str, until: int) -> None:
        """Takes away the scene's patches that were described by then."""
        stale = Filter(any_of={"scene_id": [scene_id]}, ranges={"described_at": (None, until)})
        self._forget(list(self._vectors.ids(self._collection, stale)))

    def _forget(self, ids: list[str]) -> None:
        if ids:
            self._vectors.delete(self._collection, ids)
            self._documents.delete("patches", ids)

    def _check(self, event: Any) -> None:
        """Raises MalformedRecord where a vector is not of what made the vectors of this index."""
        if not isinstance(event, PatchDescribed):
            return
        for name in VECTORS:
            vector = getattr(event, name)
            if vector is None:
                continue
            held = self._patch_descriptors.get(name.removesuffix("_vector"))
            if held != (vector.model, len(vector.values())):
                holds = f"{held[0]} ({held[1]} values)" if held else "none"
                problem = f"its {name} is of {vector.model} ({vector.dimensions} values), this index holds {holds}"
                raise MalformedRecord(f"{problem}; give both consumers the same settings and replay it")

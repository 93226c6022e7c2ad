"""Products, scenes and patches in the stores.

All events of a scene have one key, and so come in order: a scene that is described again, after its patches, takes away
those it no longer has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from stormpetrel.core.cells import RESOLUTIONS, cells
from stormpetrel.core.clock import milliseconds, now_ms
from stormpetrel.core.embedding_spec import EmbeddingSpec
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import (
    PatchDescribed,
    PatchWithdrawn,
    ProductAnnounced,
    ProductWithdrawn,
    SceneDescribed,
    SceneWithdrawn,
)
from stormpetrel.core.ports import Document, DocumentStore, DocumentWriter, Filter, Point, VectorWriter
from stormpetrel.imagery.facts import facts_of
from stormpetrel.projections.projection import Projection

PatchEvent = PatchDescribed | PatchWithdrawn | SceneDescribed | SceneWithdrawn
VECTORS = ("sar_vector", "ms_vector", "fused_vector", "earth_vector")


def patch_document(event: PatchDescribed) -> Document:
    """The patch as MongoDB holds it: without its vectors, under its own id."""
    fields = event.model_dump(mode="json", exclude={*VECTORS, "schema_version"})
    models = {name.removesuffix("_vector"): vector.model for name in VECTORS if (vector := getattr(event, name))}
    return {"_id": event.patch_id, **fields, "models": models, "time": milliseconds(event.sensed_at)}


def patch_point(event: PatchDescribed, indexed_at: int) -> Point:
    """The patch as the vector index holds it. `new_water` is in thousandths of the patch, to be ordered by."""
    facts = facts_of(patch_document(event))
    payload: Document = {
        "kind": "patch",
        "scene_id": event.scene_id,
        "products": [name for name in (event.s1_product, event.s2_product) if name],
        "scale_level": str(event.scale_level),
        "event_time": milliseconds(event.sensed_at),
        "indexed_at": indexed_at,
        "described_at": milliseconds(event.described_at),
        "labels": [],  # nothing is said of it until the newest models have judged it
        "new_water": round(1000 * event.new_water.share) if event.new_water else 0,
        "location": [{"lon": event.longitude, "lat": event.latitude}],
        **facts,
    }
    h3_cells = cells(event.longitude, event.latitude)
    payload |= {f"cells_{resolution}": [h3_cells[resolution]] for resolution in RESOLUTIONS}
    dense = {name.removesuffix("_vector"): vector.values() for name in VECTORS if (vector := getattr(event, name))}
    return Point(event.patch_id, payload, dense=dense)


def _document(document_id: str, event: SceneDescribed | ProductAnnounced, moment: datetime) -> Document:
    fields = event.model_dump(mode="json", exclude={"schema_version"})
    return {"_id": document_id, **fields, "time": milliseconds(moment)}


class PatchProjection(Projection):
    """Writes patches and scenes to both stores; `specs` says what makes each of a patch's vectors, by name."""

    event_types = (PatchDescribed, PatchWithdrawn, SceneDescribed, SceneWithdrawn)

    def __init__(
        self, documents: DocumentStore, vectors: VectorWriter, collection: str, specs: Mapping[str, EmbeddingSpec]
    ) -> None:
        self._documents, self._vectors, self._collection, self._specs = documents, vectors, collection, specs

    def checked(self, event: PatchEvent) -> PatchEvent:
        for name in VECTORS if isinstance(event, PatchDescribed) else ():
            vector, spec = getattr(event, name), self._specs.get(name.removesuffix("_vector"))
            if vector is not None and (spec is None or not spec.matches(vector)):
                raise MalformedRecord(
                    f"its {name} is of {vector.model} ({vector.dimensions} values), this index holds {spec or 'none'}; "
                    "give both consumers the same settings and replay it"
                )
        return event

    def write(self, events: Sequence[PatchEvent]) -> None:
        """In the order of the log: a scene's last event takes away the patches that it no longer has."""
        described: dict[str, PatchDescribed] = {}
        withdrawn: dict[str, None] = {}
        for event in events:
            if isinstance(event, PatchDescribed):
                withdrawn.pop(event.patch_id, None)
                described[event.patch_id] = event
            elif isinstance(event, PatchWithdrawn):
                described.pop(event.patch_id, None)
                withdrawn[event.patch_id] = None
            else:
                self._write_patches(described, withdrawn)
                self._write_scene(event)
        self._write_patches(described, withdrawn)

    def _write_patches(self, described: dict[str, PatchDescribed], withdrawn: dict[str, None]) -> None:
        self._documents.upsert("patches", [patch_document(event) for event in described.values()])
        indexed_at = now_ms()
        self._vectors.upsert(self._collection, [patch_point(event, indexed_at) for event in described.values()])
        self._delete(list(withdrawn))
        described.clear()
        withdrawn.clear()

    def _write_scene(self, event: SceneDescribed | SceneWithdrawn) -> None:
        if isinstance(event, SceneDescribed):
            self._documents.upsert("scenes", [_document(event.scene_id, event, event.sensed_at)])
            self._delete_patches(event.scene_id, milliseconds(event.described_at) - 1)
        else:
            self._delete_patches(event.scene_id, milliseconds(event.withdrawn_at))
            self._documents.delete("scenes", [event.scene_id])

    def _delete_patches(self, scene_id: str, until: int) -> None:
        """Takes away the scene's patches that were described by then."""
        stale = Filter(any_of={"scene_id": [scene_id]}, ranges={"described_at": (None, until)})
        self._delete(list(self._vectors.ids(self._collection, stale)))

    def _delete(self, patch_ids: list[str]) -> None:
        if patch_ids:
            self._vectors.delete(self._collection, patch_ids)
            self._documents.delete("patches", patch_ids)


class ProductProjection(Projection):
    """Writes products to MongoDB."""

    event_types = (ProductAnnounced, ProductWithdrawn)

    def __init__(self, documents: DocumentWriter) -> None:
        self._documents = documents

    def write(self, events: Sequence[ProductAnnounced | ProductWithdrawn]) -> None:
        for event in events:
            if isinstance(event, ProductAnnounced):
                self._documents.upsert("products", [_document(event.product_name, event, event.sensed_from)])
            else:
                self._documents.delete("products", [event.product_name])

"""Annotating items and undoing annotations."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, NotFound, StormpetrelError
from stormpetrel.core.events import Annotation, AnnotationUndone, Sign, Vector
from stormpetrel.core.ids import Collection, ItemKind, PatchId
from stormpetrel.core.ports import Document, DocumentReader, VectorReader
from stormpetrel.learning.annotations.annotation_journal import AnnotationJournal
from stormpetrel.learning.annotations.annotation_store import AnnotationStore

VECTORS = {"posts": ("text",), "patches": ("sar", "ms", "fused")}


@dataclass(frozen=True)
class Annotations:
    """What annotating needs: the annotations, and the items with their vectors. `index_of` names the vector index's
    collection of a kind of items; `dimensions_of` gives the dimensions of the vectors of such items, by name, where
    they are known; `is_forgotten` tells of a post's id whether the post was forgotten."""

    journal: AnnotationJournal
    documents: DocumentReader
    vectors: VectorReader
    index_of: Callable[[ItemKind], str]
    dimensions_of: Callable[[ItemKind], Mapping[str, int]] = lambda kind: {}
    is_forgotten: Callable[[str], bool] = lambda item_id: False

    def check_label(self, label: str, collection: Collection) -> None:
        """Raises BadQuery where the catalogue has no such label of the collection's kind of items."""
        self.journal.catalogue.of_kind(label, collection.kind)


@dataclass(frozen=True)
class AnnotationDraft:
    """One label of one item, as a person sends it. With an `annotation_id`, sending it again is harmless."""

    item_id: str
    label: str
    sign: Sign
    annotation_id: str | None = None


@dataclass(frozen=True)
class _Batch:
    """Drafts of one person with the items that they name, and how many signs they give to each (item, label)."""

    collection: Collection
    annotator: str
    round: int | None
    documents: dict[str, Document]
    vectors: dict[str, dict[str, Vector]]
    signs: Counter[tuple[str, str]]


def annotate(
    annotations: Annotations,
    collection: Collection,
    annotator: str,
    drafts: Sequence[AnnotationDraft],
    round: int | None = None,
) -> dict[str, Any]:
    """Writes a person's annotations; `round` is the label's last where it is None. Those that cannot be kept are
    refused item by item, with the reason. Raises BadQuery where none can be kept."""
    documents = annotations.documents.get(collection.kind, list(dict.fromkeys(draft.item_id for draft in drafts)))
    vectors = _event_vectors(annotations, collection.kind, documents)
    signs = Counter((item, label) for item, label, _ in {(d.item_id, d.label, d.sign) for d in drafts})
    batch = _Batch(collection, annotator, round, documents, vectors, signs)
    events, refused = [], []
    for draft in drafts:
        try:
            events.append(_event(annotations, batch, draft))
        except StormpetrelError as error:
            refused.append({"item_id": draft.item_id, "label": draft.label, "problem": str(error)})
    if not events:
        raise BadQuery("annotations", f"none of them can be kept: {refused[0]['problem']}", "Nothing was written")
    kept = annotations.journal.reading(collection, lambda store: [_summary(store, event) for event in events])
    annotations.journal.write(events)
    return {"collection": str(collection), "kept": kept, "refused": refused}


def _event_vectors(
    annotations: Annotations, kind: ItemKind, documents: dict[str, Document]
) -> dict[str, dict[str, Vector]]:
    """The items' vectors as events hold them, with the models that made them."""
    vectors: dict[str, dict[str, Vector]] = {}
    stored = annotations.vectors.vectors(annotations.index_of(kind), list(documents), VECTORS[kind])
    for item_id, item_vectors in stored.items():
        document = documents[item_id]
        models = {"text": document.get("text_model")} if kind == "posts" else document.get("models") or {}
        vectors[item_id] = {
            name: Vector.of(item_vectors[name], str(models[name])) for name in item_vectors if models.get(name)
        }
    return vectors


def _event(annotations: Annotations, batch: _Batch, draft: AnnotationDraft) -> Annotation:
    """Raises BadQuery or NotFound where the draft cannot be kept."""
    journal, kind = annotations.journal, batch.collection.kind
    annotations.check_label(draft.label, batch.collection)
    if batch.signs[draft.item_id, draft.label] > 1:
        raise BadQuery("sign", "this request gives the item two signs", "Give one; two people send two requests")
    document = batch.documents.get(draft.item_id)
    if document is None:
        raise NotFound(f"{draft.item_id!r} is not among the {kind}: it was deleted, or never was")
    if document.get("duplicate_of"):
        problem = f"it is a near-duplicate of {document['duplicate_of']!r}"
        raise BadQuery("item_id", problem, "Annotate the original")
    existing = journal.find(draft.annotation_id) if draft.annotation_id else None
    if existing and (existing.item_id, existing.label, existing.sign) != (draft.item_id, draft.label, draft.sign):
        raise BadQuery("annotation_id", "another annotation has this id", "Take a new one, or leave it out")
    patch = PatchId.parse(draft.item_id) if kind == "patches" else None
    last_round = journal.reading(batch.collection, lambda store: store.last_round(draft.label))
    return Annotation(
        annotation_id=draft.annotation_id or f"ann-{uuid.uuid4().hex}",
        collection=str(batch.collection),
        item_id=draft.item_id,
        label=draft.label,
        sign=draft.sign,
        annotator=batch.annotator,
        scale_level=patch.scale_level if patch else None,
        round=batch.round or max(1, last_round),
        vectors=batch.vectors.get(draft.item_id, {}),
        catalogue_version=journal.catalogue.version,
        annotated_at=now(),
    )


def _summary(store: AnnotationStore, event: Annotation) -> dict[str, Any]:
    """A kept annotation, with the same person's earlier one and the people who disagree."""
    votes = store.votes(event.label, event.item_id)
    replaced = votes.pop(event.annotator, None)
    opposed = [name for name, vote in votes.items() if {vote.sign, event.sign} == {"positive", "negative"}]
    return {
        **event.model_dump(include={"annotation_id", "item_id", "label", "sign", "round"}),
        "replaces": replaced.annotation_id if replaced else None,
        "disagrees_with": sorted(opposed),
    }


def undo(annotations: Annotations, annotation_id: str, annotator: str) -> dict[str, str]:
    """Undoes an annotation of one's own. It stays on the log, and its annotator's earlier annotation holds again."""
    journal = annotations.journal
    annotation = journal.find(annotation_id)
    if annotation is None:
        raise NotFound(f"there is no annotation {annotation_id!r}; GET /v1/annotations lists them")
    if annotation.annotator != annotator:
        problem = f"it is an annotation of {annotation.annotator!r}"
        raise BadQuery("annotator", problem, "Annotate the opposite in your own name: both are kept")
    if journal.reading(Collection.parse(annotation.collection), lambda store: store.is_undone(annotation_id)):
        return {"annotation_id": annotation_id, "outcome": "was undone before"}
    identity = annotation.model_dump(include={"annotation_id", "collection", "annotator"})
    journal.write([AnnotationUndone(**identity, undone_at=now())])
    return {"annotation_id": annotation_id, "outcome": "undone"}

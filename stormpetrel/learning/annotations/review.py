"""Reading annotations back: lists, agreement, the label catalogue, export and import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, MalformedRecord, NotFound
from stormpetrel.core.events import Annotation, LabelDefined
from stormpetrel.core.ids import Collection
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.annotations.exchange import (
    FORMATS,
    WRITERS,
    AnnotationRecord,
    Format,
    ItemContext,
    read_records,
)


def list_annotations(
    annotations: Annotations,
    collection: Collection,
    label: str | None,
    annotator: str | None,
    item_id: str | None,
    after: int,
    limit: int,
) -> dict[str, Any]:
    """The annotations that stand, the oldest first; a page of `limit` that begins `after` so many."""
    matches = [
        annotation
        for annotation in annotations.journal.reading(collection, lambda store: list(store.standing))
        if label in (None, annotation.label)
        and annotator in (None, annotation.annotator)
        and item_id in (None, annotation.item_id)
    ]
    end = after + limit
    page = [match.model_dump(mode="json", exclude={"vectors", "schema_version"}) for match in matches[after:end]]
    return {"annotations": page, "found": len(matches), "next": end if end < len(matches) else None}


def agreement(annotations: Annotations, collection: Collection, label: str) -> dict[str, Any]:
    """Cohen's kappa of the label's annotators, pair by pair, and the items that they dispute."""
    annotations.check_label(label, collection)
    store = annotations.journal.store(collection)
    items = store.consensus(label)
    disputed = [{"item_id": item.item_id, "votes": item.votes} for item in items if item.is_disputed]
    return {"items": len(items), "pairs": store.agreement(label), "disputed": disputed}


def list_labels(annotations: Annotations, kind: str | None, below: str | None) -> dict[str, Any]:
    """The catalogue's labels, of a kind or below a label."""
    catalogue = annotations.journal.catalogue
    labels = [
        label
        for label in catalogue.descriptions()
        if kind in (None, label["kind"]) and (below is None or label["label"].startswith(f"{below}/"))
    ]
    return {"version": catalogue.version, "labels": labels}


def define_label(annotations: Annotations, label: str, title: str, description: str, annotator: str) -> dict[str, Any]:
    """Defines a user's label, or changes its title. Raises BadQuery as `Catalogue.check` does."""
    event = LabelDefined(label=label, title=title, description=description, annotator=annotator, defined_at=now())
    annotations.journal.catalogue.check(event)
    annotations.journal.write([event])
    return {"version": annotations.journal.catalogue.version, "label": label, "title": title}


def exchange_format(name: str) -> Format:
    """Raises NotFound where there is no such format."""
    if known_format := next((known for known in FORMATS if known == name), None):
        return known_format
    raise NotFound(f"there is no format {name!r}; there are {', '.join(FORMATS)}")


def export_annotations(annotations: Annotations, collection: Collection, format_name: Format) -> str:
    """All annotations of a collection, the undone ones too."""
    history = annotations.journal.reading(collection, lambda store: store.history)
    records = [AnnotationRecord(annotation, undone) for annotation, undone in history]
    return WRITERS[format_name](records, _contexts(annotations, collection, records))


def import_annotations(annotations: Annotations, body: bytes, format_name: Format) -> dict[str, int]:
    """Writes the annotations of an export. Those whose annotation_id is known change nothing. Raises BadQuery at the
    first fault, and then nothing is imported."""
    try:
        records = read_records(body.decode("utf-8"), format_name)
    except UnicodeDecodeError as error:
        raise BadQuery("body", f"it is not UTF-8: {error}", "Send what the export gave") from error
    imported = [record.annotation for record in records]
    for number, annotation in enumerate(imported, 1):
        collection = Collection.parse(annotation.collection)
        annotations.check_label(annotation.label, collection)
        _check_dimensions(annotations.dimensions_of(collection.kind), annotation, number)
    unknown = [annotation for annotation in imported if annotations.journal.find(annotation.annotation_id) is None]
    new = [annotation for annotation in unknown if not annotations.is_forgotten(annotation.item_id)]
    names = {annotation.collection for annotation in new}
    stores = {name: annotations.journal.store(Collection.parse(name)) for name in names}
    try:
        for annotation in new:
            stores[annotation.collection].take(annotation)
    except MalformedRecord as error:
        raise BadQuery("body", str(error), "Leave `vectors` out, or send those of the same model") from error
    undone = [record.undone for record in records if record.undone is not None]
    annotations.journal.write(new)
    annotations.journal.write(undone)
    counts = {"imported": len(new), "known": len(records) - len(unknown), "undone": len(undone)}
    return {**counts, "forgotten": len(unknown) - len(new)}


def _check_dimensions(dimensions: Mapping[str, int], annotation: Annotation, number: int) -> None:
    for name, vector in annotation.vectors.items():
        if vector.dimensions != dimensions.get(name, vector.dimensions):
            problem = f"annotation {number}: its vector {name!r} has {vector.dimensions} values, those here have"
            remedy = "Leave `vectors` out, or export where the same model is configured"
            raise BadQuery("body", f"{problem} {dimensions[name]}", f"{remedy}. Nothing was imported")


def _contexts(
    annotations: Annotations, collection: Collection, records: list[AnnotationRecord]
) -> dict[str, ItemContext]:
    """Where and when the annotated items are, of those that are still stored."""
    ids = list(dict.fromkeys(record.annotation.item_id for record in records))
    documents = annotations.documents.get(collection.kind, ids)
    if collection.kind == "posts":
        return {item_id: ItemContext(time=document["created_at"]) for item_id, document in documents.items()}
    rings = {item_id: [list(point) for point in document["ring"]] for item_id, document in documents.items()}
    polygons = {item_id: {"type": "Polygon", "coordinates": [ring]} for item_id, ring in rings.items()}
    return {
        own_id: ItemContext(polygons[own_id], _bounds(rings[own_id]), documents[own_id]["sensed_at"])
        for own_id in rings
    }


def _bounds(ring: list[list[float]]) -> list[float]:
    """(west, south, east, north) in degrees; west is larger than east across the antimeridian (RFC 7946, 5.2)."""
    longitudes, latitudes = zip(*ring, strict=True)
    west, east = min(longitudes), max(longitudes)
    if east - west > 180:
        west = min(longitude for longitude in longitudes if longitude > 0)
        east = max(longitude for longitude in longitudes if longitude < 0)
    return [west, min(latitudes), east, max(latitudes)]

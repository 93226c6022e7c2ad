"""Annotations in exchange formats without loss: CSV, COCO-like JSON and STAC items with the label extension.

Every format carries each annotation whole (vectors too) and whether it was undone, so that a read gives what was
written. Around that, each is what other tools of its kind expect.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import Annotation, AnnotationUndone, Sign
from stormpetrel.core.spreadsheets import neutralised, restored

Format = Literal["csv", "coco", "stac"]
FORMATS: tuple[Format, ...] = get_args(Format)
LABEL_EXTENSION = "https://stac-extensions.github.io/label/v1.0.1/schema.json"
COLUMNS = (
    *("annotation_id", "collection", "item_id", "label", "sign", "annotator", "scale_level", "round"),
    *("annotated_at", "catalogue_version", "undone_by", "undone_at", "vectors"),
)
STAC_PROPERTY = "stormpetrel:annotations"


@dataclass(frozen=True)
class ItemContext:
    """Where and when an annotated item is: GeoJSON geometry and bounding box (degrees), ISO time."""

    geometry: dict[str, Any] | None = None
    bounds: list[float] | None = None
    time: str | None = None


NO_CONTEXT = ItemContext()


@dataclass(frozen=True)
class AnnotationRecord:
    """An annotation, and its undoing where it was undone."""

    annotation: Annotation
    undone: AnnotationUndone | None = None

    def fields(self) -> dict[str, Any]:
        """Flat, JSON values."""
        undone = self.undone.model_dump(mode="json") if self.undone else {}
        fields = self.annotation.model_dump(mode="json", exclude={"schema_version"})
        return {**fields, "undone_by": undone.get("annotator"), "undone_at": undone.get("undone_at")}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> AnnotationRecord:
        """Raises ValidationError, KeyError or TypeError where they are not what `fields` gives."""
        own_fields = {name: value for name, value in fields.items() if value is not None and "undone" not in name}
        annotation = Annotation.model_validate(own_fields)
        if not fields.get("undone_at"):
            return cls(annotation)
        of = annotation.model_dump(include={"annotation_id", "collection"})
        return cls(
            annotation, AnnotationUndone(**of, annotator=str(fields["undone_by"]), undone_at=fields["undone_at"])
        )


Records = Sequence[AnnotationRecord]
Contexts = Mapping[str, ItemContext]


def to_csv(records: Records, _: Contexts) -> str:
    """A line an annotation; `vectors` is JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in records:
        fields = record.fields()
        cells = {**fields, "vectors": json.dumps(fields["vectors"], sort_keys=True)}
        writer.writerow({name: neutralised(value) for name, value in cells.items()})
    return out.getvalue()


def from_csv(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"annotation_id", "item_id", "label", "sign"} - set(reader.fieldnames or ())
    if missing:
        raise BadQuery("body", f"the CSV has no column {', '.join(sorted(missing))}", f"Columns: {', '.join(COLUMNS)}")
    rows = [{name: restored(value) for name, value in row.items() if name and value} for row in reader]
    return [{**fields, "vectors": json.loads(fields.get("vectors", "{}"))} for fields in rows]


def to_coco(records: Records, contexts: Contexts) -> str:
    """COCO's images, categories and annotations: an image an item, a category a label; `attributes` holds the rest."""
    sizes = {record.annotation.item_id: record.annotation.scale_level for record in records}
    images = {item_id: number for number, item_id in enumerate(sizes, 1)}
    labels = {label: number for number, label in enumerate(sorted({r.annotation.label for r in records}), 1)}

    def image(item_id: str) -> dict[str, Any]:
        size, time = sizes[item_id], contexts.get(item_id, NO_CONTEXT).time
        return {"id": images[item_id], "file_name": item_id, "width": size, "height": size, "date_captured": time}

    def annotation(number: int, record: AnnotationRecord) -> dict[str, Any]:
        size = record.annotation.scale_level or 0
        ids = {"image_id": images[record.annotation.item_id], "category_id": labels[record.annotation.label]}
        area = {"bbox": [0, 0, size, size], "area": size**2, "iscrowd": 0}
        return {"id": number, **ids, **area, "attributes": record.fields()}

    document = {
        "info": {"description": "Stormpetrel annotations", "version": "1.0"},
        "images": [image(item_id) for item_id in images],
        "categories": [
            {"id": number, "name": label, "supercategory": label.partition("/")[0]} for label, number in labels.items()
        ],
        "annotations": [annotation(number, record) for number, record in enumerate(records, 1)],
    }
    return json.dumps(document, ensure_ascii=False)


def from_coco(text: str) -> list[dict[str, Any]]:
    return [dict(annotation["attributes"]) for annotation in json.loads(text)["annotations"]]


def to_stac(records: Records, contexts: Contexts) -> str:
    """An ItemCollection: an item for each annotated patch or post, with the label extension (v1.0.1)."""
    by_item: dict[str, list[AnnotationRecord]] = defaultdict(list)
    for record in records:
        by_item[record.annotation.item_id].append(record)
    features = [_stac_item(item_id, own, contexts.get(item_id, NO_CONTEXT)) for item_id, own in by_item.items()]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _stac_item(item_id: str, records: Records, context: ItemContext) -> dict[str, Any]:
    labels = sorted({record.annotation.label for record in records})
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [LABEL_EXTENSION],
        "id": f"labels-{item_id}",
        "geometry": context.geometry,
        **({"bbox": context.bounds} if context.bounds and context.geometry else {}),
        "links": [],
        "assets": {},
        "properties": {
            "datetime": context.time or records[-1].fields()["annotated_at"],
            "label:properties": ["label", "sign"],
            "label:classes": [{"name": "label", "classes": labels}, {"name": "sign", "classes": get_args(Sign)}],
            "label:type": "vector",
            "label:tasks": ["classification"],
            "label:methods": ["manual"],
            "label:description": f"Annotations of {item_id}",
            STAC_PROPERTY: [record.fields() for record in records],
        },
    }


def from_stac(text: str) -> list[dict[str, Any]]:
    return [fields for feature in json.loads(text)["features"] for fields in feature["properties"][STAC_PROPERTY]]


WRITERS: dict[Format, Callable[[Records, Contexts], str]] = {"csv": to_csv, "coco": to_coco, "stac": to_stac}
READERS: dict[Format, Callable[[str], list[dict[str, Any]]]] = {"csv": from_csv, "coco": from_coco, "stac": from_stac}


def read_records(text: str, form: Format) -> list[AnnotationRecord]:
    """The annotations of an export, in the order of their time. Raises BadQuery, with the place of the first fault."""
    try:
        rows = READERS[form](text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise BadQuery("body", f"it is no {form} of annotations ({error!r})", "Send what the export gave") from error
    records = []
    for number, fields in enumerate(rows, 1):
        try:
            records.append(AnnotationRecord.from_fields(fields))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = repr(error)
            if isinstance(error, ValidationError):
                fault = error.errors(include_url=False)[0]
                problem = f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
            raise BadQuery("body", f"annotation {number}: {problem}", "Nothing was imported") from error
    # Formats that group by item lose the order of the log; that of time comes closest.
    return sorted(records, key=lambda record: (record.annotation.annotated_at, record.annotation.annotation_id))

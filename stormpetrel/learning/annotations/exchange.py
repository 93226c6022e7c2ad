"""Annotations out and in again without loss: CSV, COCO-like JSON and STAC items with the label extension.

Every form carries each annotation whole (vectors too) and whether it was undone, so that what is read back is what was
written; around that each is what other tools of its kind expect.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from stormpetrel.core.errors import BadQuery
from stormpetrel.core.events import Annotation, AnnotationUndone

Form = Literal["csv", "coco", "stac"]
FORMS: tuple[Form, ...] = ("csv", "coco", "stac")
LABEL_EXTENSION = "https://stac-extensions.github.io/label/v1.0.1/schema.json"
COLUMNS = (
    "annotation_id",
    "collection",
    "item_id",
    "label",
    "sign",
    "annotator",
    "scale_level",
    "round",
    "annotated_at",
    "catalogue_version",
    "undone_by",
    "undone_at",
    "vectors",
)
OWN = "stormpetrel:annotations"
# (GeoJSON geometry or None, bounding box or None, ISO time or None) of an item.
Places = Mapping[str, tuple[dict[str, Any] | None, list[float] | None, str | None]]


@dataclass(frozen=True)
class Kept:
    """An annotation, and its undoing where it was undone."""

    annotation: Annotation
    undone: AnnotationUndone | None = None

    def fields(self) -> dict[str, Any]:
        """Flat, JSON values."""
        told = self.annotation.model_dump(mode="json", exclude={"schema_version"})
        return {
            **told,
            "undone_by": self.undone.annotator if self.undone else None,
            "undone_at": self.undone.model_dump(mode="json")["undone_at"] if self.undone else None,
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Kept:
        """Raises ValidationError, KeyError or TypeError where it is not what `fields` makes."""
        held = {name: value for name, value in fields.items() if value is not None and not name.startswith("undone")}
        annotation = Annotation.model_validate(held)
        if not fields.get("undone_at"):
            return cls(annotation)
        undone = AnnotationUndone(
            annotation_id=annotation.annotation_id,
            collection=annotation.collection,
            annotator=str(fields["undone_by"]),
            undone_at=fields["undone_at"],
        )
        return cls(annotation, undone)


def to_csv(kept: Sequence[Kept], _: Places) -> str:
    """A line an annotation; `vectors` is JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in kept:
        fields = one.fields()
        writer.writerow({**fields, "vectors": json.dumps(fields["vectors"], sort_keys=True)})
    return out.getvalue()


def from_csv(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"annotation_id", "item_id", "label", "sign"} - set(reader.fieldnames or ())
    if missing:
        raise BadQuery("body", f"the CSV has no column {', '.join(sorted(missing))}", f"Columns: {', '.join(COLUMNS)}")
    rows = []
    for row in reader:
        held = {name: value for name, value in row.items() if value not in ("", None)}
        rows.append({**held, "vectors": json.loads(held.get("vectors", "{}"))})
    return rows


def to_coco(kept: Sequence[Kept], places: Places) -> str:
    """COCO's images, categories and annotations: an image an item, a category a label; `attributes` holds the rest."""
    images = {own: number for number, own in enumerate(dict.fromkeys(one.annotation.item_id for one in kept), 1)}
    labels = {own: number for number, own in enumerate(sorted({one.annotation.label for one in kept}), 1)}
    sides = {one.annotation.item_id: one.annotation.scale_level for one in kept}
    made = {
        "info": {"description": "Stormpetrel annotations", "version": "1.0"},
        "images": [
            {
                "id": number,
                "file_name": own,
                "width": sides[own],
                "height": sides[own],
                "date_captured": places.get(own, (None, None, None))[2],
            }
            for own, number in images.items()
        ],
        "categories": [
            {"id": number, "name": own, "supercategory": own.partition("/")[0]} for own, number in labels.items()
        ],
        "annotations": [
            {
                "id": number,
                "image_id": images[one.annotation.item_id],
                "category_id": labels[one.annotation.label],
                "bbox": [0, 0, one.annotation.scale_level or 0, one.annotation.scale_level or 0],
                "area": (one.annotation.scale_level or 0) ** 2,
                "iscrowd": 0,
                "attributes": one.fields(),
            }
            for number, one in enumerate(kept, 1)
        ],
    }
    return json.dumps(made, ensure_ascii=False)


def from_coco(text: str) -> list[dict[str, Any]]:
    return [dict(held["attributes"]) for held in json.loads(text)["annotations"]]


def to_stac(kept: Sequence[Kept], places: Places) -> str:
    """An ItemCollection: an item for each annotated patch or post, with the label extension (v1.0.1)."""
    by_item: dict[str, list[Kept]] = defaultdict(list)
    for one in kept:
        by_item[one.annotation.item_id].append(one)
    features = []
    for own, held in by_item.items():
        geometry, bounds, moment = places.get(own, (None, None, None))
        labels = sorted({one.annotation.label for one in held})
        features.append(
            {
                "type": "Feature",
                "stac_version": "1.1.0",
                "stac_extensions": [LABEL_EXTENSION],
                "id": f"labels-{own}",
                "geometry": geometry,
                **({"bbox": bounds} if bounds and geometry else {}),
                "links": [],
                "assets": {},
                "properties": {
                    "datetime": moment or held[-1].fields()["annotated_at"],
                    "label:properties": ["label", "sign"],
                    "label:classes": [
                        {"name": "label", "classes": labels},
                        {"name": "sign", "classes": ["positive", "negative", "skip"]},
                    ],
                    "label:type": "vector",
                    "label:tasks": ["classification"],
                    "label:methods": ["manual"],
                    "label:description": f"What people said of {own}",
                    OWN: [one.fields() for one in held],
                },
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def from_stac(text: str) -> list[dict[str, Any]]:
    return [fields for feature in json.loads(text)["features"] for fields in feature["properties"][OWN]]


WRITERS: dict[Form, Callable[[Sequence[Kept], Places], str]] = {"csv": to_csv, "coco": to_coco, "stac": to_stac}
READERS: dict[Form, Callable[[str], list[dict[str, Any]]]] = {"csv": from_csv, "coco": from_coco, "stac": from_stac}


def written(kept: Sequence[Kept], form: Form, places: Places) -> str:
    """The annotations in a form, in the order of the log."""
    return WRITERS[form](kept, places)


def read(text: str, form: Form) -> list[Kept]:
    """The annotations that `written` wrote, in the order of their time. Raises BadQuery, with the place of the first
    fault."""
    try:
        rows = READERS[form](text)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise BadQuery("body", f"it is no {form} of annotations ({error!r})", "Send what the export gave") from error
    found = []
    for number, fields in enumerate(rows, 1):
        try:
            found.append(Kept.read(fields))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(map(str, fault["loc"])) or "it"
            raise BadQuery("body", f"annotation {number}: {where}: {fault['msg']}", "Nothing was taken") from error
        except (KeyError, TypeError, ValueError) as error:
            raise BadQuery("body", f"annotation {number}: {error!r}", "Nothing was taken") from error
    # Forms that group by item lose the order of the log; that of time comes closest.
    return sorted(found, key=lambda one: (one.annotation.annotated_at, one.annotation.annotation_id))

"""Vectors from which nothing can be learned are refused where they enter: by the event, by the import, by the store."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from stormpetrel.bootstrap import label_catalogue
from stormpetrel.core.clock import now
from stormpetrel.core.errors import BadQuery, MalformedRecord
from stormpetrel.core.events import Annotation, Vector
from stormpetrel.core.ids import Collection
from stormpetrel.learning.active.selection import examples_from
from stormpetrel.learning.annotations import review
from stormpetrel.learning.annotations.annotate import Annotations
from stormpetrel.learning.annotations.annotation_journal import AnnotationEvent, AnnotationJournal
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.annotations.exchange import COLUMNS, AnnotationRecord
from stormpetrel.learning.training.trainer import Trainer

POSTS = Collection("posts", "test")


def vector(values: Sequence[float]) -> dict[str, Any]:
    """A vector's fields, whatever its values are."""
    data = Vector.of(np.zeros(len(values), np.float32), "m@1").model_dump()
    return {**data, "data": base64.b64encode(np.array(values, "<f4").tobytes()).decode()}


def annotation(number: int, values: Sequence[float], model: str = "m@1") -> Annotation:
    return Annotation(
        annotation_id=f"ann-{number}",
        collection=str(POSTS),
        item_id=f"file:{number}",
        label="flood",
        sign="positive" if number % 2 else "negative",
        annotator="ada",
        vectors={"text": Vector.of(np.array(values, np.float32), model)},
        annotated_at=now(),
    )


def exported(vectors: list[dict[str, Any]]) -> bytes:
    """A CSV export whose annotations carry these vectors."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for number, fields in enumerate(vectors):
        row = AnnotationRecord(annotation(number, [0.0])).fields()
        writer.writerow({**row, "vectors": json.dumps({"text": fields})})
    return out.getvalue().encode()


@pytest.fixture
def annotations() -> Annotations:
    def publish(events: Sequence[AnnotationEvent]) -> None:
        for event in events:
            journal.apply(event)

    journal = AnnotationJournal(label_catalogue(), publish, lambda: None)
    stores: Any = None
    return Annotations(journal, stores, stores, lambda kind: kind, lambda kind: {"text": 4})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, 1e7])
def test_a_vector_is_finite_and_of_bounded_norm(value: float) -> None:
    with pytest.raises(ValidationError, match="norm"):
        Vector.model_validate(vector([0.5, value]))
    with pytest.raises(ValidationError, match="norm"):
        Vector.of(np.array([value], np.float32), "m@1")


@pytest.mark.parametrize("change", [{"dimensions": 3}, {"dimensions": 0}, {"dimensions": 10**6}, {"data": "no base64"}])
def test_a_vector_has_as_many_values_as_it_says(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Vector.model_validate({**vector([0.5, 0.5]), **change})


@pytest.mark.parametrize("values", [[np.nan] * 4, [np.inf] * 4, [3e38] * 4, [0.5] * 5])
def test_an_import_with_such_a_vector_is_refused_with_the_remedy_and_writes_nothing(
    annotations: Annotations, values: list[float]
) -> None:
    with pytest.raises(BadQuery, match="Nothing was imported") as refusal:
        review.import_annotations(annotations, exported([vector([0.5] * 4), vector(values)]), "csv")
    assert refusal.value.field == "body" and "annotation 2" in refusal.value.problem
    assert list(annotations.journal.store(POSTS).standing) == []


def test_an_import_of_the_right_dimensions_is_taken(annotations: Annotations) -> None:
    body = exported([vector([0.5] * 4), vector([0.1] * 4)])
    assert review.import_annotations(annotations, body, "csv")["imported"] == 2


def test_where_the_dimensions_are_not_known_one_model_still_has_one_number_of_them(annotations: Annotations) -> None:
    unknown = replace(annotations, dimensions_of=lambda kind: {})
    with pytest.raises(BadQuery, match="have 4"):
        review.import_annotations(unknown, exported([vector([0.5] * 4), vector([0.5] * 5)]), "csv")


def test_store_and_trainer_refuse_other_dimensions_of_one_model_and_go_on() -> None:
    store, trainer = AnnotationStore(POSTS), Trainer()
    assert store.take(annotation(1, [1, 0]))
    assert trainer.take(annotation(1, [1, 0]), (0, 0)) == {(str(POSTS), "flood")}
    for refuse in (
        lambda: store.take(annotation(2, [1, 0, 0])),
        lambda: trainer.take(annotation(2, [1, 0, 0]), (0, 1)),
    ):
        with pytest.raises(MalformedRecord, match="have 2"):
            refuse()
    assert store.take(annotation(3, [0, 1, 0], "other@1")), "another model may have other dimensions"
    assert trainer.take(annotation(4, [0, 1]), (0, 2)) and not trainer.misses(0, 3)
    assert trainer.model((str(POSTS), "flood"), now()).annotations == 2


def test_examples_of_items_that_are_gone_have_one_number_of_dimensions() -> None:
    nothing = np.empty((0, 0), np.float32)
    labelled = [("a", 1, np.ones(2, np.float32)), ("b", -1, np.ones(3, np.float32)), ("c", -1, np.zeros(2, np.float32))]
    assert examples_from({}, nothing, labelled).vectors.shape == (2, 2)

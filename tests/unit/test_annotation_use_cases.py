"""Annotating, undoing, labels, export and import, with the stores and the log in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from stormpetrel.bootstrap import label_catalogue
from stormpetrel.core.errors import BadQuery, NotFound
from stormpetrel.core.ids import Collection
from stormpetrel.learning.annotations import review
from stormpetrel.learning.annotations.annotate import AnnotationDraft, Annotations, annotate, undo
from stormpetrel.learning.annotations.annotation_journal import AnnotationEvent, AnnotationJournal

POSTS = Collection("posts", "test")
DOCUMENTS = {
    f"file:{n}": {"_id": f"file:{n}", "text_model": "m@1", "created_at": "2026-01-01T00:00:00Z"} for n in range(4)
}
DOCUMENTS["file:3"]["duplicate_of"] = "file:0"


class Stores:
    """Four posts with vectors; the last is a near-duplicate of the first."""

    def get(self, collection: str, ids: Sequence[str]) -> dict[str, Any]:
        return {item_id: DOCUMENTS[item_id] for item_id in ids if item_id in DOCUMENTS}

    def vectors(self, collection: str, ids: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
        return {item_id: {"text": np.ones(3, np.float32)} for item_id in ids}


@pytest.fixture
def annotations() -> Annotations:
    """A journal whose log gives every event back at once."""

    def publish(events: Sequence[AnnotationEvent]) -> None:
        for event in events:
            journal.apply(event)

    journal = AnnotationJournal(label_catalogue(), publish, lambda: None)
    stores: Any = Stores()
    return Annotations(journal, stores, stores, lambda kind: kind)


def drafts(*triples: tuple[str, str, Any]) -> list[AnnotationDraft]:
    return [AnnotationDraft(f"file:{item}", label, sign) for item, label, sign in triples]


def test_what_cannot_be_annotated_is_refused_item_by_item_and_the_rest_is_kept(annotations: Annotations) -> None:
    batch = drafts(
        ("0", "flood", "positive"),
        ("1", "flood", "positive"),
        ("1", "flood", "negative"),
        ("2", "forest", "positive"),
        ("3", "flood", "positive"),
        ("9", "flood", "positive"),
    )
    answer = annotate(annotations, POSTS, "ada", batch)
    assert [item["item_id"] for item in answer["kept"]] == ["file:0"]
    problems = [item["problem"] for item in answer["refused"]]
    words = ("two signs", "two signs", "a label of patches", "near-duplicate of 'file:0'", "deleted, or never was")
    assert all(word in problem for word, problem in zip(words, problems, strict=True))
    (kept,) = annotations.journal.store(POSTS).standing
    assert kept.round == 1 and kept.vectors["text"].model == "m@1"
    with pytest.raises(BadQuery, match="none of them can be kept"):
        annotate(annotations, POSTS, "ada", batch[1:])


def test_an_answer_names_what_it_replaces_and_who_disagrees_and_only_its_author_undoes_it(
    annotations: Annotations,
) -> None:
    (first,) = annotate(annotations, POSTS, "ada", drafts(("0", "flood", "positive")))["kept"]
    (second,) = annotate(annotations, POSTS, "ben", drafts(("0", "flood", "negative")))["kept"]
    (third,) = annotate(annotations, POSTS, "ada", drafts(("0", "flood", "skip")))["kept"]
    assert second["disagrees_with"] == ["ada"] and second["replaces"] is None
    assert third["replaces"] == first["annotation_id"] and third["disagrees_with"] == []
    with pytest.raises(BadQuery, match="'ada'"):
        undo(annotations, third["annotation_id"], "ben")
    assert undo(annotations, third["annotation_id"], "ada")["outcome"] == "undone"
    assert undo(annotations, third["annotation_id"], "ada")["outcome"] == "was undone before"
    report = review.agreement(annotations, POSTS, "flood")
    assert report["disputed"] == [{"item_id": "file:0", "votes": {"ada": "positive", "ben": "negative"}}]
    with pytest.raises(NotFound):
        undo(annotations, "ann-unknown", "ada")


def test_an_export_is_imported_once_and_pages_follow_each_other(annotations: Annotations) -> None:
    batch = drafts(("0", "flood", "positive"), ("1", "flood", "negative"), ("2", "flood", "positive"))
    annotate(annotations, POSTS, "ada", batch)
    page = review.list_annotations(annotations, POSTS, "flood", "ada", None, 0, 2)
    rest = review.list_annotations(annotations, POSTS, None, None, None, page["next"], 2)
    assert [item["item_id"] for item in page["annotations"] + rest["annotations"]] == ["file:0", "file:1", "file:2"]
    assert rest["next"] is None and rest["found"] == 3
    export = review.export_annotations(annotations, POSTS, "stac").encode()
    assert review.import_annotations(annotations, export, "stac") == {
        "imported": 0,
        "known": 3,
        "undone": 0,
        "forgotten": 0,
    }
    renamed = export.replace(b"ann-", b"new-").replace(b"posts/test", b"posts/other")
    assert review.import_annotations(annotations, renamed, "stac") == {
        "imported": 3,
        "known": 0,
        "undone": 0,
        "forgotten": 0,
    }
    with pytest.raises(NotFound, match="csv, coco, stac"):
        review.exchange_format("xml")


def test_a_label_of_ones_own_is_in_the_catalogue_at_once(annotations: Annotations) -> None:
    before = annotations.journal.catalogue.version
    answer = review.define_label(annotations, "flood/cellar", "Flooded cellar", "", "ada")
    assert answer["version"] != before
    assert [label["label"] for label in review.list_labels(annotations, "posts", "flood")["labels"]] == ["flood/cellar"]

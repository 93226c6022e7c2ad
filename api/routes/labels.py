"""The label catalogue, and users' own labels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import annotations_of
from api.schemas.requests import Request, Words
from stormpetrel.core.events import LabelId
from stormpetrel.core.ids import ItemKind
from stormpetrel.learning.annotations import review
from stormpetrel.learning.annotations.annotate import Annotations

router = APIRouter(prefix="/v1/labels", tags=["annotation"])


class LabelRequest(Request):
    """A label of one's own: its path below a label of the catalogue (`water-bodies/flooded-fields`), and its title."""

    label: LabelId
    title: Annotated[Words, Field(min_length=1, max_length=120)]
    description: Annotated[Words, Field(max_length=2000)] = ""
    annotator: Annotated[Words, Field(min_length=1, max_length=120)]


@router.get("")
def list_labels(
    kind: ItemKind | None = None, below: LabelId | None = None, annotations: Annotations = Depends(annotations_of)
) -> dict[str, Any]:
    """All labels, of a kind, or below one; with their names in CORINE, BigEarthNet, EuroSAT and HumAID."""
    return review.list_labels(annotations, kind, below)


@router.post("", status_code=201)
def define_label(request: LabelRequest, annotations: Annotations = Depends(annotations_of)) -> dict[str, Any]:
    """Defines a label of one's own, or changes its title; it is an event that every process reads."""
    return review.define_label(annotations, request.label, request.title, request.description, request.annotator)

"""The semantic catalogue: which labels there are, and users' own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import ApiResources as Services
from api.dependencies import resources as services
from api.schemas.requests import Request, Words
from stormpetrel.core.clock import now
from stormpetrel.core.events import LabelDefined, LabelId

router = APIRouter(prefix="/v1/labels", tags=["annotation"])


class LabelRequest(Request):
    """A label of one's own: its path below a label that there is (`water-bodies/flooded-fields`), and its title."""

    label: LabelId
    title: Annotated[Words, Field(min_length=1, max_length=120)]
    description: Annotated[Words, Field(max_length=2000)] = ""
    annotator: Annotated[Words, Field(min_length=1, max_length=120)]


@router.get("")
def labels(
    kind: Literal["patches", "posts"] | None = None, below: LabelId | None = None, have: Services = Depends(services)
) -> dict[str, Any]:
    """All labels, of a kind, or below one; with what CORINE, BigEarthNet, EuroSAT and HumAID call them."""
    found = have.annotation_log.reading("patches", lambda _: have.annotation_log.catalogue.described())
    kept = [
        label
        for label in found
        if (kind is None or label["kind"] == kind) and (below is None or label["label"].startswith(f"{below}/"))
    ]
    return {"version": have.annotation_log.catalogue.version, "labels": kept}


@router.post("", status_code=201)
def define(asked: LabelRequest, have: Services = Depends(services)) -> dict[str, Any]:
    """Defines a label of one's own, or changes its title; it is an event, and every process knows it."""
    event = LabelDefined(
        label=asked.label, title=asked.title, description=asked.description, annotator=asked.annotator, defined_at=now()
    )
    have.annotation_log.reading("patches", lambda _: have.annotation_log.catalogue.check(event))
    have.annotation_log.write([event])
    return {"version": have.annotation_log.catalogue.version, "label": asked.label, "title": asked.title}

"""Annotations of patches and posts, and the models that learn from them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from stormpetrel.core.events.bounds import Count, FieldName, Id, JsonObject, Key, Moment
from stormpetrel.core.events.values import Event, Vector

CollectionId = Annotated[str, Field(max_length=80, pattern=r"^(posts|patches)(/[a-z0-9][a-z0-9_.-]*)?$")]
LabelId = Annotated[str, Field(max_length=120, pattern=r"^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*$")]
AnnotationId = Annotated[Key, Field(min_length=3, max_length=80)]
Annotator = Annotated[Key, Field(min_length=1, max_length=120)]
Sign = Literal["positive", "negative", "skip"]


class Annotation(Event):
    """One person's label of one item (topic `annotations`, key `annotation_id`).

    `collection` says what is annotated, and for which work: `patches`, `posts`, `posts/genova-2025`. `vectors` are the
    item's vectors at the time, so that models can be rebuilt from the topic alone, whatever becomes of the item.
    `scale_level` is a patch's size in px; `round` is the round of active learning that proposed the item, from 1.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    annotation_id: AnnotationId
    collection: CollectionId
    item_id: Id
    label: LabelId
    sign: Sign
    annotator: Annotator
    scale_level: Count | None = None
    round: Annotated[int, Field(ge=1, le=10_000)] = 1
    vectors: Annotated[dict[FieldName, Vector], Field(max_length=16)] = Field(default_factory=dict)
    catalogue_version: Key | None = None
    annotated_at: Moment


class AnnotationUndone(Event):
    """An annotation is undone; its annotator's earlier annotation of the item holds again (topic `annotations`)."""

    annotation_id: AnnotationId
    collection: CollectionId
    annotator: Annotator
    undone_at: Moment


class AnnotationForgotten(Event):
    """An annotation of a post that was forgotten (topic `annotations`): it stands in the place of the annotation, whose
    key it has, and nobody learns from that any more."""

    annotation_id: AnnotationId
    collection: CollectionId
    forgotten_at: Moment


class LabelDefined(Event):
    """A user's own label below one of the catalogue (topic `annotations`)."""

    label: LabelId
    title: Annotated[str, Field(min_length=1, max_length=120)]
    description: Annotated[str, Field(max_length=2000)] = ""
    annotator: Annotator
    defined_at: Moment


class ItemsLabelled(Event):
    """Predictions of a label's model, to be stored (topic `items.labelled`, key `ItemsLabelled.key`).

    `scores` are the decision values of `item_ids`, in their order: positive is the label's side. `annotations` counts
    the labels that the model learned from; one request's predictions come in `parts` events, of which this is `part`.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    collection: CollectionId
    label: LabelId
    vector: Key
    scale_level: Count | None = None
    model_version: Key
    annotations: Count
    item_ids: Annotated[tuple[Id, ...], Field(max_length=5000)]
    scores: Vector
    part: Count
    parts: Count
    labelled_at: Moment

    @model_validator(mode="after")
    def _has_a_score_for_each_item(self) -> Self:
        if self.scores.dimensions != len(self.item_ids):
            raise ValueError(f"it has {self.scores.dimensions} scores for {len(self.item_ids)} items")
        return self

    @property
    def key(self) -> str:
        """The key of the record: a later one of the same part takes its place."""
        return f"{self.collection}:{self.label}:{self.vector}:{self.scale_level or 0}:{self.part}"


class ModelUpdated(Event):
    """A label's model in a collection has learned (topic `models.updated`, key `model_id`).

    `model_version` is the hash of all that it learned from: the same examples in the same order give the same version.
    `annotations` counts the examples, the items whose annotators agree; `last_annotation_id` is of the last of them.
    `serving` is which of the learners predicts on the stream (none of patches: rounds fit their ranker from the same
    examples); `weights` are its weights, `state` all that is needed to go on learning from `position` on (partition,
    next offset). `prequential` is how well each learner predicted the labels before it learned them.
    """

    version: ClassVar[int] = 2
    schema_version: int = 2
    model_id: Annotated[Key, Field(min_length=3, max_length=240)]
    model_version: Key
    collection: CollectionId
    label: LabelId
    vector: Key
    vector_model: Key
    annotations: Count
    last_annotation_id: Key
    serving: Literal["logistic", "refitted", "incremental", "none"]
    weights: JsonObject
    prequential: JsonObject
    drifts: Count = 0
    state: JsonObject
    position: tuple[Count, Count]
    updated_at: Moment


def annotation_key(event: Annotation | AnnotationUndone | AnnotationForgotten | LabelDefined) -> str:
    """The key of an event on `annotations`: what undoes an annotation is beside it, what forgets it in its place."""
    match event:
        case LabelDefined():
            return f"label/{event.label}"
        case AnnotationUndone():
            return f"{event.annotation_id}/undone"
        case _:
            return event.annotation_id

"""Map tiles of a scene's classification, by the models of the moment."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from api.class_maps import ClassMaps
from api.dependencies import ClassMapsDependency, ModelsDependency, TilesDependency
from api.routes.tiles import ANSWERS, Index, Zoom, tile_answer
from stormpetrel.core.events import CollectionId, Id, LabelId
from stormpetrel.core.ids import Collection
from stormpetrel.imagery.tiles.layers import TileForm
from stormpetrel.imagery.tiles.matrix import TileAddress
from stormpetrel.learning.active.label_models import LabelModels
from stormpetrel.learning.active.rounds import Scope
from stormpetrel.learning.active.structured_query import Predicate
from stormpetrel.learning.inference.predictions import classify_scene

router = APIRouter(prefix="/v1/tiles", tags=["annotation"])
ASKED_AGAIN = {"Cache-Control": "private, no-cache"}  # the next annotation changes the map


@router.get("/{scene_id}/classification/{z}/{x}/{y}.{form}", response_class=Response, responses=ANSWERS)
async def classification_tile(
    scene_id: Annotated[Id, Path(max_length=420)],
    z: Zoom,
    x: Index,
    y: Index,
    form: TileForm,
    labels: Annotated[list[LabelId], Query(max_length=12)],
    models: ModelsDependency,
    class_maps: ClassMapsDependency,
    tiles: TilesDependency,
    collection: Annotated[CollectionId, Query(pattern="^patches")] = "patches",
    scale_level: Literal["120", "240", "480"] = "120",
    vector: Literal["sar", "ms", "fused"] = "fused",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """A tile of the map that `GET /v1/maps/{form}` makes, in its colours: each patch by the label whose model is
    surest. Patches of none of the labels are transparent."""
    address = TileAddress.checked(z, x, y)
    scope = Scope(Collection.parse(collection), vector, int(scale_level), Predicate(scene_id=scene_id))
    return await tiles.run(partial(_tile, models, class_maps, scope, labels, address, form, if_none_match))


def _tile(
    models: LabelModels,
    class_maps: ClassMaps,
    scope: Scope,
    labels: list[str],
    address: TileAddress,
    form: TileForm,
    if_none_match: str,
) -> Response:
    kept = class_maps.get(partial(classify_scene, models), scope, labels)
    tag = f"{kept.tag}-{address.zoom}-{address.column}-{address.row}-{form}"

    def drawn() -> bytes:
        from stormpetrel.imagery.tiles.drawing import draw_classes

        return draw_classes(kept.geotiff, address, form)

    return tile_answer(drawn, tag, form, if_none_match, ASKED_AGAIN)

"""Map tiles of scenes, and how WMTS clients find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Request, Response

from api.dependencies import TilesDependency
from api.errors import content
from stormpetrel.core.events import Id
from stormpetrel.imagery.tiles.layers import TileForm
from stormpetrel.imagery.tiles.matrix import DEEPEST, TileAddress
from stormpetrel.search.scene_tiles import SceneTiles, TiledScene

router = APIRouter(prefix="/v1/tiles", tags=["imagery"])
XML = "application/xml"
# A scene may be described again: a browser asks after ten minutes whether its tiles are still the same.
KEPT = {"Cache-Control": "private, max-age=600"}
SceneId = Annotated[Id, Path(description="the products' names, as in a patch's scene_id")]
LayerName = Annotated[str, Path(max_length=40, description="s1, s2, change or water, as far as the scene has them")]
Zoom = Annotated[int, Path(ge=0, le=DEEPEST)]
Index = Annotated[int, Path(ge=0, le=2**DEEPEST)]
ANSWERS = {
    **content("image/png", "image/webp"),
    204: {"description": "The scene has no pixel in this tile"},
    304: {"description": "The tile of `If-None-Match` is still the same"},
}


@router.get("/{scene_id}/WMTSCapabilities.xml", response_class=Response, responses=content(XML))
async def capabilities(scene_id: SceneId, tiles: TilesDependency, request: Request) -> Response:
    """The scene's layers as a WMTS 1.0.0 service."""
    scene = await tiles.run(partial(tiles.scenes.scene, scene_id))
    address = f"{str(request.base_url).rstrip('/')}/v1/tiles/{quote(scene_id, safe='')}"
    return Response(await tiles.run(partial(_capabilities, scene, address)), media_type=XML)


@router.get("/{scene_id}/{layer}/{z}/{x}/{y}.{form}", response_class=Response, responses=ANSWERS)
async def tile(
    scene_id: SceneId,
    layer: LayerName,
    z: Zoom,
    x: Index,
    y: Index,
    form: TileForm,
    tiles: TilesDependency,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """A tile of 256 x 256 px of WebMercatorQuad: `x` counts eastwards, `y` southwards (XYZ). 204 where the scene has no
    pixel; 404 where it has no such layer, with those that it has."""
    address = TileAddress.checked(z, x, y)
    return await tiles.run(partial(_tile, tiles.scenes, scene_id, layer, address, form, if_none_match))


def _tile(
    scenes: SceneTiles, scene_id: str, layer: str, address: TileAddress, form: TileForm, if_none_match: str
) -> Response:
    source = scenes.source(scene_id, layer, address, form)
    return tile_answer(partial(scenes.tile, source), source.tag, form, if_none_match, KEPT)


def tile_answer(
    draw: Callable[[], bytes], tag: str, form: TileForm, if_none_match: str, caching: Mapping[str, str]
) -> Response:
    """The tile of this tag: not drawn where the browser has it, 204 where it is empty."""
    headers = {**caching, "ETag": f'"{tag}"'}
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    drawn = draw()
    return Response(drawn, 200 if drawn else 204, headers, f"image/{form}" if drawn else None)


def _capabilities(scene: TiledScene, address: str) -> bytes:
    from stormpetrel.imagery.tiles.capabilities import box_of, capabilities

    title = f"{scene.scene_id}, {scene.sensed_at}"
    return capabilities(title, scene.layers.values(), box_of(scene.epsg, scene.bounds), address)

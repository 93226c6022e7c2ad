"""Scenes and patches: their documents, their pictures, their new water; and where catalogues push notifications."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field

from api.dependencies import ImageryDependency
from api.errors import content
from api.security import WhoDependency
from stormpetrel.core.clock import now
from stormpetrel.core.events import Id, Key
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher

router = APIRouter(prefix="/v1", tags=["imagery"])
Kind = Literal["s1", "s2", "change"]
SceneId = Annotated[Id, Query(description="the products' names, as in a patch's scene_id")]
GEOTIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
Limit = Annotated[int, Query(ge=1, le=100)]


Square = Annotated[list[int], Field(min_length=2, max_length=2)]


class ScenePatches(BaseModel):
    """The patches of a scene as their grid has them. A patch's id is `SCENE/EPSG/gLEVEL/rROWcCOLUMN`, row and column
    with at least four digits."""

    scene_id: str
    epsg: int = Field(description="the UTM zone that the grid lies in")
    scale_level: int = Field(description="px of 10 m on a side")
    squares: list[Square] = Field(description="row and column, from north to south, then from west to east")


@router.get("/scenes")
def scenes(imagery: ImageryDependency, limit: Limit = 20) -> dict[str, Any]:
    """The newest scenes: their products, how well these are registered, how much water is new."""
    return {"scenes": imagery.catalogue.newest_scenes(limit)}


@router.get("/scenes/patches")
def scene_patches(
    scene_id: SceneId, imagery: ImageryDependency, scale_level: Literal["120", "240", "480"] = "120"
) -> ScenePatches:
    """Every patch of a scene, of one scale level, in as few bytes as a grid of thousands needs."""
    epsg, squares = imagery.catalogue.grid(scene_id, scale_level)
    return ScenePatches(
        scene_id=scene_id, epsg=epsg, scale_level=int(scale_level), squares=[list(square) for square in squares]
    )


@router.get("/scenes/pictures/{kind}.png", response_class=Response, responses=content("image/png"))
def scene_picture(kind: Kind, scene_id: SceneId, imagery: ImageryDependency) -> Response:
    """A whole scene as a picture: radar in grey, optical in true colour, or land, water (blue) and new water (red)."""
    from stormpetrel.imagery.quicklook import scene_png

    return Response(scene_png(imagery.catalogue.picture(scene_id, kind)), media_type="image/png")


@router.get("/scenes/pictures/{kind}.tif", response_class=FileResponse, responses=content(GEOTIFF))
def scene_cog(kind: Kind, scene_id: SceneId, imagery: ImageryDependency) -> FileResponse:
    """The same as a cloud-optimised GeoTIFF at 10 m, with range requests."""
    path = imagery.catalogue.picture(scene_id, kind)
    return FileResponse(path, media_type=GEOTIFF)


@router.get("/scenes/new_water.geojson", responses=content("application/geo+json"))
def new_water(scene_id: SceneId, imagery: ImageryDependency) -> JSONResponse:
    """The polygons of a scene's new water, with their areas; 404 where it has no reference image."""
    return JSONResponse(imagery.catalogue.new_water(scene_id), media_type="application/geo+json")


@router.get("/patches/pictures/{kind}.png", response_class=Response, responses=content("image/png"))
def patch_picture(kind: Kind, patch_id: Id, imagery: ImageryDependency) -> Response:
    """A patch's part of a scene's picture."""
    from stormpetrel.imagery.quicklook import patch_png

    return Response(patch_png(*imagery.catalogue.patch_picture(patch_id, kind)), media_type="image/png")


@router.get("/patches")
def patches(
    imagery: ImageryDependency,
    scene_id: Id | None = None,
    scale_level: Literal["120", "240", "480"] = "120",
    limit: Limit = 20,
) -> dict[str, Any]:
    """The patches with the most new water, of a scene or of all."""
    return {"patches": imagery.catalogue.patches_by_new_water(scene_id, scale_level, limit)}


@router.get("/patches/{patch_id:path}")
def patch(patch_id: Key, imagery: ImageryDependency) -> dict[str, Any]:
    """A patch's document; its vectors are not shown."""
    return imagery.catalogue.patch(patch_id)


def _check_pusher(who: WhoDependency) -> None:
    """What comes from the internet is never taken from anybody, even where the rest is open."""
    if not who.name:
        detail = "a push needs catalogue.secret, or an API key with the scope ingest, as its password"
        raise HTTPException(401, detail, {"WWW-Authenticate": "Basic"})


@router.post("/notifications/cdse", status_code=202, dependencies=[Depends(_check_pusher)])
def push(record: Annotated[dict[str, Any], Body()], imagery: ImageryDependency) -> dict[str, str]:
    """Where a push subscription of the Copernicus Data Space sends its notifications, with `catalogue.secret` as its
    password. 202 after Kafka holds the event (or the dead letter): the sender repeats everything else."""
    publisher = ProductPublisher(imagery.producer, "push")
    publisher.take(record, lambda entry: cdse.notification(entry, now()), "push")
    publisher.flush()
    return {"outcome": next(iter(publisher.counts))}

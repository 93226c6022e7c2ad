"""Scenes and patches: what is known of them, their pictures, their new water; and where catalogues push their
notices."""

from __future__ import annotations

import base64
import hmac
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Header, HTTPException, Query
from fastapi.responses import FileResponse, JSONResponse, Response

from api.dependencies import Services
from api.query_builder import patch_document
from api.routes.search import services
from stormpetrel.bootstrap import picture_folder
from stormpetrel.core.clock import now
from stormpetrel.core.errors import NotFound
from stormpetrel.core.ports import Document, Filter, OrderQuery
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.patches.geobox import PatchFootprint

router = APIRouter(prefix="/v1", tags=["imagery"])
Kind = Literal["s1", "s2", "change"]
SceneId = Annotated[str, Query(min_length=3, description="the products' names, as in a patch's scene_id")]
PatchId = Annotated[str, Query(min_length=3)]


def _scene(have: Services, scene_id: str) -> Document:
    found = have.documents.get("scenes", [scene_id]).get(scene_id)
    if found is None:
        raise NotFound(f"there is no scene {scene_id!r}; /v1/stac/collections/scenes/items lists them")
    return found


@router.get("/scenes")
def scenes(limit: Annotated[int, Query(ge=1, le=100)] = 20, have: Services = Depends(services)) -> dict[str, Any]:
    """The newest scenes: what they were made of, how well they fit, how much water is new."""
    found = have.documents.newest("scenes", "time", limit)
    return {
        "scenes": [{key: value for key, value in scene.items() if key not in ("_id", "new_water")} for scene in found]
    }


@router.get("/scenes/pictures/{kind}.png")
def scene_picture(kind: Kind, scene_id: SceneId, have: Services = Depends(services)) -> Response:
    """A whole scene as a picture: radar in grey, optical in true colour, or land, water (blue) and new water (red)."""
    from stormpetrel.imagery.quicklook import scene_png

    _scene(have, scene_id)
    return Response(scene_png(picture_folder(have.settings.imagery, scene_id) / f"{kind}.tif"), media_type="image/png")


@router.get("/scenes/pictures/{kind}.tif")
def scene_cog(kind: Kind, scene_id: SceneId, have: Services = Depends(services)) -> FileResponse:
    """The same as a cloud-optimised GeoTIFF at 10 m; ranges can be asked for."""
    _scene(have, scene_id)
    path = picture_folder(have.settings.imagery, scene_id) / f"{kind}.tif"
    if not path.is_file():
        raise NotFound(f"scene {scene_id} has no {kind} picture")
    return FileResponse(path, media_type="image/tiff; application=geotiff; profile=cloud-optimized")


@router.get("/scenes/new_water.geojson")
def new_water(scene_id: SceneId, have: Services = Depends(services)) -> JSONResponse:
    """The polygons of a scene's new water, with their areas; 404 where it has no earlier image to compare with."""
    found = _scene(have, scene_id)
    if found.get("new_water") is None:
        raise NotFound(f"scene {scene_id} has no before-image: what water is new is not known")
    told = {"reference": found.get("reference"), "confidence": found.get("new_water_confidence")}
    return JSONResponse({**found["new_water"], "properties": told}, media_type="application/geo+json")


@router.get("/patches/pictures/{kind}.png")
def patch_picture(kind: Kind, patch_id: PatchId, have: Services = Depends(services)) -> Response:
    """A patch's part of a picture."""
    from stormpetrel.imagery.quicklook import patch_png

    found = patch_document(have, patch_id)
    footprint = PatchFootprint(found["epsg"], found["scale_level"], found["row"], found["column"])
    path = picture_folder(have.settings.imagery, found["scene_id"]) / f"{kind}.tif"
    return Response(patch_png(path, footprint), media_type="image/png")


@router.get("/patches")
def patches(
    scene_id: Annotated[str | None, Query(min_length=3)] = None,
    scale_level: Literal["120", "240", "480"] = "120",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    have: Services = Depends(services),
) -> dict[str, Any]:
    """The patches with the most new water, of a scene or of all."""
    within = Filter(any_of={"scale_level": [scale_level], **({"scene_id": [scene_id]} if scene_id else {})})
    (hits,) = have.vectors.query(have.patches, [OrderQuery("new_water", "desc", None, within, limit)])
    ids = [hit.payload["id"] for hit in hits]
    found = have.documents.get("patches", ids)
    return {"patches": [_shown(found[patch_id]) for patch_id in ids if patch_id in found]}


def _shown(found: Document) -> Document:
    return {key: value for key, value in found.items() if key not in ("_id", "time")}


@router.get("/patches/{patch_id:path}")
def patch(patch_id: str, have: Services = Depends(services)) -> dict[str, Any]:
    """All that is known of a patch but its vectors."""
    return _shown(patch_document(have, patch_id))


def _may_push(authorization: Annotated[str, Header()] = "", have: Services = Depends(services)) -> None:
    secret = have.settings.catalogue.secret
    if secret is None:
        raise HTTPException(404, "no push is expected here: set catalogue.secret")
    if not hmac.compare_digest(_password(authorization).encode(), secret.encode()):
        raise HTTPException(401, "the password is not the one of this subscription", {"WWW-Authenticate": "Basic"})


@router.post("/notices/cdse", status_code=202, dependencies=[Depends(_may_push)])
def pushed(record: Annotated[dict[str, Any], Body()], have: Services = Depends(services)) -> dict[str, str]:
    """Where a push subscription of the Copernicus Data Space sends its notifications, with `catalogue.secret` as its
    password. 202 after Kafka holds the event (or the dead letter): anything else is sent again."""
    publisher = ProductPublisher(have.producer, "push")
    publisher.take(record, lambda entry: cdse.notification(entry, now()), "push")
    publisher.flush()
    return {"outcome": next(iter(publisher.counts))}


def _password(header: str) -> str:
    """The password of a Basic, or the token of a Bearer header; empty where there is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2] if scheme.lower() == "basic" else ""
    except ValueError:
        return ""

"""Whether this process lives, whether it can answer, and its metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.dependencies import ApiResources
from stormpetrel.core.errors import StoreUnavailable

router = APIRouter(tags=["probes"])
BEHIND = 100  # records of a topic that are not applied here yet; fewer come and go with every burst
FAILING: dict[int | str, dict[str, Any]] = {503: {"description": "What fails, by its name"}}


@router.get("/healthz", responses=FAILING)
def healthz(request: Request) -> JSONResponse:
    """The process lives, and follows its topics; a 503 asks for its restart."""
    return _answer("ok", "dead", _dead_views(request.app.state.resources))


@router.get("/readyz", responses=FAILING)
def readyz(request: Request) -> JSONResponse:
    """Both stores answer, and every followed topic is applied; else 503 with what is not ready."""
    resources: ApiResources = request.app.state.resources
    waiting = _dead_views(resources)
    for name, ping in (("mongo", resources.documents.ping), ("qdrant", resources.vectors.ping)):
        try:
            ping()
        except StoreUnavailable as error:
            waiting[name] = str(error)
    for topic, view in resources.views.items():
        try:
            view.wait_until_caught_up(0)  # with what stood there when the process started
            if view.lag > BEHIND:
                waiting.setdefault(topic, f"{view.lag} records are not applied yet")
        except StoreUnavailable as error:
            waiting.setdefault(topic, f"it is not read to its end yet: {error}")
    return _answer("ready", "waiting", waiting)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _dead_views(resources: ApiResources) -> dict[str, str]:
    views = resources.views.items()
    return {topic: "it is followed no more; restart this process" for topic, view in views if not view.alive}


def _answer(good: str, bad: str, problems: dict[str, str]) -> JSONResponse:
    return JSONResponse({"status": bad if problems else good, **problems}, 503 if problems else 200)

"""The API process: routes, errors as clear answers, probes, metrics."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

import stormpetrel
from api.body_limit import BodyLimit
from api.dependencies import Services
from api.routes import annotations as annotating
from api.routes import (
    exchange,
    feedback,
    imagery,
    label_requests,
    labels,
    maps,
    models,
    places,
    predictions,
    search,
    stac,
    structured_query,
    validation,
)
from api.routes import saved_searches as saved_searches
from stormpetrel.core.errors import BadQuery, ModelUnavailable, NotFound, StoreUnavailable, StormpetrelError
from stormpetrel.core.settings import Settings
from stormpetrel.process.process_log import set_up_log

log = structlog.get_logger()
LONGEST_BODY = 15_000_000  # bytes; a picture of 10 MB in base64


def create_app(services: Callable[[], Services]) -> FastAPI:
    """The application; `services` is called once, when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await asyncio.to_thread(services)
        yield
        app.state.services.close()

    app = FastAPI(
        title="Stormpetrel",
        version=stormpetrel.__version__,
        description="Finds posts of the same happening: by text, words, pictures, place and time, fused.",
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, most=LONGEST_BODY)
    app.include_router(search.router)
    app.include_router(saved_searches.router)
    app.include_router(imagery.router)
    app.include_router(stac.router)
    app.include_router(places.router)
    app.include_router(labels.router)
    app.include_router(annotating.router)
    app.include_router(feedback.router)
    app.include_router(exchange.router)
    app.include_router(predictions.router)
    app.include_router(structured_query.router)
    app.include_router(validation.router)
    app.include_router(models.router)
    app.include_router(label_requests.router)
    app.include_router(maps.router)
    _add_probes(app)
    _add_errors(app)
    return app


def _add_probes(app: FastAPI) -> None:
    @app.get("/healthz", tags=["probes"])
    def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["probes"])
    def readyz(request: Request) -> JSONResponse:
        """Both stores answer; else 503 and which one does not."""
        have: Services = request.app.state.services
        waiting = {}
        for name, ping in (("mongo", have.documents.ping), ("qdrant", have.vectors.ping)):
            try:
                ping()
            except StoreUnavailable as error:
                waiting[name] = str(error)
        return JSONResponse({"status": "waiting" if waiting else "ready", **waiting}, 503 if waiting else 200)

    @app.get("/metrics", tags=["probes"])
    def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _problem(status: int, kind: str, detail: Any) -> JSONResponse:
    return JSONResponse({"error": kind, "detail": detail}, status)


def _told(found: dict[str, Any]) -> dict[str, str]:
    """One fault of a request: which field, what is wrong with it, and what to send instead."""
    field = ".".join(map(str, found["loc"][1:])) or "body"
    said = found["msg"].removeprefix("Value error, ")
    if found["type"] == "missing":
        return {"field": field, "problem": "it is missing", "remedy": "Give it; /docs shows the whole form"}
    if found["type"] == "extra_forbidden":
        return {"field": field, "problem": "no field has this name", "remedy": "Leave it out; /docs shows the names"}
    if found["type"] == "json_invalid":
        return {"field": "body", "problem": f"it is not JSON: {said}", "remedy": "Send a JSON object"}
    problem, _, remedy = said.partition("; ")
    return {"field": field, "problem": problem, "remedy": remedy or f"{said}; /docs shows the whole form"}


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _problem(422, "invalid", [_told(found) for found in error.errors()])

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # FastAPI's answer to a body that no JSON reader takes
            told = {"field": "body", "problem": "it cannot be read", "remedy": "Send a JSON object; see /docs"}
            return _problem(422, "invalid", [told])
        return _problem(error.status_code, "refused", error.detail)

    @app.exception_handler(BadQuery)
    async def bad(_: Request, error: BadQuery) -> JSONResponse:
        return _problem(422, "invalid", [{"field": error.field, "problem": error.problem, "remedy": error.remedy}])

    @app.exception_handler(NotFound)
    async def missing(_: Request, error: NotFound) -> JSONResponse:
        return _problem(404, "not_found", str(error))

    @app.exception_handler(StoreUnavailable)
    async def down(_: Request, error: StoreUnavailable) -> JSONResponse:
        log.error("a store does not answer", error=str(error))
        return _problem(503, "store_unavailable", f"{error}. Try again in a few seconds")

    @app.exception_handler(ModelUnavailable)
    async def without_model(_: Request, error: ModelUnavailable) -> JSONResponse:
        return _problem(503, "model_unavailable", str(error))

    @app.exception_handler(StormpetrelError)
    async def failed(_: Request, error: StormpetrelError) -> JSONResponse:
        log.error("request failed", error=str(error))
        return _problem(500, type(error).__name__, str(error))


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    import uvicorn

    set_up_log("api")

    def services() -> Services:
        made = Services.connect(settings)
        made.stopping = lambda: server.should_exit  # standing queries end with the process, not after it
        gc.freeze()  # models and code stay for good: the collector need not walk through them while a query waits
        return made

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(services),
            host=settings.api.host,
            port=settings.api.port,
            log_level="warning",
            timeout_graceful_shutdown=4,
            access_log=False,
        )
    )
    server.run()

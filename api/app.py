"""The API process: its routes, its error answers, probes and metrics."""

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
from api.dependencies import ApiResources
from api.routes import annotations as annotation_routes
from api.routes import dead_letters, feedback, imagery, models, predictions, saved_searches, search, stac
from stormpetrel.core.errors import BadQuery, ModelUnavailable, NotFound, StoreUnavailable, StormpetrelError
from stormpetrel.core.settings import Settings
from stormpetrel.process.process_log import set_up_log

log = structlog.get_logger()
MAX_BODY = 15_000_000  # bytes; a picture of 10 MB in base64
ERROR_ANSWERS: dict[type[StormpetrelError], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    StoreUnavailable: (503, "store_unavailable"),
    ModelUnavailable: (503, "model_unavailable"),
}


def create_app(open_resources: Callable[[], ApiResources]) -> FastAPI:
    """The application; `open_resources` is called once, when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.resources = await asyncio.to_thread(open_resources)
        yield
        app.state.resources.close()

    app = FastAPI(
        title="Stormpetrel",
        version=stormpetrel.__version__,
        description="Finds posts and satellite patches of the same event: by text, pictures, place and time, fused.",
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY)
    for routes in (search, saved_searches, imagery, stac, annotation_routes, feedback, predictions, models):
        app.include_router(routes.router)
    app.include_router(dead_letters.router)
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
        """Both stores answer; else 503 with the one that does not."""
        resources: ApiResources = request.app.state.resources
        waiting = {}
        for name, ping in (("mongo", resources.documents.ping), ("qdrant", resources.vectors.ping)):
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


def _fault(error: dict[str, Any]) -> dict[str, str]:
    """One fault of a request, from pydantic's error: the field, what is wrong with it, and what to send instead."""
    field = ".".join(map(str, error["loc"][1:])) or "body"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return {"field": field, "problem": "it is missing", "remedy": "Give it; /docs shows the whole form"}
    if error["type"] == "extra_forbidden":
        return {"field": field, "problem": "no field has this name", "remedy": "Leave it out; /docs shows the names"}
    if error["type"] == "json_invalid":
        return {"field": "body", "problem": f"it is not JSON: {message}", "remedy": "Send a JSON object"}
    problem, _, remedy = message.partition("; ")
    return {"field": field, "problem": problem, "remedy": remedy or f"{message}; /docs shows the whole form"}


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _problem(422, "invalid", [_fault(fault) for fault in error.errors()])

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # FastAPI's answer to a body that no JSON reader takes
            fault = {"field": "body", "problem": "it cannot be read", "remedy": "Send a JSON object; see /docs"}
            return _problem(422, "invalid", [fault])
        return _problem(error.status_code, "refused", error.detail)

    @app.exception_handler(StormpetrelError)
    async def failed(_: Request, error: StormpetrelError) -> JSONResponse:
        if isinstance(error, BadQuery):
            return _problem(422, "invalid", [{"field": error.field, "problem": error.problem, "remedy": error.remedy}])
        answers = (answer for kind, answer in ERROR_ANSWERS.items() if isinstance(error, kind))
        status, name = next(answers, (500, type(error).__name__))
        if error.is_temporary or status == 500:
            log.error("a request failed", error=str(error))
        return _problem(status, name, f"{error}. Try again in a few seconds" if error.is_temporary else str(error))


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    import uvicorn

    set_up_log("api")

    def open_resources() -> ApiResources:
        resources = ApiResources(settings)
        resources.search.listeners.stopping = lambda: server.should_exit  # listeners end with the process
        gc.freeze()  # models and code stay for good: the collector need not walk through them while a query waits
        return resources

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(open_resources),
            host=settings.api.host,
            port=settings.api.port,
            log_level="warning",
            timeout_graceful_shutdown=4,
            access_log=False,
        )
    )
    server.run()

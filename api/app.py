"""The API process: its routes, its error answers, probes and metrics."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import stormpetrel
from api.body_limit import BodyLimit
from api.dependencies import ApiResources
from api.errors import EVERYWHERE, add_error_handlers, documented
from api.routes import annotations as annotation_routes
from api.routes import feedback, imagery, models, predictions, saved_searches, search, stac
from stormpetrel.core.errors import StoreUnavailable
from stormpetrel.core.settings import Settings
from stormpetrel.process.process_log import set_up_log

MAX_BODY = 15_000_000  # bytes; a picture of 10 MB in base64
LONGEST_HEAD = 262_144  # bytes; 20,000 characters of four bytes each, percent-encoded
BODY_WITHIN_S = 60.0  # the largest body over 2 Mbit/s


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
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY, within_s=BODY_WITHIN_S)
    for routes in (search, saved_searches, imagery, stac, annotation_routes, feedback, predictions, models):
        app.include_router(routes.router, responses=documented(*EVERYWHERE))
    _add_probes(app)
    add_error_handlers(app)
    return app


def _add_probes(app: FastAPI) -> None:
    @app.get("/healthz", tags=["probes"])
    def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["probes"], responses={503: {"description": "Which one does not"}})
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

    @app.get("/metrics", tags=["probes"], response_class=PlainTextResponse)
    def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    set_up_log("api")

    def open_resources() -> ApiResources:
        resources = ApiResources.open(settings)
        resources.search.listeners.stopping = lambda: server.should_exit  # listeners end with the process
        gc.freeze()  # models and code stay for good: the collector need not walk through them while a query waits
        return resources

    server = uvicorn.Server(server_configuration(create_app(open_resources), settings.api.host, settings.api.port))
    server.run()


def server_configuration(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How the application is served; an address takes the longest text that a route takes in one."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=4,
        access_log=False,
        http="h11",
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )

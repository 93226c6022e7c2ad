"""The API process: its routes, its error answers, probes and metrics."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

import stormpetrel
from api import probes
from api.body_limit import BodyLimit
from api.dependencies import ApiResources
from api.errors import EVERYWHERE, add_error_handlers, documented
from api.http_reading import BoundedHead
from api.routes import (
    alerting,
    alerts,
    class_tiles,
    dead_letters,
    feedback,
    forgetting,
    imagery,
    incidents,
    models,
    page,
    photos,
    predictions,
    saved_searches,
    search,
    session,
    team_reports,
    tiles,
)
from api.routes import annotations as annotation_routes
from api.security import Gate
from api.security_document import describe_security
from api.stac.application import add_stac_api
from stormpetrel.core.settings import Settings
from stormpetrel.process.process_log import set_up_log

METHODS = ("GET", "POST", "PUT", "DELETE")
HEADERS = ("Authorization", "X-API-Key", "X-CSRF-Token", "Content-Type", "Last-Event-ID")
MAX_BODY = 15_000_000  # bytes; a picture of 10 MB in base64
LONGEST_HEAD = 262_144  # bytes; 20,000 characters of four bytes each, percent-encoded
# How long a thread may keep Python to itself: a query that waits for a store goes on sooner (Python's own value: 5 ms).
SWITCH_S = 0.001
BODY_WITHIN_S = 60.0  # the largest body over 2 Mbit/s


def create_app(open_resources: Callable[[], ApiResources], cors_origins: Sequence[str] = ()) -> FastAPI:
    """The application; `open_resources` is called once, when it starts. Pages of `cors_origins` may use it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.resources = await asyncio.to_thread(open_resources)
        app.state.access = app.state.resources.access
        yield
        app.state.resources.close()

    app = FastAPI(
        title="Stormpetrel",
        version=stormpetrel.__version__,
        description="Finds posts and satellite patches of the same event: by text, pictures, place and time, fused.",
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY, within_s=BODY_WITHIN_S)
    app.add_middleware(Gate)
    if cors_origins:  # outermost: a browser asks first whether it may ask, and sends no key with that
        app.add_middleware(CORSMiddleware, allow_origins=cors_origins, allow_methods=METHODS, allow_headers=HEADERS)
    annotating = (annotation_routes, feedback, predictions, models)
    for routes in (
        search,
        saved_searches,
        incidents,
        photos,
        imagery,
        class_tiles,  # before `tiles`, whose layers it is one of
        tiles,
        *annotating,
        alerting,
        alerts,
        session,
        dead_letters,
        forgetting,
        team_reports,
    ):
        app.include_router(routes.router, responses=documented(*EVERYWHERE))
    app.include_router(probes.router)
    add_stac_api(app)
    app.include_router(page.router)
    add_error_handlers(app)
    describe_security(app)
    return app


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    set_up_log("api")
    sys.setswitchinterval(SWITCH_S)

    def open_resources() -> ApiResources:
        resources = ApiResources.open(settings)
        resources.search.listeners.stopping = lambda: server.should_exit  # listeners end with the process
        gc.freeze()  # models and code stay for good: the collector need not walk through them while a query waits
        return resources

    app = create_app(open_resources, settings.access.cors_origins)
    server = uvicorn.Server(server_configuration(app, settings.api.host, settings.api.port))
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
        http=BoundedHead,
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )

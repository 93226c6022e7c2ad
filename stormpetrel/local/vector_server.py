"""The local vector index as a server: the part of Qdrant's REST interface that our adapter uses.

It has a process of its own, so that a long write never blocks the API. Production uses a Qdrant server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stormpetrel.local.qdrant_codec import (
    BadRequest,
    ExistingCollection,
    FailedCollection,
    Json,
    MissingCollection,
    require_fields,
)
from stormpetrel.local.vector_collections import Engine
from stormpetrel.local.vector_engine import Shard
from stormpetrel.local.vector_optimiser import Optimiser

# What the engine uses where a collection configures nothing else.
ENGINE_DEFAULTS = {
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
    "optimizer_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    },
}
STATUS: dict[type[Exception], int] = {MissingCollection: 404, ExistingCollection: 409, FailedCollection: 503}
COMPLETED = {"operation_id": 0, "status": "completed"}


def _upsert(shard: Shard, body: Json) -> Json:
    shard.upsert(body["points"])
    return COMPLETED


def _delete(shard: Shard, body: Json) -> Json:
    if "points" not in body:
        raise BadRequest("the local vector index deletes by point ids only")
    shard.delete(body["points"])
    return COMPLETED


def _set_vectors(shard: Shard, body: Json) -> Json:
    require_fields(body, "points", "a change of vectors")
    shard.set_vectors(body["points"])
    return COMPLETED


def _set_payload(shard: Shard, body: Json) -> Json:
    shard.set_payload(body)
    return COMPLETED


def _index(shard: Shard, body: Json) -> Json:
    shard.index(body["field_name"], str(body["field_schema"]))
    return COMPLETED


def _update(shard: Shard, body: Json) -> bool:
    require_fields(body, "vectors", "a change of a collection")
    shard.reconfigure(body.get("vectors") or {})
    return True


def _describe(shard: Shard, _: Json) -> Json:
    return {
        "status": "yellow" if shard.optimising else "green",
        "optimizer_status": "ok",
        "points_count": shard.count({}),
        "segments_count": 1,
        "config": {"params": shard.configuration, **ENGINE_DEFAULTS},
        "payload_schema": {},
    }


def _create(engine: Engine, name: str, body: Json) -> bool:
    require_fields(body, "vectors sparse_vectors", "a collection")
    engine.create(name, {key: body[key] for key in ("vectors", "sparse_vectors") if body.get(key)})
    return True


# Method, the path below a collection, and what is done with its shard.
SHARD_ROUTES: tuple[tuple[str, str, Callable[[Shard, Json], Any]], ...] = (
    ("GET", "", _describe),
    ("PATCH", "", _update),
    ("PUT", "/index", _index),
    ("PUT", "/points", _upsert),
    ("PUT", "/points/vectors", _set_vectors),
    ("POST", "/points", Shard.retrieve),
    ("POST", "/points/delete", _delete),
    ("POST", "/points/payload", _set_payload),
    ("POST", "/points/scroll", Shard.scroll),
    ("POST", "/points/count", lambda shard, body: {"count": shard.count(body)}),
    ("POST", "/facet", Shard.facet),
    ("POST", "/points/query/batch", lambda shard, body: shard.query_batch(body["searches"])),
)
# Method, the path below all collections, and what is done with the engine and a collection's name.
Operation = Callable[[Engine, str, Json], Any]
ENGINE_ROUTES: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "", lambda engine, _, __: {"collections": [{"name": name} for name in engine.collections]}),
    ("GET", "/{name}/exists", lambda engine, name, _: {"exists": name in engine.collections}),
    ("PUT", "/{name}", _create),
    ("DELETE", "/{name}", lambda engine, name, _: engine.drop(name)),
)


def _reply(result: Any, started: float, status: int = 200) -> Response:
    outcome = "ok" if status == 200 else {"error": result}
    body = {"result": result if status == 200 else None, "status": outcome, "time": time.perf_counter() - started}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _on_shard(operation: Callable[[Shard, Json], Any]) -> Operation:
    return lambda engine, name, body: engine.work(name, operation, body)


def _endpoint(engine: Engine, operation: Operation) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw else {}
            result = await run_in_threadpool(operation, engine, request.path_params.get("name", ""), body)
        except (MissingCollection, ExistingCollection, FailedCollection) as error:
            return _reply(str(error), started, STATUS[type(error)])
        except (BadRequest, KeyError, TypeError, ValueError, OverflowError) as error:
            return _reply(f"Wrong input: {error!r}", started, 400)
        except Exception as error:
            # The engine's own errors are plain Exceptions: of the request, or of the service.
            of_service = type(error) is not Exception or str(error).startswith("Service")
            return _reply(
                f"{'Service error' if of_service else 'Wrong input'}: {error}", started, 500 if of_service else 400
            )
        return _reply(result, started)

    return answer


def application(directory: Path) -> Starlette:
    """The ASGI application over the collections in `directory`."""
    optimiser = Optimiser()
    engine = Engine(directory, optimiser)
    operations = [*ENGINE_ROUTES, *((way, f"/{{name}}{path}", _on_shard(do)) for way, path, do in SHARD_ROUTES)]
    routes = [Route(f"/collections{path}", _endpoint(engine, do), methods=[way]) for way, path, do in operations]

    def readiness(_: Request) -> Response:
        if engine.failed:
            return Response(f"some shards are not ready: {', '.join(engine.failed)}", 503)
        return Response("all shards are ready")

    ready = Route("/readyz", readiness, methods=["GET"])
    app = Starlette(routes=[*routes, ready])
    app.state.engine, app.state.optimiser = engine, optimiser
    return app


def serve(directory: Path, port: int) -> None:
    """Runs until SIGTERM or SIGINT, then flushes and closes every shard."""
    import uvicorn

    app = application(directory)
    try:
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
    finally:
        app.state.optimiser.stop()
        app.state.engine.close()

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

from stormpetrel.local.qdrant_codec import BadRequest, Json, require_fields
from stormpetrel.local.vector_engine import Engine, Shard
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
Operation = Callable[[Engine, str, Json], Any]


class MissingCollection(Exception):
    """There is no such collection."""


def _reply(result: Any, started: float, status: int = 200) -> Response:
    outcome = "ok" if status == 200 else {"error": result}
    body = {"result": result if status == 200 else None, "status": outcome, "time": time.perf_counter() - started}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _shard(engine: Engine, name: str) -> Shard:
    if name not in engine.shards:
        raise MissingCollection(f"Not found: Collection `{name}` doesn't exist!")
    return engine.shards[name]


def _upsert(engine: Engine, name: str, body: Json) -> Json:
    _shard(engine, name).upsert(body["points"])
    return {"operation_id": 0, "status": "completed"}


def _delete(engine: Engine, name: str, body: Json) -> Json:
    if "points" not in body:
        raise BadRequest("the local vector index deletes by point ids only")
    _shard(engine, name).delete(body["points"])
    return {"operation_id": 0, "status": "completed"}


def _index(engine: Engine, name: str, body: Json) -> Json:
    _shard(engine, name).index(body["field_name"], str(body["field_schema"]))
    return {"operation_id": 0, "status": "completed"}


def _create(engine: Engine, name: str, body: Json) -> bool:
    engine.create(name, {key: body[key] for key in ("vectors", "sparse_vectors") if body.get(key)})
    return True


def _update(engine: Engine, name: str, body: Json) -> bool:
    require_fields(body, "vectors", "a change of a collection")
    _shard(engine, name).reconfigure(body.get("vectors") or {})
    return True


def _describe(engine: Engine, name: str, _: Json) -> Json:
    shard = _shard(engine, name)
    status = "yellow" if shard.optimising else "green"
    return {
        "status": status,
        "optimizer_status": "ok",
        "points_count": shard.count({}),
        "segments_count": 1,
        "config": {"params": shard.configuration, **ENGINE_DEFAULTS},
        "payload_schema": {},
    }


# Method, path and operation; the path holds the collection's name.
ROUTES: tuple[tuple[str, str, Operation], ...] = (
    ("GET", "/collections", lambda engine, _, __: {"collections": [{"name": name} for name in engine.shards]}),
    ("GET", "/collections/{name}/exists", lambda engine, name, _: {"exists": name in engine.shards}),
    ("GET", "/collections/{name}", _describe),
    ("PUT", "/collections/{name}", _create),
    ("PATCH", "/collections/{name}", _update),
    ("DELETE", "/collections/{name}", lambda engine, name, _: engine.drop(name)),
    ("PUT", "/collections/{name}/index", _index),
    ("PUT", "/collections/{name}/points", _upsert),
    ("POST", "/collections/{name}/points", lambda engine, name, body: _shard(engine, name).retrieve(body)),
    ("POST", "/collections/{name}/points/delete", _delete),
    ("POST", "/collections/{name}/points/scroll", lambda engine, name, body: _shard(engine, name).scroll(body)),
    (
        "POST",
        "/collections/{name}/points/count",
        lambda engine, name, body: {"count": _shard(engine, name).count(body)},
    ),
    ("POST", "/collections/{name}/facet", lambda engine, name, body: _shard(engine, name).facet(body)),
    (
        "POST",
        "/collections/{name}/points/query/batch",
        lambda engine, name, body: _shard(engine, name).query_batch(body["searches"]),
    ),
)


def _endpoint(engine: Engine, operation: Operation) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw else {}
            result = await run_in_threadpool(operation, engine, request.path_params.get("name", ""), body)
        except MissingCollection as error:
            return _reply(str(error), started, 404)
        except (BadRequest, KeyError, TypeError, ValueError) as error:
            return _reply(f"Wrong input: {error!r}", started, 400)
        except Exception as error:  # the engine's own errors are plain Exceptions
            return _reply(f"Service error: {error}", started, 500)
        return _reply(result, started)

    return answer


def application(directory: Path) -> Starlette:
    """The ASGI application over the collections in `directory`."""
    optimiser = Optimiser()
    engine = Engine(directory, optimiser)
    routes = [Route(path, _endpoint(engine, operation), methods=[method]) for method, path, operation in ROUTES]
    ready = Route("/readyz", lambda _: Response("all shards are ready"), methods=["GET"])
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

"""The one form of every answer that is no success, and which error becomes which."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from stormpetrel.core.errors import (
    BadPicture,
    BadQuery,
    ModelUnavailable,
    NotFound,
    StoreRefused,
    StoreUnavailable,
    StormpetrelError,
)

log = structlog.get_logger()
SHOWS_THE_FORM = "/docs shows the whole form"
STAC = "/v1/stac"  # its clients take 400 for what is 422 elsewhere (OGC API - Features, 7.6)
DESCRIPTIONS = {
    400: "The request is faulty: each fault names its field, the problem and the remedy",
    401: "The password is missing or another one",
    404: "There is no such thing",
    408: "The body did not come in time",
    413: "The body is too large",
    422: "The request is faulty: each fault names its field, the problem and the remedy",
    500: "A fault of this server; its log says which",
    503: "A store, the broker or a model is not available, or too many listen",
}
EVERYWHERE = (404, 408, 413, 422, 500, 503)


class Fault(BaseModel):
    """One fault of a request."""

    field: str = Field(description="The part at fault, with its path; `body` is the whole body")
    problem: str
    remedy: str = Field(description="What to send instead")


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: str = Field(description="What kind of error: `invalid`, or a name of the status")
    detail: str | list[Fault] = Field(description="The faults of an invalid request; else a sentence")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses for the OpenAPI document."""
    return {status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in statuses}


def content(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """A success that is no JSON, for the OpenAPI document."""
    return {200: {"content": {media_type: {} for media_type in media_types}, "description": "Found"}}


def error_answer(status: int, detail: str | list[Fault], error: str | None = None, headers: Any = None) -> JSONResponse:
    """An answer of the documented form; `error` is the status's name where it is not given."""
    kind = error or HTTPStatus(status).name.lower()
    return JSONResponse(ErrorAnswer(error=kind, detail=detail).model_dump(), status, headers)


def _fault(error: Any) -> Fault:
    """From pydantic's error: the field, what is wrong with it, and what to send instead."""
    field = ".".join(map(str, error["loc"][1:])) or str(error["loc"][0])
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            return Fault(field=field, problem="it is missing", remedy=f"Give it; {SHOWS_THE_FORM}")
        case "extra_forbidden":
            return Fault(field=field, problem="no field has this name", remedy="Leave it out; /docs shows the names")
        case "string_pattern_mismatch":
            problem = "it has another form, or a control character in it"
            return Fault(field=field, problem=problem, remedy=f"Its form is {error['ctx']['pattern']}")
        case "json_invalid":
            return Fault(field="body", problem=f"it is not JSON: {message}", remedy="Send a JSON object")
        case "string_type":
            return Fault(field=field, problem="it is no text", remedy=f"Send a JSON string; {SHOWS_THE_FORM}")
        case "string_too_long":
            most = error["ctx"]["max_length"]
            return Fault(field=field, problem=f"it has more than {most:,} characters", remedy="Send a shorter one")
        case "too_long" | "too_short" as kind:
            bound = error["ctx"]["max_length" if kind == "too_long" else "min_length"]
            problem = f"it has {'more' if kind == 'too_long' else 'fewer'} than {bound:,} entries"
            remedy = "Send several requests" if kind == "too_long" else "Add at least so many"
            return Fault(field=field, problem=problem, remedy=remedy)
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than" as kind:
            problem = f"it is {'smaller' if kind.startswith('greater') else 'larger'} than it may be"
            return Fault(field=field, problem=problem, remedy=_bounded(error["ctx"]))
        case "int_parsing" | "int_type" | "float_parsing" | "float_type" | "int_from_float":
            return Fault(field=field, problem="it is no number of this kind", remedy=f"Send a number; {SHOWS_THE_FORM}")
        case "literal_error" | "enum":
            expected = error["ctx"]["expected"]
            return Fault(field=field, problem="it is none of the known words", remedy=f"Send {expected}")
        case kind if kind.startswith("datetime"):
            return Fault(field=field, problem="it is no moment", remedy="Give ISO 8601, such as 2025-11-04T20:00:00Z")
    problem, _, remedy = message.partition("; ")
    return Fault(field=field, problem=problem, remedy=remedy or f"{message}; {SHOWS_THE_FORM}")


def _bounded(bounds: dict[str, Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return " and ".join(f"Send {words[name]} {bound:,}" for name, bound in bounds.items() if name in words)


def _allowed_methods(request: Request) -> str:
    """All methods of the address: the framework names those of one route only."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    address = request.url.path
    served = [address] if address in paths else [path for path in paths if compile_path(path)[0].match(address)]
    return ", ".join(sorted({method.upper() for path in served for method in paths[path]}))


def _invalid(request: Request, *faults: Fault) -> JSONResponse:
    is_stac = request.url.path == STAC or request.url.path.startswith(f"{STAC}/")
    return error_answer(400 if is_stac else 422, list(faults), "invalid")


def add_error_handlers(app: FastAPI) -> None:
    """Whatever a route raises is answered in the documented form."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return _invalid(request, *map(_fault, error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # FastAPI's answer to a body that no JSON reader takes
            fault = Fault(field="body", problem="it cannot be read", remedy="Send a JSON object; see /docs")
            return _invalid(request, fault)
        headers = {"Allow": _allowed_methods(request)} if error.status_code == 405 else error.headers
        return error_answer(error.status_code, error.detail, headers=headers)

    @app.exception_handler(StormpetrelError)
    async def failed(request: Request, error: StormpetrelError) -> JSONResponse:
        match error:
            case BadQuery():
                return _invalid(request, Fault(field=error.field, problem=error.problem, remedy=error.remedy))
            case BadPicture():
                return _invalid(request, Fault(field="picture", problem=error.problem, remedy=error.remedy))
            case NotFound():
                return error_answer(404, str(error))
            case StoreRefused():
                # The bounds of requests should have caught it: the log tells so, and the client can do without it.
                log.error("a store refuses what a request asks", error=str(error))
                fault = Fault(field="body", problem=str(error), remedy="Ask without this value; see /docs")
                return _invalid(request, fault)
            case StoreUnavailable():
                log.error("a store is not available", error=str(error))
                return error_answer(503, f"{error}. Try again in a few seconds", "store_unavailable")
            case ModelUnavailable():
                return error_answer(503, str(error), "model_unavailable")
        log.error("a request failed", error=str(error))
        return error_answer(500, str(error), type(error).__name__)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        # The server logs the traceback itself.
        return error_answer(500, f"{type(error).__name__}: a fault of this server, logged at {request.url.path}")

"""What the OpenAPI document says about keys: which scope each operation needs, and how it is refused."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.route_scopes import need_of

SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token of the configured issuer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "session": {"type": "apiKey", "in": "cookie", "name": "stormpetrel_session"},
}
REFUSALS = {
    "401": "No API key, token or session that is known",
    "403": "The key has not the scope, or a session sent no X-CSRF-Token",
    "429": "Too many requests with this key; Retry-After says how long to wait",
}
NO_JSON = {"415": "The content type is not one that is read here"}


def describe_security(app: FastAPI) -> None:
    """Adds it to the document that the application makes of its routes."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        if "securitySchemes" not in document.setdefault("components", {}):
            document["components"]["securitySchemes"] = SCHEMES
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _describe(operation, need_of(method.upper(), path))
            document["paths"]["/metrics"]["get"]["security"].append({})  # open while access.open_metrics is on
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _describe(operation: dict[str, Any], need: str) -> None:
    if need == "nothing":
        return
    operation["security"] = [{scheme: []} for scheme in SCHEMES]
    operation["x-scope"] = need
    refusals = {**REFUSALS, **(NO_JSON if "requestBody" in operation else {})}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
    for status, description in refusals.items():
        operation["responses"].setdefault(status, {"description": description, "content": content})

"""The gate before all routes: who asks, what they may, how often; and an audit event for every change.

It stands before the framework reads a body, so that whoever may not enter is not listened to.
"""

from __future__ import annotations

import base64
import time
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_answer
from api.route_scopes import READING, changes_something, need_of
from stormpetrel.access.access import Access
from stormpetrel.access.principals import ANYBODY, Principal, Refused
from stormpetrel.access.sessions import is_same
from stormpetrel.core.clock import now
from stormpetrel.core.events import Audited

SESSION_COOKIE, CSRF_HEADER = "stormpetrel_session", "x-csrf-token"
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
}
DOCUMENTATION = ("/docs", "/redoc")  # their pages bring scripts from elsewhere
JSON = ("application/json",)
EXCHANGE_TYPES = ("text/plain", "text/csv", "application/json", "application/geo+json", "application/octet-stream")


def credential_of(authorization: str) -> str:
    """The token of a Bearer header, or the password of a Basic one; empty where there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2] if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


def session_cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own, and nobody else's."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


NOBODY = Principal("", frozenset())


class Problem(Exception):
    """A request that does not get through, as it is answered."""

    def __init__(self, status: int, error: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.detail, self.response = detail, error_answer(status, detail, error, headers)


class Gate:
    """The middleware. It finds what it asks in the application's state, which is there from the start on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        access: Access = scope["app"].state.access
        connection = HTTPConnection(scope)
        method, path = scope.get("method", "GET"), scope["path"]
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_security_headers(message.get("headers", []), path)
            await send(message)

        try:
            await self._let_in(access, connection, method, path)
            await self._app(scope, receive, send_with_headers)
        except Problem as problem:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:120]})
            else:
                await problem.response(scope, receive, send_with_headers)
        finally:
            if changes_something(method, path) and status != 401:
                access.audit.note(_audited(connection, method, path, status))
        return None

    async def _let_in(self, access: Access, connection: HTTPConnection, method: str, path: str) -> None:
        """Notes who asks, where they may ask this. Raises Problem."""
        need, headers = need_of(method, path), connection.headers
        if need == "nothing" or (path == "/metrics" and access.settings.open_metrics):
            return
        principal, csrf_token = await self._known(access, headers, path)
        connection.scope.setdefault("state", {})["principal"] = principal
        if principal is not ANYBODY:
            _check_rate(access, principal)
        if principal is ANYBODY or csrf_token is not None:
            _check_browser(access, connection, method, csrf_token)
        if need != "a key" and not principal.may(need):
            remedy = "`stormpetrel keys add` makes keys"
            raise Problem(403, "forbidden", f"{principal.name!r} has not the scope {need!r}; {remedy}")
        _check_content_type(headers, path)

    async def _known(self, access: Access, headers: Headers, path: str) -> tuple[Principal, str | None]:
        """Who asks, with the CSRF token that a session's changes must carry. Raises Problem."""
        if not access.is_settled:
            detail = "the keys are not read from the log yet; try again in a few seconds"
            raise Problem(503, "store_unavailable", detail, **{"Retry-After": "3"})
        credential = headers.get("x-api-key") or credential_of(headers.get("authorization", ""))
        try:
            if access.may_ask_issuer(credential):  # whose keys may have to be fetched: not on the event loop
                return await run_in_threadpool(access.principal, credential), None
            return _who(access, headers, credential)
        except Refused as error:
            # Catalogues push with a password. A page must not be asked for one: its browser would ask its user.
            challenge = "Basic" if path.startswith("/v1/notifications/") else "Bearer"
            raise Problem(401, "unauthorised", str(error), **{"WWW-Authenticate": challenge}) from None


def _check_rate(access: Access, principal: Principal) -> None:
    """Raises Problem where somebody asks too often."""
    if wait_s := access.rate_limit.wait_s(principal.name, time.monotonic()):
        detail = f"too many requests with this key; wait {wait_s} s"
        raise Problem(429, "too_many_requests", detail, **{"Retry-After": str(wait_s)})


def _check_browser(access: Access, connection: HTTPConnection, method: str, csrf_token: str | None) -> None:
    """Raises Problem where a browser sends, unasked by its user, what a page of another site made (CSRF)."""
    headers, changes = connection.headers, method not in READING
    if csrf_token is None:
        _check_host(headers)
    if changes or connection.scope["type"] == "websocket":
        _check_origin(headers, access.settings.cors_origins)
    if changes and csrf_token is not None and not is_same(csrf_token, headers.get(CSRF_HEADER, "")):
        remedy = "GET /v1/session tells its value"
        raise Problem(403, "forbidden", f"a change by session needs the header {CSRF_HEADER}; {remedy}")


def _check_content_type(headers: Headers, path: str) -> None:
    """Raises Problem where a body is none that the route reads."""
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    allowed = EXCHANGE_TYPES if path.startswith("/v1/exchange/") else JSON
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and content_type not in allowed:
        detail = f"send {' or '.join(allowed)}, not {content_type or 'a body without a content type'}"
        raise Problem(415, "unsupported_media_type", detail)


def _who(access: Access, headers: Headers, credential: str) -> tuple[Principal, str | None]:
    """Who a request comes from, and the CSRF token that it must carry where it comes with a session. Raises Refused."""
    if credential:
        return access.principal(credential), None
    if cookie := session_cookie(headers):
        session = access.sessions.read(cookie)
        return session.principal, session.csrf_token
    return access.anybody(), None


def _check_host(headers: Headers) -> None:
    """Raises Problem where a name of the internet leads here (DNS rebinding): without keys, only this machine asks."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        raise Problem(403, "forbidden", f"{host[:200]!r} is no name of this server; ask for 127.0.0.1") from None
    if "." in name and not is_loopback(name):
        remedy = "ask for 127.0.0.1, or make a key: `stormpetrel keys add`"
        raise Problem(403, "forbidden", f"without API keys this server does not answer to the name {name}; {remedy}")


def _check_origin(headers: Headers, allowed: tuple[str, ...]) -> None:
    """Raises Problem where a page of another site sends a request of its own making (CSRF, and sockets too)."""
    origin = headers.get("origin")
    # As browsers write it. Taken apart it would be an error wherever its brackets do not close.
    is_same_origin = origin is not None and origin.partition("://")[2] == headers.get("host")
    if origin is not None and origin not in allowed and not is_same_origin:
        raise Problem(403, "forbidden", f"a page of {origin} may not do this; access.cors_origins allows pages")


def _with_security_headers(headers: list[Any], path: str) -> list[Any]:
    present = {name.lower() for name, _ in headers}
    left_out = {b"content-security-policy"} if path.startswith(DOCUMENTATION) else set()
    return [*headers, *((name, value) for name, value in HEADERS.items() if name not in present | left_out)]


def _audited(connection: HTTPConnection, method: str, path: str, status: int) -> Audited:
    route = connection.scope.get("route")
    query = connection.scope.get("query_string", b"").decode(errors="replace")
    return Audited(
        actor=principal_of(connection).name or "anybody",
        action=f"{method} {getattr(route, 'path', path)}"[:200],
        object=f"{path}?{query}"[:2000] if query else path[:2000],
        outcome=str(status),
        at=now(),
    )


def principal_of(connection: HTTPConnection) -> Principal:
    """Who asks, as the gate found out."""
    principal: Principal = connection.scope.get("state", {}).get("principal", NOBODY)
    return principal


WhoDependency = Annotated[Principal, Depends(principal_of)]

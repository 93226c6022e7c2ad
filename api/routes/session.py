"""Sessions of browsers: a cookie in place of an API key, for pages and their `EventSource`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from api.security import SESSION_COOKIE, principal_of, session_cookie
from stormpetrel.access.access import Access
from stormpetrel.access.principals import Principal, Refused

router = APIRouter(prefix="/v1/session", tags=["session"])
COOKIE: dict[str, Any] = {"key": SESSION_COOKIE, "httponly": True, "samesite": "strict", "path": "/"}


def _described(principal: Principal, csrf_token: str | None) -> dict[str, Any]:
    return {"name": principal.name, "scopes": sorted(principal.scopes), "csrf_token": csrf_token}


@router.post("", status_code=201)
def open_session(request: Request, response: Response) -> dict[str, Any]:
    """Opens a session for the API key that comes with the request, and sets its cookie. What changes something then
    needs the header `X-CSRF-Token` with the `csrf_token`."""
    access: Access = request.app.state.access
    try:
        cookie, csrf_token = access.sessions.open(principal_of(request))
    except Refused as error:
        raise HTTPException(403, str(error)) from error
    is_secure = request.url.scheme == "https"
    response.set_cookie(value=cookie, max_age=access.sessions.lifetime_s, secure=is_secure, **COOKIE)
    response.headers["cache-control"] = "no-store"
    return _described(principal_of(request), csrf_token)


@router.get("")
def show_session(request: Request, response: Response) -> dict[str, Any]:
    """Who asks, with which scopes; with a session also its `csrf_token`."""
    access: Access = request.app.state.access
    cookie = session_cookie(request.headers)
    response.headers["cache-control"] = "no-store"
    principal = principal_of(request)
    return _described(principal, access.sessions.csrf_token_of(cookie, principal) if cookie else None)


@router.delete("", status_code=204)
def close_session(response: Response) -> None:
    """Ends the browser's session. The key stays: `stormpetrel keys revoke` ends all its sessions."""
    response.delete_cookie(**COOKIE)

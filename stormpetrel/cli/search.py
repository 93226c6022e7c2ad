"""`stormpetrel search`: asks the API, shows the hits, and explains one of them."""

from __future__ import annotations

import base64
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, api_headers, load_settings, print_json, print_result
from stormpetrel.core.errors import NotFound, SetupError, StoreUnavailable, StormpetrelError


def search(
    text: str = typer.Argument("", help="What to look for."),
    post_id: str | None = typer.Option(None, help="Look for what is like this post."),
    near: str | None = typer.Option(None, help="longitude,latitude or longitude,latitude,kilometres"),
    at: str | None = typer.Option(None, help="A moment, ISO 8601."),
    photo: Path | None = typer.Option(None, exists=True, dir_okay=False, help="Look for photos like this one."),
    fusion: str = typer.Option("tensor_min", help="How the rank lists are fused; adaptive_feedback is trained."),
    limit: int = typer.Option(10, min=1, max=100, help="The most hits to show."),
    why: int | None = typer.Option(None, min=1, max=100, metavar="RANK", help="Explain the hit of this rank."),
    as_json: AsJson = False,
) -> None:
    """Ask the API, and show each hit with its rank per modality; `--why 1` explains the first hit."""
    import httpx

    from stormpetrel.cli.results import print_response
    from stormpetrel.search.explanation import explain_hit

    settings = load_settings()
    example = {
        "text": text,
        "post_id": post_id,
        "time": at,
        "picture": photo and base64.b64encode(photo.read_bytes()).decode(),
        "place": near and _place(near),
    }
    query = {"limit": max(limit, why or 0), "fusion": fusion, **{key: part for key, part in example.items() if part}}
    address = f"http://{settings.api.host}:{settings.api.port}/v1/search"
    try:
        reply = httpx.post(address, json=query, headers=api_headers(settings), timeout=30)
    except httpx.HTTPError as error:
        raise StoreUnavailable(f"no API answers at {address} ({error}); start it: stormpetrel up") from error
    if reply.status_code != 200:
        raise StormpetrelError(f"the API answers {reply.status_code}: {reply.json()['detail']}")
    response = reply.json()
    if why and why > len(response["hits"]):
        raise NotFound(f"there is no hit {why} to explain: the search has {len(response['hits'])}")
    if why:
        lines = explain_hit(response, why)
        print_result({"hit": response["hits"][why - 1], "why": lines}, "\n  ".join(lines), as_json)
    elif as_json:
        print_json(response)
    else:
        print_response(text or post_id or (photo.name if photo else ""), response)


def _place(near: str) -> dict[str, float]:

    try:
        longitude, latitude, *radius = (float(part) for part in near.split(","))
    except ValueError as error:
        raise SetupError(f"--near takes longitude,latitude[,kilometres], not {near!r}") from error
    return {"longitude": longitude, "latitude": latitude, **({"radius_km": radius[0]} if radius else {})}

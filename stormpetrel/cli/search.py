"""`stormpetrel search`: asks the API, shows the hits, and explains one of them."""

from __future__ import annotations

import base64
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, api_headers, load_settings, print_json, print_result
from stormpetrel.core.errors import NotFound, SetupError, StoreUnavailable, StormpetrelError


def search(
    text: str = typer.Argument("", help="What to look for."),
    lang: str | None = typer.Option(None, help="The language of the text, such as it; else it is guessed."),
    post_id: str | None = typer.Option(None, help="Look for what is like this post."),
    near: str | None = typer.Option(None, help="longitude,latitude or a name such as Genova, with ,kilometres or not."),
    at: str | None = typer.Option(None, help="A moment, ISO 8601."),
    photo: Path | None = typer.Option(None, exists=True, dir_okay=False, help="Look for photos like this one."),
    modalities: str = typer.Option("", help="The modalities to search, with commas; visual,concepts compare colours."),
    fusion: str = typer.Option("tensor_learned", help="How the rank lists are fused; tensor_min is the plain tensor."),
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
        "lang": lang,
        "post_id": post_id,
        "time": at,
        "picture": photo and base64.b64encode(photo.read_bytes()).decode(),
        "place": near and _place(near),
        "modalities": modalities.split(",") if modalities else [],
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


def _place(near: str) -> dict[str, float | str]:
    """A point or a name, and the kilometres around it where they are given.

    >>> _place("8.93,44.41,30")
    {'longitude': 8.93, 'latitude': 44.41, 'radius_km': 30.0}
    >>> _place("Springfield, Illinois, 20")
    {'near': 'Springfield, Illinois', 'radius_km': 20.0}
    """
    parts = near.split(",")
    numbers = [_number(part) for part in parts]
    if numbers[0] is None:
        name, radius = (near, None) if numbers[-1] is None else (near.rpartition(",")[0], numbers[-1])
        return {"near": name.strip(), **({"radius_km": radius} if radius is not None else {})}
    if not 2 <= len(parts) <= 3 or None in numbers:
        raise SetupError(f"--near takes longitude,latitude[,kilometres] or a name[,kilometres], not {near!r}")
    fields = dict(zip(("longitude", "latitude", "radius_km"), numbers, strict=False))
    return {name: number for name, number in fields.items() if number is not None}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

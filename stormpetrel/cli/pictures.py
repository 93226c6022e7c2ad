"""`stormpetrel pictures`: the front page's two pictures, from what the demo left running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from stormpetrel.cli.command import AsJson, api_headers, load_settings, print_result
from stormpetrel.core.errors import SetupError

QUERY = "people trapped by flood water"
GENOA = {"longitude": 8.934, "latitude": 44.407}
CHANGE_MAP_WIDTH = 720  # px


def pictures(
    directory: Path = typer.Argument(Path("docs/pictures"), help="Where the pictures go."),
    api: str = typer.Option("http://127.0.0.1:8000", help="The API that `make demo` left running."),
    as_json: AsJson = False,
) -> None:
    """Draw the demo's change map and an explained search hit."""
    import httpx

    from stormpetrel.demo.explained_hit import explained_hit_svg

    directory.mkdir(parents=True, exist_ok=True)
    files = [directory / "change_map.png", directory / "explained_hit.svg"]
    try:
        with httpx.Client(base_url=api, headers=api_headers(load_settings()), timeout=30) as client:
            files[0].write_bytes(_change_map(client))
            query = {"text": QUERY, "place": GENOA, "time": "2025-11-04T20:00:00Z", "limit": 20}
            answer: dict[str, Any] = client.post("/v1/search", json=query).raise_for_status().json()
    except httpx.HTTPError as error:
        raise SetupError(f"no demo answers at {api} ({error}); run `make demo` first") from error
    title = f"“{QUERY}”, near Genoa, at 20:00 of a made-up night"
    files[1].write_text(explained_hit_svg(title, answer), encoding="utf-8")
    print_result([str(file) for file in files], "\n".join(map(str, files)), as_json)


def _change_map(client: Any) -> bytes:
    """The change map of the newest scene with new water, as a PNG of few colours."""
    import io

    from PIL import Image

    scenes = client.get("/v1/scenes").raise_for_status().json()["scenes"]
    changed = next((scene["scene_id"] for scene in scenes if "change" in scene["pictures"]), None)
    if changed is None:
        raise SetupError("no scene of this system has a change map; run `make demo` first")
    reply = client.get("/v1/scenes/pictures/change.png", params={"scene_id": changed}).raise_for_status()
    scene = Image.open(io.BytesIO(reply.content)).convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", scene.size, "white"), scene).convert("RGB")
    height = round(picture.height * CHANGE_MAP_WIDTH / picture.width)
    out = io.BytesIO()
    picture.resize((CHANGE_MAP_WIDTH, height)).quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()

"""`stormpetrel incidents`: what is happening, as the API tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from stormpetrel.cli.command import AsJson, api_headers, load_settings, print_result

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]


def list_incidents(
    state: list[str] = typer.Option([], help="suspected, opened, growing, easing, closed; may be repeated."),
    kind: list[str] = typer.Option([], help="flood, storm, earthquake, wildfire; may be repeated."),
    last: str | None = typer.Option(None, help="The time up to now: 30min, 1h, 2d."),
    limit: int = typer.Option(20, min=1, max=100),
    as_json: AsJson = False,
) -> None:
    """List the newest incidents."""
    parameters = {"state": state, "kind": kind, "last": last, "limit": limit}
    page = _ask("/v1/incidents", {name: value for name, value in parameters.items() if value})
    lines = [line_of(each) for each in page["incidents"]]
    print_result(page, "\n".join([*lines, f"{page['total']} in all"]), as_json)


def show(
    incident_id: str = typer.Argument(metavar="INCIDENT", help="Its id, as `stormpetrel incidents list` shows it."),
    as_json: AsJson = False,
) -> None:
    """Show one incident: how it stands, its changes, and the posts that it rests on."""
    incident = _ask(f"/v1/incidents/{incident_id}", {})
    revisions = _ask(f"/v1/incidents/{incident_id}/timeline", {})["revisions"]
    lines = [line_of(incident)]
    lines += [f"  {each['changed_at']:.16}  {each['change']}: {each['reason']}" for each in reversed(revisions)]
    lines += [f"  {each['post_id']} ({each['language']}): {each['text']}" for each in incident["evidence"]]
    print_result({**incident, "timeline": revisions}, "\n".join(lines), as_json)


def line_of(incident: Json) -> str:
    """An incident in a line."""
    radar = f", {incident['radar']['verdict']} by radar" if incident["radar"] else ""
    return (
        f"{incident['incident_id']}  {incident['kind']} {incident['place']} ({incident['country_code'] or '?'}): "
        f"{incident['state']}, {incident['severity']}, confidence {incident['confidence']:.0%}{radar}, "
        f"{incident['posts']} reports since {incident['first_post_at']:.16}"
    )


def _ask(path: str, parameters: Json) -> Json:
    """Raises SetupError where no API answers, StormpetrelError with its words where it refuses."""
    import httpx

    from stormpetrel.core.errors import SetupError, StormpetrelError

    settings = load_settings()
    address = f"http://{settings.api.host}:{settings.api.port}"
    try:
        reply = httpx.get(f"{address}{path}", params=parameters, headers=api_headers(settings), timeout=30)
    except httpx.HTTPError as error:
        raise SetupError(f"no API answers at {address}: {error}; start it with stormpetrel up") from error
    if reply.status_code >= 400:
        raise StormpetrelError(_problem(reply))
    answer: Json = reply.json()
    return answer


def _problem(reply: httpx.Response) -> str:
    detail = reply.json().get("detail", reply.text)
    return (
        detail if isinstance(detail, str) else "; ".join(f"{f['field']}: {f['problem']}. {f['remedy']}" for f in detail)
    )

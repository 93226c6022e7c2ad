"""What every command has: its settings, `--json`, and a result on standard output, as text or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

if TYPE_CHECKING:
    from stormpetrel.core.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]


def load_settings() -> Settings:
    """The settings of this process. Their library is imported here, so that `--help` answers at once."""
    from stormpetrel.core.settings import Settings

    return Settings()


def api_headers(settings: Settings) -> dict[str, str]:
    """What a request to the API carries: the key of STORMPETREL_API_KEY, where there is one."""
    return {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"} if settings.api_key else {}


def print_json(value: Any) -> None:
    """The result as JSON, for a program."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_result(value: Any, text: str, as_json: bool) -> None:
    """The result for a program or for a person."""
    if as_json:
        print_json(value)
    else:
        typer.echo(text)


def print_counts(counts: Mapping[str, int], as_json: bool) -> None:
    """What became of the records that were read: published, passed over, sent to the dead letters."""
    outcomes = {"published": "published", "passed": "passed over", "dead": "sent to the dead letters"}
    text = ", ".join(f"{counts[name]:,} records {outcome}" for name, outcome in outcomes.items())
    print_result({name: counts[name] for name in outcomes}, text, as_json)

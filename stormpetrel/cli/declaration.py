"""How commands are declared: groups of them, and the options that many have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]


def add_group(
    app: typer.Typer, name: str, help_text: str, hidden: bool = False, **commands: Callable[..., Any]
) -> None:
    """Adds `stormpetrel NAME COMMAND` for each of the commands."""
    group = typer.Typer(help=help_text, no_args_is_help=True, hidden=hidden)
    group.callback()(lambda: None)  # without it typer makes a lone command the group itself
    for command_name, command in commands.items():
        group.command(command_name)(command)
    app.add_typer(group, name=name)

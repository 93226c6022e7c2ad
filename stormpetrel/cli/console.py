"""How commands speak: progress and tables for people, JSON for programs."""

from __future__ import annotations

import sys
from typing import Any

import orjson
import typer
from rich.console import Console

# Into a pipe there is no width to ask for; a table of 80 columns would cut what matters.
OUT = Console(width=None if sys.stdout.isatty() else 150)
ERROR = Console(stderr=True)


def say(text: str) -> None:
    """A line of progress, on stderr: stdout is for results."""
    ERROR.print(text, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """The result as JSON, for a program."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())

"""What commands print: results on standard output, as text or JSON; everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import orjson
import typer
from rich.console import Console

# Into a pipe there is no width to ask for; a table of 80 columns would cut what matters.
OUT = Console(width=None if sys.stdout.isatty() else 150)
ERROR = Console(stderr=True)


def say(text: str) -> None:
    """A line of progress, on standard error. Long lines are not wrapped: a URL must stay one word."""
    ERROR.print(text, highlight=False, markup=False, soft_wrap=True)


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

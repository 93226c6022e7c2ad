"""What commands print for people: tables on standard output, progress on standard error."""

from __future__ import annotations

import sys

from rich.console import Console

# Into a pipe there is no width to ask for; a table of 80 columns would cut what matters.
OUT = Console(width=None if sys.stdout.isatty() else 150)
ERROR = Console(stderr=True)


def say(text: str) -> None:
    """A line of progress, on standard error. Long lines are not wrapped: a URL must stay one word."""
    ERROR.print(text, highlight=False, markup=False, soft_wrap=True)

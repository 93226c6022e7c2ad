"""Cells of CSV files that people open in a spreadsheet: text there must not run as a formula (OWASP, CSV injection)."""

from __future__ import annotations

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralised(value: Any) -> Any:
    """A cell that a spreadsheet would take for a formula gets an apostrophe in front; so does one that begins with
    apostrophes and goes on like one, so that `restored` gives back what was there.

    >>> neutralised("=1+1"), neutralised("'=1+1"), neutralised("'tis")
    ("'=1+1", "''=1+1", "'tis")
    """
    return f"'{value}" if isinstance(value, str) and _reads_like_a_formula(value) else value


def restored(value: str) -> str:
    """What `neutralised` was given."""
    return value[1:] if value.startswith("'") and _reads_like_a_formula(value) else value


def _reads_like_a_formula(value: str) -> bool:
    return value.lstrip("'").startswith(FORMULA_STARTS)

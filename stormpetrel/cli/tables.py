"""Reports of evaluations as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def print_table(title: str, first_column: str, columns: Mapping[str, str], rows: Mapping[str, Json]) -> None:
    """One row a name; `columns` says what each figure of a row is called."""
    from rich.table import Table

    from stormpetrel.cli.console import OUT

    table = Table(first_column, *columns.values(), title=title)
    for name, figures in rows.items():
        table.add_row(name, *(_cell(figures[key]) for key in columns))
    OUT.print(table)


def _cell(figure: Any) -> str:
    if isinstance(figure, list):
        return " ".join(map(_cell, figure))
    return "-" if figure is None else f"{figure:.3f}" if isinstance(figure, float) else str(figure)

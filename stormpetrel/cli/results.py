"""Shows a search answer to people: a table, one row a hit, one column a modality."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from stormpetrel.cli.console import OUT


def print_answer(title: str, answer: dict[str, Any]) -> None:
    """The hits with their rank in each list, and the place that the post names."""
    names = list(answer["lists"])
    table = Table(title=Text(title), title_justify="left", expand=False)
    table.add_column("#", justify="right")
    table.add_column("post", max_width=76, overflow="ellipsis", no_wrap=True)
    table.add_column("place", max_width=24)
    for name in [*names, "duplicate_count"]:
        table.add_column(name, justify="right", min_width=len(name))
    for hit in answer["hits"]:
        ranks = [str(hit["ranks"][name]["rank"]) if name in hit["ranks"] else "-" for name in names]
        places = ", ".join(place["name"] for place in hit["post"].get("places", []))
        text = Text(" ".join(hit["post"]["clean_text"].split()))
        table.add_row(str(hit["rank"]), text, Text(places), *ranks, str(hit["duplicate_count"] or ""))
    OUT.print(table)
    for name, why in answer["unavailable"].items():
        OUT.print(Text(f"{name} cannot speak: {why}"))


def print_worlds(title: str, answer: dict[str, Any]) -> None:
    """The places and days of an answer across worlds: how many posts and patches each has, and its best post."""
    names = list(answer["lists"])
    table = Table(title=Text(title), title_justify="left", expand=False)
    table.add_column("#", justify="right")
    table.add_column("cell and day")
    table.add_column("posts", justify="right")
    table.add_column("patches", justify="right")
    for name in names:
        table.add_column(name, justify="right", min_width=len(name))
    for hit in answer["hits"]:
        kinds = [member["kind"] for member in hit["members"]]
        ranks = [str(hit["ranks"][name]["rank"]) if name in hit["ranks"] else "-" for name in names]
        table.add_row(str(hit["rank"]), hit["cell"], str(kinds.count("post")), str(kinds.count("patch")), *ranks)
    OUT.print(table)

"""Tables of search responses for people: one row a hit, one column a modality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h3
from rich.table import Table
from rich.text import Text

from stormpetrel.cli.console import OUT, say

if TYPE_CHECKING:
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer


def print_response(title: str, response: dict[str, Any]) -> None:
    """The hits with their relevance and their rank in each list, and the places that the post names."""
    names = list(response["lists"])
    table = _table(title)
    table.add_column("post", max_width=76, overflow="ellipsis", no_wrap=True)
    table.add_column("place", max_width=24)
    _add_numbers(table, ["relevance", *names, "duplicates"])
    for hit in response["hits"]:
        places = ", ".join(place["name"] for place in hit["post"].get("places", []))
        text = Text(" ".join(hit["post"]["clean_text"].split()))
        duplicates = str(hit["duplicate_count"] or "")
        relevance = "-" if hit.get("relevance") is None else f"{hit['relevance']:.2f}"
        table.add_row(str(hit["rank"]), text, Text(places), relevance, *_ranks(hit, names), duplicates)
    OUT.print(table)
    if near := response.get("near"):
        others = "; ".join(_in_division(other) for other in near["alternatives"])
        say(
            f"{near['query']} is taken for {_in_division(near)}"
            + (f". Others of this name: {others}" if others else "")
        )
    if doubt := response.get("doubt"):
        say(doubt)
    for name, reading in response.get("readings", {}).items():
        say(f"{name}: {reading}")
    for name in response.get("uninformative", []):
        say(f"{name} has no say: its hits are all equal")
    for name, reason in response["unavailable"].items():
        say(f"{name} is unavailable: {reason}")


def print_posts(title: str, posts: list[dict[str, Any]]) -> None:
    """Posts as a list has them: when, in which language, what, where."""
    table = _table(title)
    for name in ("time (UTC)", "language"):
        table.add_column(name, no_wrap=True)
    table.add_column("post", max_width=76, overflow="ellipsis", no_wrap=True)
    table.add_column("place", max_width=24)
    for number, post in enumerate(posts, start=1):
        places = ", ".join(place["name"] for place in post.get("places", []))
        text = Text(" ".join(post["clean_text"].split()))
        moment = str(post["created_at"])[:16].replace("T", " ")
        table.add_row(str(number), moment, Text(str(post.get("language") or "")), text, Text(places))
    OUT.print(table)


def _in_division(place: dict[str, Any]) -> str:
    """A place with its division and country."""
    return ", ".join(part for part in (place["name"], place["division"], place["country_code"]) if part)


def print_cells(title: str, response: dict[str, Any], gazetteer: Gazetteer) -> None:
    """The places and days of a cross-source response: how many posts and patches each has, and its ranks."""
    names = list(response["lists"])
    table = _table(title)
    table.add_column("place and day")
    _add_numbers(table, ["posts", "patches", *names])
    for hit in response["hits"]:
        kinds = [member["kind"] for member in hit["members"]]
        counts = (str(kinds.count(kind)) for kind in ("post", "patch"))
        table.add_row(str(hit["rank"]), Text(cell_name(hit["cell"], gazetteer)), *counts, *_ranks(hit, names))
    OUT.print(table)


def cell_name(cell: str, gazetteer: Gazetteer) -> str:
    """The town nearest to the middle of a place-and-day cell (`H3 index/date`), its country, and the day. What is no
    cell, a post or patch without a place, keeps its id."""
    index, _, day = cell.partition("/")
    if not h3.is_valid_cell(index):
        return cell
    latitude, longitude = h3.cell_to_latlng(index)
    town = gazetteer.nearest_city(longitude, latitude)
    country = gazetteer.division(town.country_code)
    return f"{town.name}, {country.name if country else town.country_code}, {day}"


def _table(title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", expand=False)
    table.add_column("#", justify="right")
    return table


def _add_numbers(table: Table, names: list[str]) -> None:
    for name in names:
        table.add_column(name, justify="right", min_width=len(name))


def _ranks(hit: dict[str, Any], names: list[str]) -> list[str]:
    return [str(hit["ranks"][name]["rank"]) if name in hit["ranks"] else "-" for name in names]

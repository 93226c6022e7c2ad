"""A search hit as a drawing: its text, and for each modality its rank, its score and what the score measures."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

from stormpetrel.search.explanation import score_in_words

WIDTH, ROW, MARGIN = 720, 34, 24
INK, FAINT, BAR, BEST = "#1c2733", "#5c6b7a", "#9db8d2", "#c2452d"


def explained_hit_svg(query: str, answer: dict[str, Any]) -> str:
    """The hit of a search answer that most modalities found, as SVG. The two whose ranks decided are drawn in red.

    `query` is shown as the title. Raises ValueError where the answer has no hit.
    """
    hit = max(answer["hits"], key=lambda hit: (len(hit["ranks"]), -hit["rank"]))
    rows = [_text(MARGIN, MARGIN + 10, f"{query}: hit {hit['rank']} of {answer['total']}", FAINT), *_post(hit["post"])]
    y = MARGIN + ROW * 3 + 20
    for modality, place in sorted(hit["ranks"].items(), key=lambda pair: pair[1]["rank"]):
        rows.append(_modality(y, modality, place, answer["lists"][modality], modality in hit["best_pair"]))
        y += ROW
    pair = " and ".join(hit["best_pair"]) or "one list alone"
    rows.append(_text(MARGIN, y + 8, f"The ranks in {pair} decided.", FAINT))
    height = y + MARGIN + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="15">'
        f'<rect width="100%" height="100%" rx="8" fill="#ffffff"/>{"".join(rows)}</svg>\n'
    )


def _post(post: dict[str, Any]) -> list[str]:
    lines = textwrap.wrap(post["text"], 84)[:2]
    places = ", ".join(dict.fromkeys(place["name"] for place in post.get("places", [])))
    details = " · ".join(part for part in (post["created_at"][:16].replace("T", " ") + " UTC", places) if part)
    return [
        *(_text(MARGIN, MARGIN + 42 + 22 * number, line, INK, "bold") for number, line in enumerate(lines)),
        _text(MARGIN, MARGIN + 42 + 22 * len(lines), details, FAINT),
    ]


def _modality(y: int, name: str, place: dict[str, Any], summary: dict[str, Any], decided: bool) -> str:
    """A row: the modality's name, a bar that is longer the better the rank, the rank, and the score."""
    share = 1 - (place["rank"] - 1) / max(1, summary["hits"])
    color = BEST if decided else BAR
    bar = f'<rect x="{MARGIN + 110}" y="{y - 14}" width="{max(2, round(190 * share))}" height="18" fill="{color}"/>'
    rank = f"rank {place['rank']} of {summary['hits']}"
    score = score_in_words(summary["measure"], place["score"])
    return _text(MARGIN, y, name, INK) + bar + _text(MARGIN + 312, y, rank, INK) + _text(MARGIN + 432, y, score, FAINT)


def _text(x: int, y: int, text: str, color: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" fill="{color}" font-weight="{weight}">{escape(text)}</text>'

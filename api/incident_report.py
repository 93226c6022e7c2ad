"""The report of an incident: one page of HTML that prints well, with nothing on it that runs or is fetched elsewhere.

Everything that people have written is escaped. Links lead to posts by http and https alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from api.incident_drawings import chart_svg, map_svg

MOST_PATCHES = 4
PICTURES = {"s1": "radar", "change": "water (blue), new water (red)"}
STYLE = """
@page { size: A4; margin: 14mm }
body { font: 10.5pt/1.4 system-ui, sans-serif; color: #1b1f24; max-width: 190mm; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 17pt; margin: 0 } h2 { font-size: 12pt; margin: 1.1em 0 .3em; border-bottom: 1px solid #c8ccd1 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .15em .6em .15em 0;
vertical-align: top } th { font-weight: 600; white-space: nowrap } .small { color: #57606a; font-size: 9pt }
.two { display: flex; gap: 1em; flex-wrap: wrap } .two > * { flex: 1 1 80mm } svg { max-width: 100%; height: auto }
blockquote { margin: .35em 0; padding-left: .7em; border-left: 3px solid #c8ccd1; overflow-wrap: anywhere }
figure { display: inline-block; margin: 0 .6em .6em 0 } figure img { width: 44mm; height: 44mm; object-fit: cover;
background: #eaeef2 } figcaption { font-size: 8pt; color: #57606a; max-width: 44mm; overflow-wrap: anywhere }
h2, figure, blockquote, svg, tr { break-inside: avoid }
"""


def report_page(incident: Mapping[str, Any], revisions: Sequence[Mapping[str, Any]]) -> str:
    """The page. `revisions` are the incident's changes, the newest first."""
    title = f"{incident['kind'].capitalize()}: {incident['place']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class=small>{escape(incident['incident_id'])}, revision {incident['revision']}, "
        f"decided {_time(incident['decided_at'])}. Times are UTC.</p>",
        _facts(incident),
        f"<div class=two><div><h2>Where</h2>{map_svg(incident)}</div>"
        f"<div><h2>Reports over time</h2>{chart_svg(revisions)}</div></div>",
        _severity(incident["severity_reasons"]),
        _posts(incident["evidence"]),
        _patches(incident["radar"]),
        _changes(revisions),
    ]
    head = (
        f'<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
    )
    return f"{head}<body>{''.join(parts)}</body></html>\n"


def _time(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}" if moment else "not yet"


def _facts(incident: Mapping[str, Any]) -> str:
    languages = ", ".join(f"{name} {count}" for name, count in _falling(incident["languages"]))
    sources = ", ".join(f"{name} {count}" for name, count in _falling(incident["sources"]))
    coming = incident["next_pass"]
    facts = {
        "State": f"{incident['state']} ({incident['reason']})",
        "Confidence": f"{incident['confidence']:.0%}; by posts alone {incident['posts_confidence']:.0%}",
        "Severity": incident["severity"],
        "Reports": f"{incident['posts']} by {incident['authors']} authors, {incident['photos']} with photos",
        "Languages": languages,
        "Sources": sources,
        "First, last report": f"{_time(incident['first_post_at'])}, {_time(incident['last_post_at'])}",
        "Opened": _time(incident["opened_at"]),
        "Rate": f"{incident['observed_rate']:.2g} reports an hour, {incident['expected_rate']:.2g} are usual",
        "Next pass": f"{coming['platform']}, {_time(coming['expected_at'])}" if coming else "not known",
    }
    rows = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items() if value)
    return f"<table>{rows}</table>"


def _falling(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _severity(reasons: Sequence[Mapping[str, Any]]) -> str:
    if not reasons:
        return ""
    rows = "".join(
        f"<tr><th>{escape(each['severity'])}</th><td>{escape(each['rule'])}: “{escape(each['words'])}” "
        f"<span class=small>{escape(each['post_id'])}</span></td></tr>"
        for each in reasons
    )
    return f"<h2>What makes it severe</h2><table>{rows}</table>"


def _posts(evidence: Sequence[Mapping[str, Any]]) -> str:
    quotes = "".join(
        f"<blockquote>{escape(each['text'] or '')}<br><span class=small>{_time(each['posted_at'])}, "
        f"{escape(each['language'])}, relevance {each['relevance']:.0%}, said {each['members']} times"
        f"{', photo' if each['has_photo'] else ''}: {_link(each)}</span></blockquote>"
        for each in evidence
    )
    return f"<h2>Posts</h2>{quotes or '<p>None is left to show.</p>'}"


def _link(post: Mapping[str, Any]) -> str:
    name, address = escape(post["post_id"]), post.get("url") or ""
    try:
        is_web = urlsplit(address).scheme in ("http", "https")
    except ValueError:
        is_web = False
    return f'<a href="{escape(address)}" rel="noreferrer nofollow">{name}</a>' if is_web else name


def _patches(radar: Mapping[str, Any] | None) -> str:
    if radar is None:
        return "<h2>Radar</h2><p>No image has landed yet.</p>"
    seen = f"the scene of {_time(radar['acquired_at'])} saw {radar['observed_share']:.0%} of the area"
    said = f"{radar['verdict']}: {radar['new_water_km2']:.1f} km² of new water; {seen}. The odds are multiplied by "
    said += f"{radar['likelihood_ratio']:g}."
    figures = "".join(
        f'<figure><img alt="{caption}" src="{_picture(kind, patch_id)}"><figcaption>{caption}: '
        f"{escape(patch_id)}</figcaption></figure>"
        for patch_id in radar["patch_ids"][:MOST_PATCHES]
        for kind, caption in PICTURES.items()
    )
    return f"<h2>Radar</h2><p>{escape(said)}</p>{figures}"


def _picture(kind: str, patch_id: str) -> str:
    return escape(f"/v1/patches/pictures/{kind}.png?{urlencode({'patch_id': patch_id})}")


def _changes(revisions: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{_time(each['changed_at'])}</td><td>{escape(each['change'])}</td><td>{escape(each['state'])}</td>"
        f"<td>{each['confidence']:.0%}</td><td>{escape(each['reason'])}</td></tr>"
        for each in revisions
    )
    return f"<h2>Changes</h2><table>{rows}</table>"

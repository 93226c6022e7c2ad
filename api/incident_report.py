"""The report of an incident: HTML that prints on one page of A4, with nothing on it that runs or is fetched elsewhere.

On paper long posts end after three lines, and changes before the newest ones are left out.
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
PRINTED_CHANGES = 8
PICTURES = {"s1": "radar", "change": "water (blue), new water (red)"}
STYLE = """
@page { size: A4; margin: 11mm }
body { font: 10.5pt/1.4 system-ui, sans-serif; color: #1b1f24; max-width: 190mm; margin: 1.5em auto; padding: 0 1em }
h1 { font-size: 17pt; margin: 0 } h2 { font-size: 12pt; margin: 1.1em 0 .3em; border-bottom: 1px solid #c8ccd1 }
table { border-collapse: collapse; width: 100% } td { text-align: left; padding: .1em .6em .1em 0; vertical-align: top }
td:not(:last-child) { white-space: nowrap } p { margin: .4em 0 } .small { color: #57606a; font-size: 9pt }
.columns { columns: 2; column-gap: 6mm } .columns > * { break-inside: avoid; overflow-wrap: anywhere }
.two { display: flex; gap: 1em; flex-wrap: wrap } .two > * { flex: 1 1 80mm } svg { max-width: 100%; height: auto }
blockquote { margin: 0 0 .4em; padding-left: .7em; border-left: 3px solid #c8ccd1 }
figure { display: inline-block; margin: 0 .6em .6em 0; vertical-align: top } figure img { width: 44mm; height: 44mm;
object-fit: cover; background: #eaeef2 } figcaption { font-size: 8pt; color: #57606a; max-width: 44mm;
overflow-wrap: anywhere }
h2, figure, svg, tr { break-inside: avoid } h2 { break-after: avoid }
@media print { body { font-size: 8.5pt; line-height: 1.25; margin: 0; padding: 0; max-width: none }
h1 { font-size: 14pt } h2 { font-size: 10pt; margin: .7em 0 .2em } .small { font-size: 7pt } svg { max-height: 52mm }
.earlier { display: none }
blockquote > div { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden;
max-height: 3.75em } figure { margin: 0 1mm 0 0 } figure img { width: 21mm; height: 21mm }
figcaption { font-size: 5.5pt; max-width: 21mm } }
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
        _signals(incident["signals"]),
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
        "Place": f"{incident['place']}, {_region(incident)}",
        "Centre": f"{incident['latitude']:.4f}, {incident['longitude']:.4f} (latitude, longitude)",
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
    rows = "".join(f"<div><b>{name}</b>: {escape(str(value))}</div>" for name, value in facts.items() if value)
    return f"<div class=columns>{rows}</div>"


def _region(incident: Mapping[str, Any]) -> str:
    return ".".join(code for code in (incident["country_code"], incident["admin1_code"]) if code) or "no known country"


def _falling(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _severity(reasons: Sequence[Mapping[str, Any]]) -> str:
    if not reasons:
        return ""
    rows = "".join(
        f"<div><b>{escape(each['severity'])}</b>: {escape(each['rule'])} "
        f"<span class=small>{escape(each['post_id'])}</span></div>"
        for each in reasons
    )
    return f"<h2>What the severity rests on</h2><div class=columns>{rows}</div>"


def _signals(signals: Sequence[Mapping[str, Any]]) -> str:
    if not signals:
        return ""
    rows = "".join(
        f"<div>{_time(each['published_at'])}, {escape(each['feed'])}{_level(each)}: "
        f"{_link(each['url'], each['title'])}</div>"
        for each in signals
    )
    return f"<h2>Official signals</h2>{rows}"


def _level(signal: Mapping[str, Any]) -> str:
    return f" ({escape(signal['level'])})" if signal["level"] else ""


def _posts(evidence: Sequence[Mapping[str, Any]]) -> str:
    quotes = "".join(
        f"<blockquote><div>{escape(each['text'] or '')}</div><span class=small>{_time(each['posted_at'])}, "
        f"{escape(each['language'])}, relevance {each['relevance']:.0%}, {_times(each['members'])}"
        f"{_photo(each)}: {_link(each.get('url'), each['post_id'])}</span></blockquote>"
        for each in evidence
    )
    return f"<h2>Posts</h2><div class=columns>{quotes or '<p>None is left to show.</p>'}</div>"


def _times(members: int) -> str:
    return "said once" if members == 1 else f"said {members} times"


def _photo(post: Mapping[str, Any]) -> str:
    if post.get("photo_seen_before"):
        return f", photo seen before on {post['photo_seen_before'][:10]}"
    return ", photo" if post["has_photo"] else ""


def _link(address: str | None, name: str) -> str:
    try:
        is_web = urlsplit(address or "").scheme in ("http", "https")
    except ValueError:
        is_web = False
    return f'<a href="{escape(address or "")}" rel="noreferrer nofollow">{escape(name)}</a>' if is_web else escape(name)


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
        f"<tr{' class=earlier' if number >= PRINTED_CHANGES else ''}><td>{_time(each['changed_at'])}</td>"
        f"<td>{escape(each['change'])}</td><td>{escape(each['state'])}</td>"
        f"<td>{each['confidence']:.0%}</td><td>{escape(each['reason'])}</td></tr>"
        for number, each in enumerate(revisions)
    )
    return f"<h2>Changes</h2><table>{rows}</table>"

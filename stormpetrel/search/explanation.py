"""Why a hit of a search stands where it stands, in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
EXCERPT = 120  # characters of the post's text
IN_WORDS = {"feedback": "feedback (its text is like that of the best hits)"}
UNITS = ((86_400, "days"), (3600, "h"), (60, "min"))  # seconds, name


def explain_hit(response: Json, rank: int) -> list[str]:
    """The lines that explain the hit of this rank: what it is, its rank and score in each modality, the pair that
    decided, its near-duplicates and its places. `response` is the answer of `/v1/search`."""
    hit = response["hits"][rank - 1]
    score = "" if hit["score"] is None else f" score {hit['score']:.4g},"
    item_id = hit["post_id"] or hit["patch_id"]
    lines = [f"Hit {hit['rank']} of {response['total']}: {item_id},{score} fused by {response['fusion']}"]
    post = hit["post"] or {}
    if text := " ".join(str(post.get("clean_text", "")).split()):
        lines.append(f"“{text[:EXCERPT]}{'…' if len(text) > EXCERPT else ''}”")
    lines += [_modality_line(name, summary, hit["ranks"].get(name)) for name, summary in response["lists"].items()]
    lines += [f"{name}: found nothing for this query" for name in response["empty_modalities"]]
    lines += [f"{name}: unavailable, {reason}" for name, reason in response["unavailable"].items()]
    lines.append(_decision(hit))
    if met := hit.get("met"):
        lines.append(f"across languages, text and post meet in {', '.join(met)}")
    if hit["relevance"] is not None:
        lines.append(f"answers the query with a probability of {hit['relevance']:.0%}")
    if count := hit["duplicate_count"]:
        lines.append(f"{count} other {'post repeats' if count == 1 else 'posts repeat'} it (near-duplicates)")
    lines += [
        f"names {place['name']} ({place['kind']}) at {place['latitude']:.3f}° N, {place['longitude']:.3f}° E, "
        f"{place['confidence']:.0%} sure"
        for place in post.get("places", [])
    ]
    return lines


def _modality_line(name: str, summary: Json, place: Json | None) -> str:
    if place is None:
        return f"{name}: not among its {summary['hits']} hits"
    score = score_in_words(summary["measure"], place["score"])
    return f"{name}: rank {place['rank']} of {summary['hits']}, {score} (by {summary['model']})"


def _decision(hit: Json) -> str:
    if decided_by := hit["decided_by"]:
        lists = " and ".join(IN_WORDS.get(name, name) for name in decided_by)
        return f"decided by {lists}: {'this list' if len(decided_by) == 1 else 'this pair'} adds most to its score"
    if hit["best_pair"]:
        first, second = hit["best_pair"]
        ranks = " and ".join(str(hit["ranks"][name]["rank"]) for name in (first, second))
        return f"decided by {first} and {second}: no other pair of modalities ranks it better than {ranks}"
    if len(hit["ranks"]) == 1:
        return f"decided by {next(iter(hit['ranks']))} alone: no other modality found it"
    return "decided by all its ranks together: this fusion knows no best pair"


def score_in_words(measure: str, score: float) -> str:
    """A modality's score with its unit.

    >>> score_in_words("minus kilometres", -2.44), score_in_words("minus seconds", -5400.0)
    ('2.4 km away', '1.5 h apart')
    >>> score_in_words("cosine similarity", 0.8123)
    'cosine similarity 0.812'
    """
    if measure == "minus kilometres":
        return f"{-score:.1f} km away"
    if measure == "minus seconds":
        seconds, unit = next((pair for pair in UNITS if -score >= pair[0]), (1, "s"))
        return f"{-score / seconds:.1f} {unit} apart"
    if measure.startswith("minus days"):
        return f"{-score:.2f} days apart ({measure.partition(', ')[2]})"
    if measure.startswith("seconds since 1970"):
        return f"sensed {datetime.fromtimestamp(score, UTC):%Y-%m-%d %H:%M} UTC"
    return f"{measure} {score:.3f}"

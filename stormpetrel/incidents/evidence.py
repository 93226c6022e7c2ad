"""The posts that stand for an incident: relevant ones that differ, by maximal marginal relevance (Carbonell &
Goldstein, SIGIR 1998)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np

from stormpetrel.core.events import EvidencePost
from stormpetrel.incidents.reports import Report

MOST_EVIDENCE = 8
CANDIDATES = 200  # the newest reports that are looked at
RELEVANCE_SHARE = 0.5  # of relevance against difference


def representatives(
    reports: Sequence[Report], members: Mapping[str, int], seen_before: Mapping[str, datetime] = MappingProxyType({})
) -> tuple[EvidencePost, ...]:
    """At most eight posts, each the one that adds most; `members` counts the near-duplicates of a post, `seen_before`
    says when its photo was posted before."""
    left = [report for report in reports[-CANDIDATES:] if report.vector is not None] or list(reports[-CANDIDATES:])
    chosen: list[Report] = []
    nearest = np.zeros(len(left))
    while left and len(chosen) < MOST_EVIDENCE:
        gains = [
            RELEVANCE_SHARE * _worth(report, members) - (1 - RELEVANCE_SHARE) * near
            for report, near in zip(left, nearest.tolist(), strict=True)
        ]
        best = int(np.argmax(gains))
        report = left.pop(best)
        nearest = np.delete(nearest, best)
        chosen.append(report)
        if report.vector is not None and left and left[0].vector is not None:
            vectors = np.stack([each.vector for each in left if each.vector is not None])
            nearest = np.maximum(nearest, vectors @ report.vector)
    return tuple(
        EvidencePost(
            post_id=report.post_id,
            posted_at=report.at,
            language=report.language,
            relevance=round(report.probability, 4),
            members=1 + members.get(report.post_id, 0),
            has_photo=report.has_photo,
            photo_seen_before=seen_before.get(report.post_id),
        )
        for report in chosen
    )


def _worth(report: Report, members: Mapping[str, int]) -> float:
    """Relevant posts with a place, a photo, harm that they tell of, and copies, come first."""
    extras = 0.1 * bool(report.votes) + 0.1 * report.has_photo + 0.1 * bool(report.severity)
    return report.probability + extras + 0.02 * min(5, members.get(report.post_id, 0))

"""An incident with its evidence, as it stands on the log once it is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from stormpetrel.core.events import EvidencePost, Incident, SeverityReason

AT = datetime(2025, 11, 4, 20, tzinfo=UTC)


def closed_incident(post_ids: Sequence[str]) -> Incident:
    """An incident that these posts stand for; its severity rests on the first."""
    evidence = [EvidencePost(post_id=each, posted_at=AT, language="en", relevance=0.9) for each in post_ids]
    return Incident(
        incident_id="inc-20251104-0123456789",
        revision=4,
        kind="flood",
        state="closed",
        change="closed",
        reason="no report for 72 h",
        confidence=0.9,
        posts_confidence=0.9,
        severity="severe",
        severity_reasons=(SeverityReason(rule="trapped", severity="severe", post_id=post_ids[0]),),
        place="Genova",
        longitude=8.9,
        latitude=44.4,
        cells=("841f9b1ffffffff",),
        first_post_at=AT,
        last_post_at=AT,
        changed_at=AT,
        closed_at=AT,
        decided_at=AT,
        posts=9,
        authors=7,
        expected_rate=0.1,
        observed_rate=2,
        evidence=tuple(evidence),
        detector_version="d1",
    )

"""What each modality contributed to an answer, and what made its scores."""

from __future__ import annotations

from collections.abc import Iterable

from api.dependencies import Services
from api.schemas.responses import ListSummary
from stormpetrel.core.errors import ModelUnavailable
from stormpetrel.fusion import RankList
from stormpetrel.search import MEASURES
from stormpetrel.search.cross_source import PATCH_MEASURES

# The modalities that no model in a file stands behind, and what does.
RULES = {
    "lexical": "bm25-snowball@1",
    "space": "great-circle-h3@1",
    "time": "clock@1",
    "spatiotemporal": "great-circle-h3-and-clock@1",
    "overhead": "clock@1",
}


def summaries(have: Services, lists: Iterable[RankList]) -> dict[str, ListSummary]:
    """A summary of each list, by modality."""
    measures = {**MEASURES, **PATCH_MEASURES}
    return {
        ranked.modality: ListSummary(
            measure=measures[ranked.modality], hits=len(ranked), model=_model(have, ranked.modality)
        )
        for ranked in lists
    }


def _model(have: Services, modality: str) -> str:
    if modality in RULES:
        return RULES[modality]
    if modality in have.patch_descriptors:
        return have.patch_descriptors[modality][0]
    if modality == "text":
        return "none" if isinstance(have.encoder, ModelUnavailable) else have.encoder.version
    if isinstance(have.visual, ModelUnavailable):
        return "none"
    return have.visual.version if modality == "visual" else have.visual.concept_version

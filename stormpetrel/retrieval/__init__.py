"""From a question to fused hits: one ranked list a modality, in one round trip to the index, then fusion."""

from stormpetrel.retrieval.modalities import MEASURES, MODALITIES
from stormpetrel.retrieval.posts import Found, PostSearch
from stormpetrel.retrieval.question import Area, Question

__all__ = ["MEASURES", "MODALITIES", "Area", "Found", "PostSearch", "Question"]

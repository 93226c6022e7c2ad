"""From a question to fused hits: one ranked list a modality, in one round trip to the index, then fusion."""

from stormpetrel.search.modalities import MEASURES, MODALITIES
from stormpetrel.search.query import Area, Question
from stormpetrel.search.search import Found, PostSearch

__all__ = ["MEASURES", "MODALITIES", "Area", "Found", "PostSearch", "Question"]

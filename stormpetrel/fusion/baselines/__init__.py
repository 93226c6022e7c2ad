"""The fusions that tensor fusion is compared with, all with the same signature.

Each takes rank lists and weights by modality (1 where none is given), and returns the fused list, the best first. An
item that a list lacks gets nothing from it, except in Borda count.
"""

from stormpetrel.fusion.baselines.borda import borda
from stormpetrel.fusion.baselines.comb_mnz import comb_mnz
from stormpetrel.fusion.baselines.graph import graph
from stormpetrel.fusion.baselines.rrf import rrf
from stormpetrel.fusion.baselines.sequential import sequential
from stormpetrel.fusion.baselines.weighted_scores import weighted_scores

__all__ = ["borda", "comb_mnz", "graph", "rrf", "sequential", "weighted_scores"]

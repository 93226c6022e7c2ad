"""Late fusion on labelled patches: each patch is a query, by its radar, multispectral and early-fusion descriptors."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormpetrel.evaluation.folders import data_folders
from stormpetrel.evaluation.patches import DESCRIPTORS, LabelledPatch, descriptor_matrices, read_labelled
from stormpetrel.evaluation.retrieval import MethodTally, build_report
from stormpetrel.fusion import METHODS, RankList

FUSED = "weighted_scores"  # all three scores are cosines: they can be compared as they are


def evaluate_patch_sets(data: Path) -> dict[str, Any]:
    """The reports of the folder itself or of the folders in it, by name, where patches of both sensors are labelled."""
    reports = {folder.resolve().name: evaluate_patches(read_labelled(folder)) for folder in data_folders(data)}
    return {name: report for name, report in reports.items() if report is not None}


def evaluate_patches(patches: Sequence[LabelledPatch]) -> dict[str, Any] | None:
    """The report of a set, in the form of the posts'; None where no patch has both halves. Relevant are the patches of
    other images that share a label with the query; a query for which all or none are relevant is left out."""
    whole, vectors = descriptor_matrices(patches)
    if set(vectors) != set(DESCRIPTORS):
        return None
    tallies = defaultdict[str, MethodTally](MethodTally)
    queries = 0
    for row, patch in enumerate(whole):
        others = [n for n, other in enumerate(whole) if other.image != patch.image]
        relevant = frozenset(f"{n:07d}" for n in others if whole[n].labels & patch.labels)
        if not 0 < len(relevant) < len(others):
            continue
        queries += 1
        started = time.perf_counter()
        lists = [_ranked(name, vectors[name], row, others) for name in DESCRIPTORS]
        ms = 1000 * (time.perf_counter() - started)
        for ranked in lists:
            tallies[ranked.modality].add(ranked.items, relevant, ms)
        for name, fusion in METHODS.items():
            started = time.perf_counter()
            ids = [item.id for item in fusion(lists, None)]
            tallies[name].add(ids, relevant, ms + 1000 * (time.perf_counter() - started))
    return build_report(queries, tallies, DESCRIPTORS, FUSED) if queries else None


def _ranked(name: str, vectors: np.ndarray, row: int, others: Sequence[int]) -> RankList:
    scores = vectors[others] @ vectors[row]
    return RankList.of(name, ((f"{n:07d}", float(score)) for n, score in zip(others, scores, strict=True)))

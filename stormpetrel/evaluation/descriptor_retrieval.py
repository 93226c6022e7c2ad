"""How well descriptors find patches of the same land cover: mAP by label, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormpetrel.evaluation.bootstrap import interval
from stormpetrel.evaluation.measures import average_precision

Float32 = NDArray[np.float32]


class JudgedQuery(NamedTuple):
    """A label that a patch of an image was asked with, and how well the patches of other images with it were found."""

    label: str
    image: str
    average_precision: float


def descriptor_retrieval(
    images: Sequence[str], labels: Sequence[AbstractSet[str]], vectors: Mapping[str, Float32]
) -> dict[str, Any]:
    """mAP for each descriptor, by label too, and its 95 % interval. For each label and each patch with it, the other
    images' patches are ranked by cosine; relevant are those with the label; the mean is over labels, then over their
    queries. A patch never finds its own image. The interval is that of a bootstrap of whole images: patches
    of one image are alike."""
    judged = {name: _judged_queries(images, labels, matrix) for name, matrix in vectors.items()}
    judged = {name: queries for name, queries in judged.items() if queries}
    by_label: dict[str, dict[str, float]] = {}
    for name, queries in judged.items():
        for label, mean in _means(queries).items():
            by_label.setdefault(label, {})[name] = round(mean, 4)
    return {
        "patches": len(images),
        "images": len(set(images)),
        **{name: round(_mean(queries), 4) for name, queries in judged.items()},
        "ci": {name: _interval(queries) for name, queries in judged.items()},
        "by_label": dict(sorted(by_label.items())),
    }


def _judged_queries(images: Sequence[str], labels: Sequence[AbstractSet[str]], matrix: Float32) -> list[JudgedQuery]:
    cosines, image_of = matrix @ matrix.T, np.array(images)
    judged = []
    for label in sorted(set().union(*labels)):
        has = np.array([label in of_patch for of_patch in labels])
        for query in np.flatnonzero(has).tolist():
            others = np.flatnonzero(image_of != image_of[query])
            relevant = has[others][np.argsort(-cosines[query, others], kind="stable")]
            if relevant.any() and not relevant.all():
                score = average_precision(relevant.tolist(), int(relevant.sum()), len(relevant))
                judged.append(JudgedQuery(label, images[query], score))
    return judged


def _means(queries: Sequence[JudgedQuery]) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for query in queries:
        scores.setdefault(query.label, []).append(query.average_precision)
    return {label: float(np.mean(of_label)) for label, of_label in scores.items()}


def _mean(queries: Sequence[JudgedQuery]) -> float:
    return float(np.mean(list(_means(queries).values())))


def _interval(queries: Sequence[JudgedQuery]) -> tuple[float, float]:
    by_image: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        by_image.setdefault(query.image, []).append(row)
    return interval(lambda drawn: _mean([queries[row] for row in drawn]), list(by_image.values()))

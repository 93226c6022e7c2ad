"""The rankers of the patches' labels, as a round of active learning would fit them from the same annotations.

Of a patches' label the log has a version and annotations, and no weights: they are fitted here again, for each scale
level from its own annotations where it has any. The kernel is that of the level's patches in the index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from stormpetrel.core.events import ModelUpdated
from stormpetrel.core.ids import Collection
from stormpetrel.core.ports import Filter, VectorScanner
from stormpetrel.learning.annotations.annotation_store import AnnotationStore
from stormpetrel.learning.training.examples import Float32, Ranker
from stormpetrel.learning.training.kernel import Kernel, kernel_of
from stormpetrel.learning.training.label_model import train
from stormpetrel.learning.training.trainer import TRAINING_VECTOR, TrainingSet

SAMPLED_PAGES = 4  # of the index: some thousand patches say how wide a level's kernel is


@dataclass
class PatchRankers:
    """`store_of` gives a collection's annotations as the log has them now. One thread at a time."""

    index: VectorScanner
    collection: str
    store_of: Callable[[Collection], AnnotationStore]
    _fitted: dict[str, tuple[str, dict[str, Ranker | None]]] = field(default_factory=dict)  # by model, with its version

    def of(self, event: ModelUpdated) -> Callable[[str], Ranker | None]:
        """The model's ranker by scale level (px); None where nothing was annotated."""
        version, by_level = self._fitted.get(event.model_id, ("", {}))
        if version != event.model_version:
            by_level = {}
            self._fitted[event.model_id] = event.model_version, by_level

        def ranker(level: str) -> Ranker | None:
            if level not in by_level:
                by_level[level] = self._fit(event, level)
            return by_level[level]

        return ranker

    def _fit(self, event: ModelUpdated, level: str) -> Ranker | None:
        training_set = TrainingSet.of(self.store_of(Collection.parse(event.collection)), event.label, None)
        pairs = list(zip(training_set.examples, training_set.vectors, strict=True))
        pairs = [pair for pair in pairs if str(pair[0].newest.scale_level) == level] or pairs
        if not pairs:
            return None
        vectors = _unit(np.stack([vector.values() for _, vector in pairs]))  # as the index keeps them
        signs = np.array([item.sign for item, _ in pairs], dtype=np.int8)
        return train("patches", self._kernel(level, vectors), None, vectors, signs).ranker

    def _kernel(self, level: str, examples: Float32) -> Kernel:
        """That of the level's patches; of the examples alone, where the index has none."""
        within = Filter(any_of={"scale_level": [level]})
        pages = self.index.scan(self.collection, TRAINING_VECTOR["patches"], ("id",), within)
        sample = [page.vectors for page in islice(pages, SAMPLED_PAGES) if len(page.vectors)]
        return kernel_of(np.vstack(sample) if sample else examples)


def _unit(vectors: Float32) -> Float32:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, np.float32(1e-12))).astype(np.float32)

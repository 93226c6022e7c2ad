"""Which coarser patch lies around a patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stormpetrel.core.ids import PatchId


def parents_of(finer: Sequence[str], coarser: Mapping[str, int]) -> NDArray[np.int64]:
    """For each patch id the row of the coarser patch of the same scene that it lies in; -1 where there is none."""
    scale_level = next((patch.scale_level for patch_id in coarser if (patch := PatchId.parse(patch_id))), 0)
    rows = np.full(len(finer), -1, dtype=np.int64)
    for row, patch_id in enumerate(finer):
        patch = PatchId.parse(patch_id)
        if patch is not None and scale_level:
            rows[row] = coarser.get(str(patch.parent(scale_level)), -1)
    return rows

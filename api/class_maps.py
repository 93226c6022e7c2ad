"""Classification maps of scenes, as they are asked for: by the models of the moment, and as map tiles."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormpetrel.imagery.patches.geobox import PatchFootprint
from stormpetrel.learning.active.rounds import Scope
from stormpetrel.learning.inference.predictions import SceneClasses

if TYPE_CHECKING:
    from stormpetrel.imagery.classmap import ClassMap

KEPT_FOR_S = 5.0  # a map that is moved asks for fifty tiles, and models are fitted anew for each map
MOST_KEPT = 16


def class_map(scene: SceneClasses) -> ClassMap:
    """The map of a scene's patches."""
    from stormpetrel.imagery.classmap import ClassMap

    footprints = (PatchFootprint(patch.epsg, patch.scale_level, patch.row, patch.column) for patch in scene.patches)
    return ClassMap(scene.labels, tuple(footprints), scene.classes, scene.scores)


@dataclass(frozen=True)
class KeptMap:
    """A map as a GeoTIFF; `tag` changes with it."""

    geotiff: bytes
    tag: str
    made_at: float


class ClassMaps:
    """The maps that tiles were asked of lately. Threads share it; a map is made by one of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, KeptMap] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, classify: Callable[[Scope, Sequence[str]], SceneClasses], scope: Scope, labels: Sequence[str]
    ) -> KeptMap:
        """The map of at most five seconds ago, else a new one. Raises what `classify` raises."""
        key = repr((scope, tuple(labels)))
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or time.monotonic() - kept.made_at > KEPT_FOR_S:
                geotiff = class_map(classify(scope, labels)).geotiff()
                kept = KeptMap(geotiff, hashlib.sha256(geotiff).hexdigest()[:32], time.monotonic())
                self._kept[key] = kept
                self._kept.move_to_end(key)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return kept

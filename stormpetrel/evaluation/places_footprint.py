"""Measures a process that does nothing but find places in posts.

    python -m stormpetrel.evaluation.places_footprint GAZETTEER TAGGER

Texts come as a JSON list on stdin; the figures go as JSON to stdout."""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

BATCH = 64


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer
    from stormpetrel.posts.places.geoparser.geoparser import Geoparser
    from stormpetrel.posts.places.tagger.pipeline import load_tagger
    from stormpetrel.posts.places.tagger.recogniser import PlaceRecogniser

    gazetteer = Gazetteer(Path(sys.argv[1]))
    geoparser = Geoparser(gazetteer, PlaceRecogniser(gazetteer, load_tagger(Path(sys.argv[2]), gazetteer)))
    geoparser.places("Flood in Houston")
    ready = time.perf_counter() - STARTED
    texts = json.load(sys.stdin)
    started = time.perf_counter()
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        for text, mentions in zip(batch, geoparser.mentions(batch), strict=True):
            geoparser.resolve(text, mentions)
    taken = time.perf_counter() - started
    rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    posts_per_s = round(len(texts) / max(taken, 1e-9), 1)
    print(json.dumps({"posts_per_s": posts_per_s, "rss_mib": round(rss_mib, 1), "ready_s": round(ready, 2)}))


if __name__ == "__main__":
    main()

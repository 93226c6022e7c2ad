"""New water by a Bayesian change test: what a cell looks like today against the last acquisitions of the same orbit.

As in TU Wien's part of the Global Flood Monitoring ensemble (Bauer-Marschallinger et al. 2022), each cell is compared
with its own history, so that ground that is always dark is no flood. Four things can have happened to it:

- nothing: it is as bright as the median of its references, within their spread;
- open water covers it, calm or roughened by wind: it has water's backscatter, whatever it had before. Wind brightens VV
  far more than VH;
- water stands under plants or between houses: the pulse bounces twice, and the cell is brighter than before;
- the ground is darker for another reason, and then in both polarisations alike: wet snow, harvest, moisture.

Each is a normal distribution of decibels in each polarisation; the second (its two forms) and the third are new water.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stormpetrel.imagery.types import Float32, Mask

MOST_REFERENCES = 5  # the last ones; older ones are of another season
POLARISATIONS = ("VV", "VH")
# Decibels, VV and VH. Water's are of sigma nought at 30 to 45 degrees.
CALM, CALM_SPREAD = (-20.0, -27.0), 3.0
ROUGH, ROUGH_SPREAD = (-14.5, -25.0), 2.0
DOUBLE_BOUNCE, DOUBLE_BOUNCE_SPREAD = (3.5, 1.5), 1.5  # brighter than before
DARKER, DARKER_SPREAD = (-4.0, -4.5), 1.5  # than before
ALIKE = 1.0  # how far VH departs from what VV does, where the ground is darker for another reason
TALL = -10.0  # VV; ground that is darker has no trunks or walls for a second bounce
# How often each happens to a cell in a scene that somebody looks at because of a flood.
PRIORS = {"unchanged": 0.85, "calm": 0.05, "rough": 0.02, "double_bounce": 0.03, "darker": 0.05}
NEW_WATER = ("calm", "rough", "double_bounce")
# The spread of a cell between dates before any is known, and how many dates that knowledge is worth.
USUAL_SPREAD, USUAL_WEIGHT = 1.2, 3.0


@dataclass(frozen=True)
class History:
    """What a cell looked like before: median and spread of decibels over the references, (polarisations, rows, columns)
    each; and how many references there are. NaN is where none has the cell."""

    median: Float32
    spread: Float32
    references: int


def history_of(references: Sequence[Float32]) -> History:
    """The history of the last five of these images, oldest first; each is (polarisations, rows, columns), decibels, NaN
    is nodata. The spread is that of a normal distribution's posterior: a few dates move it from the usual one.

    Raises ValueError without any image.
    """
    if not references:
        raise ValueError("there is no reference image; give at least one of the same orbit")
    series = np.stack(references[-MOST_REFERENCES:])
    seen = np.isfinite(series)
    counts = np.maximum(seen.sum(axis=0), 1)
    median = _median(series, seen)
    squares = np.where(seen, (series - median) ** 2, 0).sum(axis=0)
    spread = np.sqrt((USUAL_WEIGHT * USUAL_SPREAD**2 + squares) / (USUAL_WEIGHT + counts - 1))
    return History(median.astype(np.float32), (spread * np.sqrt(1 + 1 / counts)).astype(np.float32), len(series))


def new_water_probability(today: Float32, history: History) -> Float32:
    """How probable new water is in every cell, (rows, columns), float32; NaN where today or the history has no cell.

    `today` is (polarisations, rows, columns), decibels, VV first; it may have VV alone, as the history.
    """
    odds: dict[str, Any] = {name: np.float32(np.log(prior)) for name, prior in PRIORS.items()}
    change = today - history.median
    for number in range(len(today)):
        spread = history.spread[number]
        for name, distance, deviation in (
            ("unchanged", change[number], spread),
            ("calm", today[number] - CALM[number], CALM_SPREAD),
            ("rough", today[number] - ROUGH[number], ROUGH_SPREAD),
            ("double_bounce", change[number] - DOUBLE_BOUNCE[number], np.hypot(spread, DOUBLE_BOUNCE_SPREAD)),
        ):
            odds[name] = odds[name] + _log_density(distance, deviation)
    odds["darker"] = odds["darker"] + _log_density(change[0] - DARKER[0], np.hypot(history.spread[0], DARKER_SPREAD))
    if len(today) > 1:
        apart = change[1] - change[0] - (DARKER[1] - DARKER[0])
        odds["darker"] = odds["darker"] + _log_density(apart, np.hypot(history.spread[1] / 2, ALIKE))
    odds["double_bounce"] = np.where(history.median[0] > TALL, odds["double_bounce"], np.float32(-np.inf))
    highest = np.maximum.reduce(list(odds.values()))
    shares = {name: np.exp(each - highest) for name, each in odds.items()}
    new = sum(shares[name] for name in NEW_WATER)
    return np.asarray(new / sum(shares.values()), dtype=np.float32)


def _log_density(distance: Float32, deviation: Float32 | float) -> Float32:
    """Of a normal distribution, but for a constant that all share."""
    return np.asarray(-0.5 * (distance / deviation) ** 2 - np.log(deviation))


def _median(series: Float32, seen: Mask) -> Float32:
    """The median over the dates that have the cell; NaN where none has."""
    if seen.all():
        return np.asarray(np.median(series, axis=0))
    ordered = np.sort(np.where(seen, series, np.inf), axis=0)
    counts = seen.sum(axis=0)
    middle = [
        np.take_along_axis(ordered, np.maximum(at, 0)[None], axis=0)[0] for at in ((counts - 1) // 2, counts // 2)
    ]
    # Where no date has the cell, both are infinite.
    return np.where(counts > 0, np.where(counts > 0, middle[0] + middle[1], 0) / 2, np.nan).astype(np.float32)

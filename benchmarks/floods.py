"""Generated floods of five kinds: one image beside a change test with 1, 3 and 5 references."""

from __future__ import annotations

from typing import Any

from stormpetrel.evaluation.generated_floods import flood_report
from stormpetrel.imagery.water.water_model import load_models


def run() -> dict[str, Any]:
    """Agreement with the truth by kind: no figure of time."""
    return flood_report(load_models()["VV", "VH"])

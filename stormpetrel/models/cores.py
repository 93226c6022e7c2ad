"""How many cores this process may use: what a model's threads follow."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = CGROUP) -> int:
    """The cores that the process may run on; fewer where its container has a quota of processor time. At least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Threads beyond the quota would use it up early in each period, and then all of them would stand still.
    return max(1, min(affinity, int(_quota(cgroup) or affinity)))


def _quota(cgroup: Path) -> float | None:
    """A container's processor time, in cores; None without a limit. Version 2 of control groups, then version 1."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    try:
        cores = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):
        return None  # "max": no limit
    return cores if cores > 0 else None  # -1: no limit

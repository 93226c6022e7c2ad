"""Sentinel product names (ESA naming conventions), and one name for a product in all sources."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

_ENDINGS = re.compile(r"(\.SAFE|\.zip|\.tiff?|_COG)+E?$", re.IGNORECASE)
_TIME = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
_S2 = re.compile(r"^S2[A-D]_MSI(L1C|L2A)_")
_S1 = re.compile(r"^S1[A-D]_\w{2}_([A-Z]{3})[A-Z_]_")
_S2_ORBIT = re.compile(r"_R(\d{3})_")
_S1_ORBIT = re.compile(r"_(\d{6})_[0-9A-F]{6}_[0-9A-F]{4}$")
# ESA: relative orbit = (absolute - offset) mod 175 + 1.
_ORBIT_OFFSETS = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}


def plain_name(name: str) -> str:
    """The product's name without the endings that only some sources write.

    >>> plain_name("S1A_IW_GRDH_1SDV_20240313T054626_20240313T054653_052959_066921_3759_COG.SAFE")
    'S1A_IW_GRDH_1SDV_20240313T054626_20240313T054653_052959_066921_3759'
    """
    return _ENDINGS.sub("", name.strip().rstrip("/").rsplit("/", 1)[-1])


@dataclass(frozen=True)
class ParsedName:
    """The facts in a product's name; None where it lacks one."""

    platform: Literal["sentinel-1", "sentinel-2"]
    product_type: str
    sensed_at: datetime | None
    relative_orbit: int | None


def parse_name(name: str) -> ParsedName | None:
    """None where it is no name of a Sentinel-1 or Sentinel-2 product.

    >>> parse_name("S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947").relative_orbit
    37
    """
    plain = plain_name(name)
    sensed_at = _sensed_at(plain)
    if level := _S2.match(plain):
        orbit = _S2_ORBIT.search(plain)
        return ParsedName("sentinel-2", f"S2MSI{level[1][1:]}", sensed_at, int(orbit[1]) if orbit else None)
    if re.match(r"^S2[A-D]_", plain):
        return ParsedName("sentinel-2", "S2", sensed_at, None)
    if re.match(r"^S1[A-D]_", plain):
        kind, absolute = _S1.match(plain), _S1_ORBIT.search(plain)
        relative = (int(absolute[1]) - _ORBIT_OFFSETS[plain[:3]]) % 175 + 1 if absolute else None
        return ParsedName("sentinel-1", kind[1] if kind else "GRD", sensed_at, relative)
    return None


def _sensed_at(plain: str) -> datetime | None:
    """The first valid time in a name; None where there is none."""
    for text in _TIME.findall(plain):
        with suppress(ValueError):
            return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return None

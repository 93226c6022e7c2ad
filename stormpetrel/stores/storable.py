"""What neither store can hold: found before it is sent, so that both stores refuse the same and say of which id."""

from __future__ import annotations

import math
from typing import Any

LARGEST_INTEGER = 2**63  # exclusive; the least is its negative, inclusive
DEEPEST = 100  # levels: what both stores read again


def why_unstorable(value: Any, level: int = 0) -> str | None:
    """Why no store takes this document or part of one; None where all is well.

    >>> why_unstorable({"a": [1, 2**63]})
    'an integer beyond 64 bits'
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else "a text with half a surrogate pair"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a number that is not finite"
    if isinstance(value, int):
        return None if -LARGEST_INTEGER <= value < LARGEST_INTEGER else "an integer beyond 64 bits"
    if level >= DEEPEST and isinstance(value, (dict, list, tuple)):
        return f"more than {DEEPEST} levels"
    if isinstance(value, dict):
        if not all(isinstance(key, str) and "\0" not in key and _is_unicode(key) for key in value):
            return "a key that is no text, or has a NUL in it"
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return None  # a moment, or another type of the store's own
    return next((reason for part in value if (reason := why_unstorable(part, level + 1))), None)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

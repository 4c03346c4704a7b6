"""Figures as people read them: sizes in words, and the round values of an axis."""

from __future__ import annotations

import math

_TINY = 1e-300


def size(count: float) -> str:
    """`812 B`, `3.4 kB`, `1.2 GB`"""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def round_values(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`, about `most` of them."""
    raw = max((high - low) / most, _TINY)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    steps = (magnitude * each for each in (1, 2, 2.5, 5))
    step = next((each for each in steps if each >= raw), 10 * magnitude)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]

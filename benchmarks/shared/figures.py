"""The figures of several rounds, by name, as one figure each."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def rounded(figures: Mapping[str, float], digits: int) -> dict[str, float]:
    return {key: round(value, digits) for key, value in figures.items()}

"""Metrics as people read them: what they are called, what they reach, and what they should."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MINUS = "\N{MINUS SIGN}"

TITLES = {"r2": "R²"}
"""How scores are called where that isn't their name."""


class Bounds(TypedDict, total=False):
    """What a metric has to reach; as in harness.toml."""

    min: float
    max: float
    published: float


def title(metric: str) -> str:
    """A metric as it is called in a table: `test R²`."""
    for score, called in TITLES.items():
        if metric == score:
            return called
        if metric.endswith(f"_{score}"):
            return f"{metric.removesuffix(f'_{score}')} {called}"
    return metric


def figure(value: float | None, digits: int = 5) -> str:
    """A measured figure, as people read it."""
    if value is None or not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}g}".replace("-", MINUS)
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 1
    return f"{value:.{max(0, digits + 1 - whole)}f}".replace("-", MINUS)


def missed(bounds: Bounds, reached: float | None) -> str:
    """Why a threshold isn't held, if it isn't."""
    if reached is None:
        return "not measured"
    if "min" in bounds and reached < bounds["min"]:
        return "below the threshold"
    return "above the threshold" if "max" in bounds and reached > bounds["max"] else ""


def bounds_text(bounds: Bounds) -> str:
    """What a metric has to reach, in words; empty if nothing."""
    lower = f"{bounds['min']:.5g}".replace("-", MINUS) if "min" in bounds else ""
    upper = f"{bounds['max']:.5g}".replace("-", MINUS) if "max" in bounds else ""
    if lower and upper:
        return f"{lower} to {upper}"
    return f"at least {lower}" if lower else f"at most {upper}" if upper else ""


def values(
    name: str, document: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]
) -> list[float]:
    """A metric over the runs, the last one this; NaN where one hasn't measured it."""
    return [_number(each["metrics"].get(name)) for each in (*earlier, document)]


def _number(value: Any) -> float:
    ok = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if ok else math.nan


def change(found: Sequence[float]) -> str:
    """From the run before to this one."""
    now, before = found[-1], found[-2] if len(found) > 1 else math.nan
    if not (math.isfinite(now) and math.isfinite(before)):
        return ""
    by = now - before
    if abs(by) <= 1e-12 * max(abs(now), abs(before)):
        return "unchanged"
    return f"{'+' if by > 0 else MINUS}{figure(abs(by), 3)}"

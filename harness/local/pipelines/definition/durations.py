"""Durations as a `CacheConfig` says them: ISO 8601, `P30D`, `P4DT12H`; SDKs' `T12H`, too."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)
_DAYS = {"years": 365, "months": 30, "weeks": 7, "days": 1}
_LONGEST = timedelta(days=36_500)


def parse(text: str) -> timedelta:
    """Raises `ValueError` if it is none. A month has 30 days, a year 365."""
    found = _DURATION.fullmatch(text)
    given = {name: value for name, value in (found.groupdict() if found else {}).items() if value}
    if not given:
        raise ValueError(f"{text!r} is no ISO 8601 duration such as P30D or PT12H")
    days = sum(_DAYS[name] * int(value) for name, value in given.items() if name in _DAYS)
    rest = {name: float(value) for name, value in given.items() if name not in _DAYS}
    try:
        return min(timedelta(days=days, **rest), _LONGEST)
    except OverflowError:
        return _LONGEST

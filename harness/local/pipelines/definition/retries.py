"""`RetryPolicies`: which failures of a step are tried again, how often, and after which pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.local.pipelines.definition.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"

OF_STEPS = (SERVICE_FAULT, THROTTLING)
OF_JOBS = (RESOURCE_LIMIT, CAPACITY_ERROR, JOB_INTERNAL_ERROR)
"""("Retry Policy for Pipeline Steps" in AWS's guide.)"""

MAX_ATTEMPTS, MAX_MINUTES = 20, 14_400

LONGEST_PAUSE = 3600.0
"""Seconds."""


class Policy(NamedTuple):
    types: frozenset[str]
    interval: float
    """Seconds before the first retry; each later one waits `rate` times as long."""
    rate: float
    attempts: int | None
    """Retries at most."""
    minutes: int | None
    """Since the first attempt, after which there are none."""

    def pause(self, retry: int, elapsed: float) -> float | None:
        """Seconds to wait before retry number `retry` (from 0); None if there is none.

        `elapsed` are the seconds since the first attempt began.
        """
        if self.attempts is not None and retry >= self.attempts:
            return None
        pause = min(self.interval * self.rate ** min(retry, 64), LONGEST_PAUSE)
        if self.minutes is not None and elapsed + pause > self.minutes * 60:
            return None
        return pause


DEFAULT = Policy(frozenset(OF_STEPS), 1.0, 2.0, 3, None)
"""Of every step: AWS retries these two by itself, and doesn't tell how often."""


def policies(given: Sequence[Mapping[str, Any]] | None) -> list[Policy]:
    """Those of a step, and the default one behind them."""
    own = [
        Policy(
            frozenset(each["ExceptionType"]),
            float(each.get("IntervalSeconds", 1)),
            float(each.get("BackoffRate", 2.0)),
            each.get("MaxAttempts"),
            each.get("ExpireAfterMin"),
        )
        for each in given or []
    ]
    return [*own, DEFAULT]


def check(given: Any, step: str, *, is_job: bool) -> None:
    """Raises AWS's refusal."""
    where = f"Step '{step}': RetryPolicies"
    if not isinstance(given, list):
        raise refusal(f"{where}: Expecting start of Json Array")
    known = (*OF_STEPS, *OF_JOBS) if is_job else OF_STEPS
    seen: set[str] = set()
    for each in given:
        types = each.get("ExceptionType") if isinstance(each, dict) else None
        if not isinstance(types, list) or not types:
            raise refusal(f"{where}: each must have ExceptionType, a list")
        for type_ in types:
            if type_ not in known:
                raise refusal(
                    f"{where}: ExceptionType '{type_}' failed to satisfy enum value set: "
                    f"[{', '.join(known)}]"
                )
            if type_ in seen:
                raise refusal(f"{where}: ExceptionType '{type_}' is in more than one policy")
            seen.add(type_)
        _check_numbers(each, where)


def _check_numbers(given: Mapping[str, Any], where: str) -> None:
    if ("MaxAttempts" in given) == ("ExpireAfterMin" in given):
        raise refusal(f"{where}: give either MaxAttempts or ExpireAfterMin")
    for name, least, most, types in (
        ("MaxAttempts", 1, MAX_ATTEMPTS, int),
        ("ExpireAfterMin", 1, MAX_MINUTES, int),
        ("IntervalSeconds", 0, LONGEST_PAUSE, int | float),
        ("BackoffRate", 0, 100, int | float),
    ):
        value = given.get(name, least)
        if isinstance(value, bool) or not isinstance(value, types) or not least <= value <= most:
            raise refusal(f"{where}: {name} must be a number from {least} to {most:.0f}")

"""Faults on demand: the rules of one local AWS, and what becomes of a call or a job by them.

Rules are looked at in the order in which they were added; the first that holds takes the call.
"""

from __future__ import annotations

import fnmatch
import itertools
import logging
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.local.faults import answers, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.config.faults import Fault
    from harness.local.protocol.messages import Request, Response

_log = logging.getLogger(__name__)

MOST = 1000
"""Rules that there may be at once."""

MARK = "injected"
"""What failure reasons and messages are marked with that a rule is to blame for."""


@dataclass
class Rule:
    """A fault, and how often it has happened."""

    id: str
    fault: Fault
    happened: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.fault.seed)  # noqa: S311  # no secret

    def takes(self) -> bool:
        """Whether it happens to what it could happen to now; counts it."""
        fault = self.fault
        if fault.count and self.happened >= fault.count:
            return False
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        self.happened += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "happened": self.happened,
            **self.fault.model_dump(exclude_defaults=True),
        }

    def __str__(self) -> str:
        """What it does, and to whom: `SpotInterruption to *`."""
        fault = self.fault
        parts = [fault.event or fault.error or (str(fault.status) if fault.status else "")]
        parts += [f"{fault.latency:g} s of latency"] if fault.latency else []
        parts += ["a reset"] if fault.reset else []
        who = fault.operation if fault.service == "*" else f"{fault.service}:{fault.operation}"
        who += f" {fault.resource}" if fault.resource != "*" else ""
        return f"{', '.join(filter(None, parts))} to {who}"


@dataclass(frozen=True)
class Verdict:
    """What a call gets: first it waits, then it is reset, or gets a response, or goes on."""

    latency: float
    reset: bool
    response: Response | None


class TooManyError(Exception):
    """There are `MOST` rules."""


class Faults:
    """The rules of one local AWS. Any thread may use it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: tuple[Rule, ...] = ()
        for fault in faults:
            self.add(fault)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that hold, the oldest first."""
        return self._rules

    @property
    def concerns_calls(self) -> bool:
        """Whether any call could be concerned: else none need be looked at."""
        return bool(self._rules) and any(not rule.fault.event for rule in self._rules)

    def add(self, fault: Fault) -> Rule:
        """Let it happen from now on. Raises `TooManyError`."""
        with self._lock:
            if len(self._rules) >= MOST:
                raise TooManyError
            rule = Rule(f"fault-{next(self._numbers)}", fault)
            self._rules = (*self._rules, rule)
        _log.info("fault added: %s (%s)", rule, rule.id)
        return rule

    def remove(self, rule_id: str) -> Rule | None:
        """Let it happen no longer; None if there is no such rule."""
        with self._lock:
            found = next((rule for rule in self._rules if rule.id == rule_id), None)
            self._rules = tuple(rule for rule in self._rules if rule is not found)
        return found

    def clear(self) -> None:
        with self._lock:
            self._rules = ()

    def verdict(self, request: Request, body: Callable[[], bytes]) -> Verdict | None:
        """What becomes of a call by the rules; None: nothing.

        `body` reads it whole; it is called only if the call's name or its resource stands in it.
        Doesn't wait: that is for the caller to do.
        """
        if not self.concerns_calls or calls.is_ours(request):
            return None
        call = calls.named(request, body)
        rule = self._first(
            lambda fault: (
                not fault.event
                and fnmatch.fnmatchcase(call.service, fault.service)
                and fnmatch.fnmatchcase(call.operation, fault.operation)
                and any(fnmatch.fnmatchcase(each, fault.resource) for each in ("", *call.resources))
            )
        )
        if rule is None:
            return None
        fault = rule.fault
        _log.warning("%s: %s gets %s (%s)", MARK, call, rule, rule.id)
        failed = fault.error or fault.status
        response = answers.error(request, call, fault, rule.id, MARK) if failed else None
        return Verdict(0.0 if fault.event else fault.latency, fault.reset, response)

    def event(self, name: str, operation: str, resource: str) -> Fault | None:
        """The fault by which this event happens to what `operation` has created under this name."""
        rule = self._first(
            lambda fault: (
                fault.event == name
                and fnmatch.fnmatchcase("sagemaker", fault.service)
                and fnmatch.fnmatchcase(operation, fault.operation)
                and fnmatch.fnmatchcase(resource, fault.resource)
            )
        )
        if rule is None:
            return None
        _log.warning("%s: %s gets %s (%s)", MARK, resource, rule, rule.id)
        return rule.fault

    def _first(self, concerns: Callable[[Fault], bool]) -> Rule | None:
        for rule in self._rules:
            if concerns(rule.fault):
                with self._lock:
                    if rule.takes():
                        return rule
        return None

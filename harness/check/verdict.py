"""What becomes of a check: pass, fail, warn or not tried; what was seen, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "fail", "warn", "not tried"]


@dataclass(frozen=True)
class Verdict:
    """What became of a check.

    `seen` is what the container did; of a check that was not tried, why. `remedy` is what to
    change, or how to have it tried.
    """

    outcome: Outcome
    seen: str
    remedy: str = ""


def passed(seen: str) -> Verdict:
    return Verdict("pass", seen)


def failed(seen: str, remedy: str) -> Verdict:
    return Verdict("fail", seen, remedy)


def warned(seen: str, remedy: str) -> Verdict:
    return Verdict("warn", seen, remedy)


class NotTriedError(Exception):
    """Something that a check needs isn't there; `remedy` says how to have it tried."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.verdict = Verdict("not tried", why, remedy)


class UnstartableError(NotTriedError):
    """The engine can't start it, though a program is there: no such user, no such loader."""

"""Patterns that requests bring: matched by moto in a time that they can't make long.

moto makes regular expressions of them, which can take hours and hold Python's lock meanwhile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.aws_model.wildcards import Wildcard, matches
from harness.limits import expressions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import regex

MAX_TIME = 1.0
"""Seconds that one expression may look for its match."""

_STAR = {"*": Wildcard.ANY}
_EC2 = {"*": Wildcard.ANY, "?": Wildcard.AT_MOST_ONE}


def prepare(service: str) -> None:
    """Let moto's service match the patterns it takes within bounds. May be called again."""
    from moto.iam import access_control

    # S3 asks it about bucket policies, and each service about its callers.
    statement: Any = access_control.IAMPolicyStatement
    statement._match = staticmethod(_match_policy)
    if service == "s3":
        from moto.s3 import responses

        s3: Any = responses
        s3.cors_matches_origin = _match_origin
    if service in ("events", "cloudformation"):
        from moto.events import models as events

        pattern: Any = events.EventPattern
        pattern._wildcard_match = staticmethod(_match_event)
        _escape_prefix(events.EventsBackend)
    if service in ("ec2", "cloudformation"):
        from moto.ec2.models import security_groups

        ec2: Any = security_groups
        ec2.aws_api_matches = _match_filter  # where it is called from
    if service == "ecr":
        from moto.ecr import models as ecr

        backend: Any = ecr.ECRBackend
        backend._match_repository_filter = _match_repository
        _bound(ecr)
    if service == "glue":
        from moto.glue import models as glue

        _bound(glue)
    if service == "iot":
        from moto.iot import models as iot

        _bound(iot)


def _match_policy(pattern: str, value: str) -> bool | None:
    return matches(pattern, value) or None


def _match_origin(origin: str | None, allowed: Iterable[str]) -> bool:
    return any(matches(each, origin or "", _STAR) for each in allowed)


def _match_event(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and matches(pattern, value, _STAR, escapable=True)


def _match_filter(pattern: str, value: Any) -> bool:
    return matches(str(pattern), str(value), _EC2, escapable=True)


def _match_repository(_: Any, pattern: str, name: str) -> bool:
    return pattern in name or matches(f"{pattern}*", name, _STAR)


def _escape_prefix(class_: Any) -> None:
    """The prefix of rules' names becomes a part of an expression."""
    method = class_.list_rules
    if hasattr(method, "harness_escapes"):
        return

    def list_rules(self: Any, prefix: str | None = None, **named: Any) -> Any:
        return method(self, prefix=None if prefix is None else re.escape(prefix), **named)

    list_rules.harness_escapes = True  # type: ignore[attr-defined]
    class_.list_rules = list_rules


def _bound(module: Any) -> None:
    """Where a request's pattern is a regular expression, or becomes one with text around it."""
    if not isinstance(module.re, _Bounded):
        module.re = _Bounded()


class _Bounded:
    """Stands in for `re` in a module of moto's; what takes no request's pattern is that of `re`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)

    def compile(self, pattern: str) -> _Expression:
        return _Expression(pattern)

    def match(self, pattern: str, text: str) -> Any:
        return _Expression(pattern).match(text)

    def search(self, pattern: str, text: str) -> Any:
        return _Expression(pattern).search(text)


class _Expression:
    def __init__(self, pattern: str) -> None:
        try:
            self._compiled = expressions.compile(pattern)
        except ValueError as error:
            raise _refusal(f"{pattern!r} is no regular expression: {error}.") from error

    def match(self, text: str) -> Any:
        return self._look(self._compiled.match, text)

    def search(self, text: str) -> Any:
        return self._look(self._compiled.search, text)

    def _look(self, how: Any, text: str) -> regex.Match[str] | None:
        try:
            found: regex.Match[str] | None = how(text, timeout=MAX_TIME, concurrent=True)
        except TimeoutError as error:
            raise _refusal(
                f"The expression {self._compiled.pattern!r} took longer than {MAX_TIME:g} s: "
                "use fewer repetitions within repetitions."
            ) from error
        return found


def _refusal(text: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    return JsonRESTError("ValidationException", text)

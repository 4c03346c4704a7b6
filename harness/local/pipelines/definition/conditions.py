"""The conditions of a Condition step: `Equals`, `LessThan`, `In`, `Not`, `Or`, …"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from harness.local.pipelines.definition.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_TYPES = (*_COMPARISONS, "In", "Not", "Or")

_MEMBERS = {
    "In": {"QueryValue", "Values"},
    "Not": {"Condition"},
    "Or": {"Conditions"},
}
_OF_COMPARISONS = {"LeftValue", "RightValue"}

_LISTS = {"In": "Values", "Or": "Conditions"}

MAX_DEPTH = 20
"""Conditions in conditions; more are no one's."""


class ConditionError(Exception):
    """The values can't be compared; the text says why."""


def check(given: Any, step: str, depth: int = 0) -> None:
    """Raises AWS's refusal if it is no condition."""
    if not isinstance(given, dict) or depth > MAX_DEPTH:
        raise refusal(f"Step '{step}': a condition must be an object, and is {str(given)[:100]}")
    type_ = given.get("Type")
    if type_ not in _TYPES:
        raise refusal(
            f"Step '{step}': Condition Type '{type_}' failed to satisfy enum value set: "
            f"[{', '.join(_TYPES)}]"
        )
    members = _MEMBERS.get(type_, _OF_COMPARISONS)
    if missing := sorted(members - given.keys()):
        raise refusal(f"Step '{step}': condition {type_} lacks {', '.join(missing)}")
    listed = _LISTS.get(type_)
    if listed and not isinstance(given[listed], list):
        raise refusal(f"Step '{step}': condition {type_}: {listed} must be a list")
    for each in [given["Condition"]] if type_ == "Not" else given.get("Conditions", []):
        check(each, step, depth + 1)


def holds(given: Mapping[str, Any]) -> bool:
    """Whether a condition does, whose references have been resolved. Raises `ConditionError`."""
    type_ = given["Type"]
    if type_ == "Not":
        return not holds(given["Condition"])
    if type_ == "Or":
        return any(holds(each) for each in given["Conditions"])
    if type_ == "In":
        return any(_equal(given["QueryValue"], each) for each in given["Values"])
    left, right = given["LeftValue"], given["RightValue"]
    if type_ == "Equals":
        return _equal(left, right)
    if _kind(left) != _kind(right) or _kind(left) not in ("number", "text"):
        raise ConditionError(f"{type_} can't compare {_shown(left)} with {_shown(right)}")
    return _COMPARISONS[type_](left, right)


def _equal(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and bool(left == right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _shown(value: Any) -> str:
    return f"{value!r} ({_kind(value)})"

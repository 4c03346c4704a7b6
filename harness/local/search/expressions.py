"""A `SearchExpression`, checked as a whole before any resource is looked at.

What operators and numbers of filters there may be is what AWS's API reference says of `Search`,
`SearchExpression` and `Filter`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError
from harness.local.search import properties
from harness.local.search.properties import ANY, BOOLEAN, NUMBER, TEXT, TIME, WHOLE, Property

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.local.search.kinds import Kind, Record

    Test = Callable[[Record], bool]

MOST = 50
"""Filters, nested filters and subexpressions of an expression, at all depths together."""

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}

_OFTEN = {
    "Experiment": ("displayname", "experimentname", "tags"),
    "ExperimentTrial": ("displayname", "trialname", "tags"),
    "ExperimentTrialComponent": (
        "displayname", "trialcomponentname", "tags", "inputartifacts", "outputartifacts",
    ),
}  # fmt: skip
"""Properties of which an expression may have more than one `Contains`."""


@dataclass
class _Counts:
    """What there is so far in the whole of an expression."""

    elements: int = 0
    contains: int = field(default=0)

    def add(self, number: int) -> None:
        self.elements += number
        if self.elements > MOST:
            raise AwsError(
                "ValidationException",
                "SearchExpression: the number of Filters, NestedFilters and SubExpressions exceeds "
                f"the limit of {MOST}.",
            )


def filter_of(kind: Kind, expression: Mapping[str, Any]) -> Test:
    """What tells whether a record of the kind is searched for. Raises `ValidationException`."""
    return _expression(kind, expression, _Counts())


def _expression(kind: Kind, expression: Mapping[str, Any], counts: _Counts) -> Test:
    filters = expression.get("Filters") or []
    nested = expression.get("NestedFilters") or []
    below = expression.get("SubExpressions") or []
    if not filters and not nested and not below:
        raise AwsError(
            "ValidationException",
            "SearchExpression must have at least one of Filters, NestedFilters and SubExpressions.",
        )
    counts.add(len(filters) + len(nested) + len(below))
    tests = [
        *(_filter(kind, each, counts) for each in filters),
        *(_nested(kind, each, counts) for each in nested),
        *(_expression(kind, each, counts) for each in below),
    ]
    join = any if expression.get("Operator") == "Or" else all
    return lambda record: join(test(record) for test in tests)


def _filter(kind: Kind, condition: Mapping[str, Any], counts: _Counts) -> Test:
    found = properties.find(kind, condition["Name"])
    fits = _condition(kind, found, condition, counts)
    return lambda record: fits(found.values(record))


def _nested(kind: Kind, nested: Mapping[str, Any], counts: _Counts) -> Test:
    """Whether one item of a list is as all conditions say."""
    name = nested["NestedPropertyName"]
    items = properties.find(kind, name)
    if not items.is_list:
        raise AwsError("ValidationException", f"NestedFilters: {name} is not a list of structures.")
    counts.add(len(nested["Filters"]))
    tests: list[Test] = []
    for condition in nested["Filters"]:
        if not condition["Name"].lower().startswith(f"{name.lower()}."):
            raise AwsError(
                "ValidationException",
                f"NestedFilters: {condition['Name']} is not a property of {name}.",
            )
        whole = properties.find(kind, condition["Name"])
        inner = Property(whole.name, whole.parts[len(items.parts) :], whole.type)
        fits = _condition(kind, whole, condition, counts)
        tests.append(lambda item, inner=inner, fits=fits: fits(_values(item, inner)))  # type: ignore[misc]
    return lambda record: any(all(test(item) for test in tests) for item in items.items(record))


def _values(item: Record, inner: Property) -> list[Any]:
    return inner.values(item)


def _condition(
    kind: Kind, found: Property, condition: Mapping[str, Any], counts: _Counts
) -> Callable[[Sequence[Any]], bool]:
    """What tells whether a property's values are as a filter says."""
    how, wanted = condition.get("Operator") or "Equals", condition.get("Value")
    if how in ("Exists", "NotExists"):
        return lambda values: bool(values) == (how == "Exists")
    if wanted is None:
        raise _refused(found, f"needs a Value for the operator {how}")
    if how in _ORDER:
        return _ordered(found, how, wanted)
    if how in ("Contains", "In"):
        if found.type not in (TEXT, ANY) and not (how == "Contains" and found.type == WHOLE):
            raise _refused(found, f"is not a text, which the operator {how} is only for")
        if how == "In":
            choices = [each.strip() for each in wanted.split(",")]
            return lambda values: any(str(each) in choices for each in values)
        if found.parts[0].lower() not in _OFTEN.get(kind.resource, ()):
            counts.contains += 1
            if counts.contains > 1:
                text = "'CONTAINS' operator usage limit of 1 exceeded."
                raise AwsError("ValidationException", text)
        return lambda values: any(wanted in _text(each) for each in values)
    same = _same(found, wanted)
    if how == "NotEquals":
        return lambda values: not any(same(each) for each in values)
    return lambda values: any(same(each) for each in values)


def _ordered(found: Property, how: str, wanted: str) -> Callable[[Sequence[Any]], bool]:
    if found.type in (TEXT, BOOLEAN, WHOLE):
        raise _refused(found, f"and {wanted!r} are no numbers, and no times")
    compare = _ORDER[how]
    if found.type == TIME:
        at = _wanted_time(found, wanted)
        return lambda values: any(compare(properties.time(each), at) for each in values)
    limit = _wanted_number(found, wanted)
    whole = found.is_integral and wanted.strip().lstrip("+-").isdecimal()

    def fits(value: Any) -> bool:
        try:
            size = properties.number(value)
        except ValueError:  # a text among the numbers of others
            return False
        return compare(float(int(size)) if whole else size, limit)

    return lambda values: any(fits(each) for each in values)


def _same(found: Property, wanted: str) -> Callable[[Any], bool]:
    if found.type == TIME:
        at = _wanted_time(found, wanted)
        return lambda value: properties.time(value) == at
    if found.type == NUMBER:
        size = _wanted_number(found, wanted)
        return lambda value: bool(value == size)
    if found.type == BOOLEAN:
        return lambda value: _text(value) == wanted.lower()
    if found.type == WHOLE:
        raise _refused(found, "is a structure; name one of its members")
    return lambda value: _text(value) == wanted or (found.type == ANY and _equal(value, wanted))


def _equal(value: Any, wanted: str) -> bool:
    try:
        return properties.number(value) == properties.number(wanted)
    except ValueError:
        return False


def _wanted_number(found: Property, wanted: str) -> float:
    try:
        return properties.number(wanted)
    except ValueError:
        raise _refused(found, f"is a number, and {wanted!r} is none") from None


def _wanted_time(found: Property, wanted: str) -> Any:
    try:
        return properties.time(wanted)
    except ValueError:
        raise _refused(
            found, f"is a time, and {wanted!r} is none as YYYY-mm-dd'T'HH:MM:SS"
        ) from None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(found: Property, why: str) -> AwsError:
    return AwsError("ValidationException", f"SearchExpression.Filters: {found.name} {why}.")

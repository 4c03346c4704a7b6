"""`Search` over what moto's SageMaker keeps: its filters, as AWS's API reference tells them.

(moto has `Equals`, `NotEquals` and `Contains`, and takes the other operators for the first.)
"""

from __future__ import annotations

import functools
import operator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


@functools.cache
def prepare() -> None:
    """Let moto's SageMaker filter what it finds as AWS does."""
    from moto.core.utils import camelcase_to_underscores
    from moto.sagemaker.models import SageMakerModelBackend

    class_: Any = SageMakerModelBackend
    original = class_.search

    @functools.wraps(original)
    def search(self: Any, resource: Any = None, search_expression: Any = None) -> Any:
        answer = original(self, resource=resource)
        kept = getattr(self, f"{camelcase_to_underscores(resource)}s", {}).values()
        properties = _properties(resource)
        answer["Results"] = [
            each
            for each, item in zip(answer["Results"], kept, strict=True)
            if _fits(search_expression or {}, properties, {**vars(item), **each[resource]})
        ]
        return answer

    class_.search = search


@functools.cache
def _properties(name: str) -> frozenset[str]:
    model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")
    shape: Any = model.shape_for("SearchRecord")
    return frozenset(shape.members[name].members)


def _fits(expression: Mapping[str, Any], properties: frozenset[str], item: dict[str, Any]) -> bool:
    if expression.get("NestedFilters"):
        raise _refusal("SearchExpression.NestedFilters: not looked at by the local AWS.")
    found = [_matches(each, properties, item) for each in expression.get("Filters") or ()]
    found += [_fits(each, properties, item) for each in expression.get("SubExpressions") or ()]
    if not found:
        return True
    return any(found) if expression.get("Operator") == "Or" else all(found)


def _matches(
    condition: Mapping[str, Any], properties: frozenset[str], item: dict[str, Any]
) -> bool:
    name, how = condition["Name"], condition.get("Operator") or "Equals"
    if name.partition(".")[0] not in properties:
        raise _refusal(f"Unknown property name: {name}")
    has = _value(name, item)
    if how in ("Exists", "NotExists"):
        return (has is not None) == (how == "Exists")
    wanted = condition.get("Value")
    if wanted is None:
        raise _refusal(f"SearchExpression.Filters: {name} needs a Value for the operator {how}.")
    if has is None:
        return how == "NotEquals"
    if how in _ORDER:
        return _ORDER[how](*_comparable(name, has, wanted))
    if how == "Contains":
        return wanted in (has if isinstance(has, str | list) else str(has))
    if how == "In":
        return str(has) in [each.strip() for each in wanted.split(",")]
    same = str(has) == wanted or (not isinstance(has, str) and _equal(has, wanted))
    return same == (how == "Equals")


def _value(name: str, item: dict[str, Any]) -> Any:
    """What an item has by a name as `ExperimentName`, `Tags.team` or `Parameters.alpha`."""
    first, _, rest = name.partition(".")
    if first == "Tags" and rest:
        tags = item.get("tags") or ()
        return next((each["Value"] for each in tags if each["Key"] == rest), None)
    found = item.get(first, item.get("arn") if first.endswith("Arn") else None)
    while rest and isinstance(found, dict):
        if rest in found:
            return found[rest]
        first, _, rest = rest.partition(".")
        found = found.get(first)
    return None if rest else found


def _comparable(name: str, has: Any, wanted: str) -> tuple[Any, Any]:
    """Two numbers, or two times; AWS puts no texts in an order."""
    for kind in (_number, _time):
        try:
            return kind(has), kind(wanted)
        except (ValueError, TypeError):
            continue
    raise _refusal(f"SearchExpression.Filters: {name} and {wanted!r} are no numbers, and no times.")


def _equal(has: Any, wanted: str) -> bool:
    for kind in (_number, _time):
        try:
            return bool(kind(has) == kind(wanted))
        except (ValueError, TypeError):
            continue
    return False


def _number(value: Any) -> float:
    return float(value)


def _time(value: Any) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _refusal(text: str) -> Exception:
    from moto.sagemaker.exceptions import ValidationError

    return ValidationError(message=text)

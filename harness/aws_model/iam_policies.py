"""IAM policies, evaluated: does a set of them allow an action on a resource?

The rules are those of "Policy evaluation logic" in IAM's user guide: an explicit deny wins, else
any allow, else it is denied implicitly. Policy variables (`${aws:username}`) are not replaced.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.aws_model.wildcards import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Policy:
    """A policy document, and how the answer calls it."""

    name: str
    document: str
    kind: str = "IAM Policy"

    @functools.cached_property
    def statements(self) -> list[dict[str, Any]]:
        """Raises ValueError if the document is no policy."""
        statements = json.loads(self.document)["Statement"]
        return [statements] if isinstance(statements, dict) else list(statements)


@dataclass(frozen=True)
class Decision:
    """`text` is IAM's: allowed, explicitDeny or implicitDeny; `matched` are what led to it."""

    text: str
    matched: list[Policy]
    missing: list[str]
    """Context keys that conditions asked for and nobody gave."""


def decide(
    policies: Iterable[Policy],
    action: str,
    resource: str,
    context: Mapping[str, Sequence[str]],
) -> Decision:
    """What the policies say. Names of actions and of context keys have no case."""
    given = {key.lower(): list(values) for key, values in context.items()}
    missing: set[str] = set()
    matched: dict[str, list[Policy]] = {"Allow": [], "Deny": []}
    for policy in policies:
        for statement in policy.statements:
            if _concerns(statement, action, resource) and _holds(statement, given, missing):
                found = matched[statement["Effect"]]
                if policy not in found:
                    found.append(policy)
    keys = sorted(missing)
    if matched["Deny"]:
        return Decision("explicitDeny", matched["Deny"], keys)
    return Decision("allowed" if matched["Allow"] else "implicitDeny", matched["Allow"], keys)


def _concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return _names(statement, "Action", action.lower(), str.lower) and _names(
        statement, "Resource", resource, str
    )


def _names(
    statement: Mapping[str, Any], element: str, value: str, fold: Callable[[str], str]
) -> bool:
    """Whether the statement's Action, or Resource, or the opposite of either, takes in `value`."""
    if (excluded := statement.get(f"Not{element}")) is not None:
        return not any(matches(fold(pattern), value) for pattern in _listed(excluded))
    return any(matches(fold(pattern), value) for pattern in _listed(statement.get(element, [])))


def _holds(
    statement: Mapping[str, Any], given: Mapping[str, Sequence[str]], missing: set[str]
) -> bool:
    """Whether all conditions hold. An operator that isn't known never does."""
    held = [  # each is looked at, so that all keys that are missing are found
        _compare(operator, key, _listed(expected), given, missing)
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    ]
    return all(held)


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": lambda expected, actual: matches(expected, actual),
    "ArnEquals": lambda expected, actual: matches(expected, actual),
    "ArnLike": lambda expected, actual: matches(expected, actual),
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _compare(
    operator: str,
    key: str,
    expected: list[str],
    given: Mapping[str, Sequence[str]],
    missing: set[str],
) -> bool:
    quantifier, _, operator = operator.rpartition(":")
    actual = given.get(key.lower())
    if operator == "Null":
        return (actual is None) == (expected[0].lower() == "true")
    base = operator.removesuffix("IfExists")
    negated = base in _NEGATIONS
    compare = _COMPARE.get(_NEGATIONS.get(base, base))
    if actual is None:
        if operator != base:
            return True
        missing.add(key)
        return compare is not None and (negated or quantifier == "ForAllValues")
    if compare is None:
        return False
    fits = [any(compare(text, value) for text in expected) != negated for value in actual]
    return any(fits) if quantifier == "ForAnyValue" else all(fits)


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    # JSON's true is what a policy means by "true".
    return [json.dumps(each) if isinstance(each, bool) else str(each) for each in values]

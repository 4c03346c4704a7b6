"""What somebody may do, asked of IAM's policy simulator: refusals, each with what lifts it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.account.calls import start
from harness.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_iam import IAMClient
    from types_boto3_iam.type_defs import EvaluationResultTypeDef

    from harness.account.policy_documents import Ask

_APART = 2  # refusals that are told one by one, each with its statement
_BOOLEANS = {"aws:SecureTransport"}


def refusals(
    iam: IAMClient,
    arn: str,
    asks: Iterable[Ask],
    *,
    name: str,
    allow: str,
    context: Mapping[str, str],
) -> list[Check]:
    """A check for each statement whose actions the user or role of `arn` may not all do.

    All are asked for at the same time. `context` is of the calls, beside each statement's own, and
    `allow` the command that allows all of it.

    Raises:
        ClientError: IAM doesn't say.
    """
    asked = [(ask, start(partial(_simulate, iam, arn, ask, context))) for ask in asks]
    checks, missing = [], []
    for ask, future in asked:
        results = future.result()
        if not results:
            continue
        actions = [result["EvalActionName"] for result in results]
        what = f"{', '.join(actions)} on {ask.where}"
        if keys := {key for result in results for key in _missing_keys(result)}:
            why = f"{what} depends on {', '.join(sorted(keys))}, which only a call has"
            checks.append(Check.unclear(name, f"what {arn} may do: {why}"))
        elif forbidden := _why_forbidden(results[0]):
            reason, remedy = forbidden
            checks.append(Check(name, False, f"{arn} may not {what}: {reason}", remedy))
        else:
            missing.append((what, ask.limited_to(actions)))
    if len(missing) > _APART:
        everything = "; ".join(what for what, _ in missing)
        return [*checks, Check(name, False, f"{arn} may not {everything}", allow)]
    return checks + [
        Check(
            name,
            False,
            f"{arn} may not {what}",
            f"add {json.dumps(statement)} to its policies, or all that a run needs: {allow}",
        )
        for what, statement in missing
    ]


def _simulate(
    iam: IAMClient, arn: str, ask: Ask, context: Mapping[str, str]
) -> list[EvaluationResultTypeDef]:
    """The results of the actions that aren't allowed."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=ask.actions,
        ResourceArns=[ask.resource],
        ContextEntries=[
            {
                "ContextKeyName": key,
                "ContextKeyValues": [value],
                "ContextKeyType": "boolean" if key in _BOOLEANS else "string",
            }
            for key, value in {**context, **ask.context}.items()
        ],
    )
    results = answer["EvaluationResults"]
    return [result for result in results if result["EvalDecision"] != "allowed"]


def _missing_keys(result: Mapping[str, Any]) -> list[str]:
    """The keys that conditions asked for in vain; IAM tells them by resource, if one was named."""
    parts = [result, *result.get("ResourceSpecificResults", [])]
    return [key for part in parts for key in part.get("MissingContextValues", [])]


def _why_forbidden(result: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why another Allow wouldn't help, and what would."""
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return (
            "a policy of the account's organization forbids it",
            "ask whoever administers the organization to allow it",
        )
    parts = [result, *result.get("ResourceSpecificResults", [])]
    boundaries = [part.get("PermissionsBoundaryDecisionDetail", {}) for part in parts]
    if not all(each.get("AllowedByPermissionsBoundary", True) for each in boundaries):
        return "its permissions boundary leaves it out", "allow it in the boundary, too"
    if result["EvalDecision"] == "explicitDeny":
        by = sorted({each["SourcePolicyId"] for each in result.get("MatchedStatements", [])})
        return (
            f"a Deny forbids it, in {', '.join(by) or 'one of its policies'}",
            "take it out of that Deny; an Allow has no say against it",
        )
    return None

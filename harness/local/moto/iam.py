"""What moto's IAM and STS lack: policy simulation, AWS's own policies, and an identity.

Calls signed with a dummy key come from the role `harness`, as those of a SageMaker notebook come
from its execution role. The role trusts SageMaker and may do everything.
Roles that exist nowhere but in somebody's code are made like it when they are first simulated:
SDK v3 simulates a role before each job, and refuses one that isn't there.
"""

from __future__ import annotations

import json
import logging
import re
import types
from typing import TYPE_CHECKING, Any

from harness.aws_model.iam_policies import Policy, decide
from harness.aws_model.regions import partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_log = logging.getLogger(__name__)

ROLE = "harness"
"""The role that calls with a dummy key come from."""

_DUMMY_KEY = "AKIAEXAMPLE"
"""What moto takes every key for that hasn't the form of AWS's own."""

_TRUSTED = ("sagemaker.amazonaws.com", "bedrock.amazonaws.com", "lambda.amazonaws.com")
_ADMINISTRATOR = "arn:{partition}:iam::aws:policy/AdministratorAccess"
_PAGE = 100
_FOREVER = 10 * 365 * 24 * 3600

_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::\d{12}:role(?P<path>/(?:[!-~]+/)?)(?P<name>[\w+=,.@-]+)")


def prepare(account_id: str, region: str) -> None:
    """Give moto's IAM and STS of the account what they lack. May be called again."""
    from moto.iam import responses

    class_: Any = responses.IamResponse
    class_.simulate_principal_policy = _simulate_principal_policy
    class_.simulate_custom_policy = _simulate_custom_policy
    _add_managed_policies(account_id, region)
    _add_identity(account_id, region)


def _add_managed_policies(account_id: str, region: str) -> None:
    """Add AWS's own policies, which moto loads at the first request or else never."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    iam = _backend(account_id, region)
    if iam.aws_managed_policies:
        return
    iam.aws_managed_policies = [
        AWSManagedPolicy.from_data(name, account_id, iam.region_name, data)
        for name, data in json.loads(aws_managed_policies_data).items()
    ]
    iam.managed_policies |= {policy.arn: policy for policy in iam.aws_managed_policies}


def _add_identity(account_id: str, region: str) -> None:
    from moto.sts.models import AssumedRole, sts_backends

    iam = _backend(account_id, region)
    if any(role.name == ROLE for role in iam.get_roles()):
        return
    role = _create_role(iam, ROLE, "/")
    key: Any = types.SimpleNamespace(access_key_id=_DUMMY_KEY, secret_access_key=_DUMMY_KEY)
    identity = AssumedRole(account_id, region, key, ROLE, role.arn, "", _FOREVER, "")
    sts_backends[account_id][partition(region)].assumed_roles.append(identity)


def _backend(account_id: str, region: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[account_id][partition(region)]


def _create_role(iam: Any, name: str, path: str) -> Any:
    """A role that SageMaker may take on, and that may do everything."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": list(_TRUSTED)},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    text = "Made by the local AWS"
    role = iam.create_role(name, json.dumps(trust), path, None, text, [], 3600)
    iam.attach_role_policy(_ADMINISTRATOR.format(partition=iam.partition), name)
    return role


# These two become methods of moto's class for IAM's responses, which parses and serialises.


def _simulate_principal_policy(response: Any) -> Any:
    request = response._get_params()
    policies, boundary = _policies_of(response.backend, request["PolicySourceArn"])
    return _simulate(request, policies, boundary)


def _simulate_custom_policy(response: Any) -> Any:
    return _simulate(response._get_params(), [], [])


def _simulate(request: dict[str, Any], policies: list[Policy], boundary: list[Policy]) -> Any:
    from moto.core.responses import ActionResult
    from moto.iam.exceptions import MalformedPolicyDocument

    policies = policies + list(_given(request.get("PolicyInputList"), "PolicyInputList"))
    boundary = boundary + list(
        _given(request.get("PermissionsBoundaryPolicyInputList"), "PermissionsBoundary")
    )
    context = {
        entry["ContextKeyName"]: entry.get("ContextKeyValues", [])
        for entry in request.get("ContextEntries") or []
    }
    asked = [
        (action, resource)
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ["*"]
    ]
    start = int(request.get("Marker") or 0)
    end = start + int(request.get("MaxItems") or _PAGE)
    try:
        results = [_result(policies, boundary, *each, context) for each in asked[start:end]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedPolicyDocument(f"A policy is no policy document: {error}") from error
    answer: dict[str, Any] = {"EvaluationResults": results, "IsTruncated": end < len(asked)}
    if end < len(asked):
        answer["Marker"] = str(end)
    return ActionResult(answer)


def _given(documents: Iterable[str] | None, name: str) -> Iterator[Policy]:
    for number, document in enumerate(documents or [], start=1):
        yield Policy(f"{name}.{number}", document)


def _result(
    policies: list[Policy],
    boundary: list[Policy],
    action: str,
    resource: str,
    context: dict[str, list[str]],
) -> dict[str, Any]:
    decision = decide(policies, action, resource, context)
    result: dict[str, Any] = {"EvalDecision": decision.text}
    if boundary:
        limit = decide(boundary, action, resource, context)
        result["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": limit.text == "allowed"
        }
        if limit.text == "explicitDeny" or decision.text == "allowed":
            result["EvalDecision"] = limit.text
    matched = [
        {"SourcePolicyId": policy.name, "SourcePolicyType": policy.kind}
        for policy in decision.matched
    ]
    result |= {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "MatchedStatements": matched,
        "MissingContextValues": decision.missing,
    }
    if resource != "*":  # then AWS tells the missing keys of the resource, and not here
        result["ResourceSpecificResults"] = [
            {
                "EvalResourceName": resource,
                "EvalResourceDecision": result["EvalDecision"],
                "MatchedStatements": matched,
                "MissingContextValues": result.pop("MissingContextValues"),
            }
        ]
    return result


def _policies_of(iam: Any, arn: str) -> tuple[list[Policy], list[Policy]]:
    """The policies of a role, user or group, and its permissions boundary."""
    owner = _owner(iam, arn)
    found = [Policy(name, text, "IAM Policy") for name, text in owner.policies.items()]
    attached = list(owner.managed_policies.values())
    for group in iam.get_groups_for_user(owner.name) if ":user/" in arn else []:
        found += [Policy(name, text, "IAM Policy") for name, text in group.policies.items()]
        attached += group.managed_policies.values()
    limit = iam.managed_policies.get(getattr(owner, "permissions_boundary_arn", None))
    return found + [_managed(each) for each in attached], [_managed(limit)] if limit else []


def _managed(policy: Any) -> Policy:
    (document,) = (each.document for each in policy.versions if each.is_default)
    return Policy(policy.name, document)


def _owner(iam: Any, arn: str) -> Any:
    """Raises moto's NotFoundException for a user or group that doesn't exist."""
    from moto.iam.exceptions import NotFoundException

    kind, _, name = arn.rpartition(":")[2].partition("/")
    name = name.rpartition("/")[2]
    if kind == "user":
        return iam.get_user(name)
    if kind == "group":
        return iam.get_group(name)
    if not (match := _ROLE_ARN.fullmatch(arn)):
        raise NotFoundException(f"The entity {arn} cannot be found.")
    known = next((role for role in iam.get_roles() if role.name == match["name"]), None)
    if known is not None:
        return known
    _log.info("made IAM role %s, which was asked about and wasn't there: it may do everything", arn)
    return _create_role(iam, match["name"], match["path"])

"""The execution role: it is there, trusts SageMaker, and may do what a job and an endpoint do."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.account import policy_documents
from harness.account.calls import DENIED, code_of, start
from harness.account.policy_documents import Role
from harness.aws_model.iam_policies import Policy, decide
from harness.checks import Check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.account.checks.account import Account


def check(account: Account) -> list[Check]:
    """Look the role up, then ask IAM what it may do."""
    role = Role(account.settings.aws.role_arn)
    looked_up = start(partial(account.iam.get_role, RoleName=role.name))
    if role.account != account.identity.account:
        return [_foreign(role, account.identity.account)]
    checks = []
    try:
        found = looked_up.result()["Role"]
    except account.iam.exceptions.NoSuchEntityException:
        return [_missing(role)]
    except ClientError as error:
        if code_of(error) not in DENIED:
            raise
        why = account.why_unknown(error)
        checks.append(Check.unclear("role", f"whether it trusts SageMaker: {why}"))
    else:
        if found["Arn"] != role.arn:
            return [_misnamed(role, found["Arn"])]
        # botocore has decoded the document, which its model calls a string.
        trust: Any = found["AssumeRolePolicyDocument"]
        if not _is_trusted(account, trust):
            checks.append(_no_trust(role))
    checks += _refusals(account, role)
    if not checks:
        may = "may use the bucket, the image, logs and metrics"
        checks.append(Check("role", True, f"{role.arn} trusts SageMaker and {may}"))
    return checks


def _refusals(account: Account, role: Role) -> list[Check]:
    """What the role may not do of what it has to; nothing is asked where no bucket is set."""
    asks = account.asks(policy_documents.EXECUTION_ROLE) if account.settings.aws.bucket else []
    return account.refusals("role", role.arn, asks, _allow(role))


def _is_trusted(account: Account, trust: Mapping[str, Any]) -> bool:
    """Whether a trust policy lets SageMaker take on the role for a job of this account."""
    statements = trust["Statement"]
    # A trust policy has no resource, which the evaluation of policies wants.
    concerned = [
        {**statement, "Resource": "*"}
        for statement in (statements if isinstance(statements, list) else [statements])
        if _includes_sagemaker(statement.get("Principal"))
    ]
    owner, region = account.identity.account, account.settings.region
    job = f"arn:{account.partition}:sagemaker:{region}:{owner}:training-job/a"
    context = {"aws:SourceAccount": [owner], "aws:SourceArn": [job]}
    policy = Policy("trust", json.dumps({"Statement": concerned}))
    return decide([policy], "sts:AssumeRole", "*", context).text == "allowed"


def _includes_sagemaker(principal: Any) -> bool:
    if principal == "*":
        return True
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return "sagemaker.amazonaws.com" in ([services] if isinstance(services, str) else services)


# What is reported.


def _foreign(role: Role, account: str) -> Check:
    return Check(
        "role",
        False,
        f"{role.arn} is a role of account {role.account}, and the credentials are of {account}",
        "set aws.role_arn to a role of the same account, or aws.profile to credentials of "
        f"{role.account}",
    )


def _missing(role: Role) -> Check:
    return Check(
        "role",
        False,
        f"there is no role {role.name} in account {role.account}",
        f"aws iam create-role --role-name {role.name} --assume-role-policy-document "
        f'"$(harness policy {policy_documents.EXECUTION_ROLE_TRUST})" && {_allow(role)}',
    )


def _misnamed(role: Role, arn: str) -> Check:
    """The name is right; the path, which is part of the ARN, isn't."""
    return Check(
        "role",
        False,
        f"the role {role.name} has another ARN than {role.arn}: {arn}",
        f'set aws.role_arn to "{arn}"',
    )


def _no_trust(role: Role) -> Check:
    return Check(
        "role",
        False,
        f"{role.arn} doesn't let sagemaker.amazonaws.com take it on for account "
        f"{role.account} (sts:AssumeRole)",
        f"aws iam update-assume-role-policy --role-name {role.name} --policy-document "
        f'"$(harness policy {policy_documents.EXECUTION_ROLE_TRUST})"',
    )


def _allow(role: Role) -> str:
    """The command that lets the role do all that it has to."""
    return (
        f"aws iam put-role-policy --role-name {role.name} --policy-name harness "
        f'--policy-document "$(harness policy {policy_documents.EXECUTION_ROLE})"'
    )

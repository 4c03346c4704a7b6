"""The caller: it may make the calls of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.account import policy_documents
from harness.checks import Check

if TYPE_CHECKING:
    from harness.account.checks.account import Account

# Statements about the calls of the preflight, which it makes, and about a repository that may be
# there already, which has a check of its own.
_NOT_OF_A_RUN = ("Preflight", "NewRepository")


def check(account: Account) -> list[Check]:
    """Ask IAM about every statement of the caller's policies."""
    identity = account.identity
    if identity.kind == "root":
        return [Check("caller", True, "the account's root user may do everything")]
    arn = policies_arn(account)
    if arn is None:
        return [Check.unclear("caller", f"what {identity.arn} may do can't be asked for")]
    checks = []
    for policy in _policies(account):
        asks = [
            ask
            for ask in account.asks(policy)
            if not ask.statement["Sid"].startswith(_NOT_OF_A_RUN)
        ]
        checks += account.refusals("caller", arn, asks, _allow(account, policy))
    return checks or [Check("caller", True, f"{arn} may make the calls of a run")]


def policies_arn(account: Account) -> str | None:
    """The ARN of the user or role whose policies are the caller's, if IAM has them."""
    identity = account.identity
    if identity.kind == "user":
        return identity.arn
    if identity.kind == "assumed-role":  # whose ARN leaves out the role's path
        return account.iam.get_role(RoleName=identity.name)["Role"]["Arn"]
    return None


def _policies(account: Account) -> tuple[str, ...]:
    """The policies that a caller with these settings needs."""
    if account.settings.endpoint.max_instance_count > 0:
        return policy_documents.CALLER, policy_documents.AUTOSCALING
    return (policy_documents.CALLER,)


def _allow(account: Account, policy: str) -> str:
    """What lets the caller do all that a policy allows: a command, if there is one."""
    identity, name = account.identity, f"harness-{policy}"
    document = f'"$(harness policy {policy})"'
    if identity.name.startswith("AWSReservedSSO_"):
        return f"add what `harness policy {policy}` prints to the SSO role's permission set"
    if identity.kind == "assumed-role":
        return (
            f"aws iam put-role-policy --role-name {identity.name} --policy-name {name} "
            f"--policy-document {document}"
        )
    arn = f"arn:{account.partition}:iam::{identity.account}:policy/{name}"
    return (
        f"aws iam create-policy --policy-name {name} --policy-document {document} && aws iam "
        f"attach-user-policy --user-name {identity.name} --policy-arn {arn}"
    )

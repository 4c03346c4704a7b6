"""The repository in ECR: it is there, or the first push may create it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from harness.account import policy_documents
from harness.account.checks import caller
from harness.checks import Check

if TYPE_CHECKING:
    from harness.account.checks.account import Account


def check(account: Account) -> list[Check]:
    """Ask ECR for the repository, and IAM about a new one."""
    name = account.settings.aws.repository
    try:
        found = account.ecr.describe_repositories(repositoryNames=[name])["repositories"]
    except account.ecr.exceptions.RepositoryNotFoundException:
        return _to_be_created(account, name)
    return [Check("repository", True, found[0]["repositoryUri"])]


def _to_be_created(account: Account, name: str) -> list[Check]:
    """Whether the push may create it."""
    missing = Check("repository", True, f"{name} isn't there yet; the first push creates it")
    if not account.settings.aws.bucket or account.identity.kind == "root":
        return [missing]
    asks = [
        ask
        for ask in account.asks(policy_documents.CALLER)
        if ask.statement["Sid"] == "NewRepository"
    ]
    create = (
        f"aws ecr create-repository --region {account.settings.region} --repository-name {name} "
        "--image-tag-mutability IMMUTABLE"
    )
    try:
        arn = caller.policies_arn(account)
        refusals = (
            account.refusals("repository", arn, asks, f"have it created: {create}") if arn else []
        )
    except BotoCoreError as error:
        return [Check.unclear("repository", f"whether it may be created: {error}")]
    return refusals or [missing]

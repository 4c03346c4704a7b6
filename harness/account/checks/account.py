"""The account that the checks ask about: the clients to ask with, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.account import permissions, policy_documents
from harness.account.calls import CONFIG, DENIED, code_of, words_of
from harness.aws_model.regions import partition
from harness.checks import Check

if TYPE_CHECKING:
    from concurrent.futures import Future

    import boto3
    from types_boto3_ecr import ECRClient
    from types_boto3_iam import IAMClient
    from types_boto3_s3 import S3Client

    from harness.account.identity import Identity
    from harness.account.policy_documents import Ask
    from harness.config.settings import Settings


@dataclass(frozen=True)
class Account:
    """What every check has: the settings, a client of each service, and the caller's identity.

    The identity may still be on its way when the checks begin; what needs it waits for it.
    """

    settings: Settings
    iam: IAMClient
    s3: S3Client
    ecr: ECRClient
    service_quotas: Any
    asked: Future[Identity]

    @classmethod
    def of(cls, settings: Settings, session: boto3.Session, asked: Future[Identity]) -> Account:
        """The account of a session."""
        # One after the other: a session isn't made for threads, its clients are.
        return cls(
            settings,
            iam=session.client("iam", config=CONFIG),
            s3=session.client("s3", config=CONFIG),
            ecr=session.client("ecr", config=CONFIG),
            service_quotas=session.client("service-quotas", config=CONFIG),
            asked=asked,
        )

    @property
    def identity(self) -> Identity:
        """Who calls; waits for STS."""
        return self.asked.result()

    @property
    def partition(self) -> str:
        """Of the ARNs of its resources."""
        return partition(self.settings.region)

    def asks(self, policy: str) -> list[Ask]:
        """What IAM is to be asked to know whether somebody may do all that a policy allows."""
        document = policy_documents.document(policy, self.settings, self.identity.account)
        return list(policy_documents.asks(document))

    def refusals(self, name: str, arn: str, asks: list[Ask], allow: str) -> list[Check]:
        """What IAM says that `arn` may not do, as checks of that name; `allow` changes that."""
        try:
            return permissions.refusals(
                self.iam, arn, asks, name=name, allow=allow, context=self._context(arn)
            )
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return [Check.unclear(name, f"{arn} has no policies that can be asked for")]
            return [Check.unclear(name, f"what {arn} may do: {self.why_unknown(error)}")]

    def why_unknown(self, error: ClientError) -> str:
        """Why AWS didn't answer a question, in words."""
        if code_of(error) in DENIED:
            return f"{self.identity.arn} may not call {error.operation_name}"
        return words_of(error)

    def _context(self, arn: str) -> dict[str, str]:
        """What every call of a run has, for policies that ask after it."""
        account = self.identity.account
        return {
            "aws:PrincipalAccount": account,
            "aws:PrincipalArn": arn,
            "aws:RequestedRegion": self.settings.region,
            "aws:ResourceAccount": account,
            "aws:SecureTransport": "true",
            "s3:ResourceAccount": account,
        }

"""A look at everything that a run on AWS needs, before its first call: all problems at once.

Each check asks AWS by itself, and all of them at the same time, so that the whole takes about as
long as its longest chain of calls. What AWS doesn't let the caller ask stays unknown, and stops
nothing. Nothing is created or changed.
"""

from __future__ import annotations

import difflib
import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from harness.account import permissions, policy_documents, quota_codes
from harness.account.identity import (
    CONFIG,
    Identity,
    NoIdentity,
    code_of,
    is_known,
    open_session,
    see_network,
    start,
    wait,
    words_of,
)
from harness.aws_model import quotas
from harness.aws_model.iam_policies import Policy, decide
from harness.aws_model.loader import LOADER, partition
from harness.checks import Check
from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    import boto3

    from harness.account.policy_documents import Ask
    from harness.config import Settings

LIMIT = 30
"""Seconds after which a check that AWS hasn't answered counts as unknown."""

# Checks that ask services which a run calls, too; a network may well lead to no others.
_CALLED_BY_RUNS = {"bucket", "repository"}

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


def require(settings: Settings) -> None:
    """Return if a run on AWS can begin.

    Raises:
        ConfigError: it can't; the text has every problem, each with what mends it.
    """
    problems = [check for check in examine(settings) if not check.ok]
    if problems:
        raise ConfigError("\n".join([_heading(len(problems)), *map(_lines, problems)]))


def _heading(number: int) -> str:
    problems = "1 problem" if number == 1 else f"{number} problems"
    return f'target = "aws" can\'t run yet, {problems}:'


def _lines(check: Check) -> str:
    return f"  {check.name}: {check.detail}\n    → {check.remedy}"


def examine(settings: Settings, *, seconds: float = LIMIT) -> list[Check]:
    """Every check, in the order in which one mends what they find."""
    end = time.monotonic() + seconds
    checks = _unset(settings) + _region(settings)
    try:
        session = wait(start(partial(open_session, settings)), seconds)
        sts = session.client("sts", config=CONFIG)
        asked = start(partial(Identity.ask, sts, settings))
        # Nothing waits for the answer that can do without.
        account = _Account(settings, session, asked)
        account.ask()
        checks.append(wait(asked, max(0, end - time.monotonic())).check)
    except NoIdentity as error:
        checks.append(error.check)
    else:
        checks += account.answers(end)
    return checks + _instance_types(settings)


# What needs no call.


def _unset(settings: Settings) -> list[Check]:
    checks = []
    if not settings.aws.role_arn:
        checks.append(
            Check(
                "role",
                False,
                "no role is set",
                "set aws.role_arn in harness.toml or HARNESS_AWS_ROLE_ARN to a role that trusts "
                "sagemaker.amazonaws.com (docs/aws.md)",
            )
        )
    if not settings.aws.bucket:
        checks.append(
            Check(
                "bucket",
                False,
                "no bucket is set",
                "set aws.bucket in harness.toml or HARNESS_AWS_BUCKET to a bucket in "
                f"{settings.region}",
            )
        )
    return checks


def _region(settings: Settings) -> list[Check]:
    if is_known(settings.region):
        return [Check("region", True, settings.region)]
    known = [
        region
        for each in LOADER.load_data("partitions")["partitions"]
        for region in each["regions"]
    ]
    return [
        Check(
            "region",
            False,
            f"AWS has no region {settings.region}{_close(settings.region, known)}",
            "set region in harness.toml or HARNESS_REGION",
        )
    ]


def _instance_types(settings: Settings) -> list[Check]:
    checks = []
    for section, shape, does in (
        ("training", "TrainingInstanceType", "trains"),
        ("endpoint", "ProductionVariantInstanceType", "serves"),
    ):
        instance_type = getattr(settings, section).instance_type
        known = quotas.instance_types(shape)
        if instance_type not in known:
            checks.append(
                Check(
                    "instances",
                    False,
                    f"SageMaker has no instance type {instance_type} that {does}"
                    f"{_close(instance_type, known)}",
                    f"set {section}.instance_type in harness.toml or "
                    f"HARNESS_{section.upper()}_INSTANCE_TYPE; `pip install --upgrade boto3` if it "
                    "is a new one",
                )
            )
    if not checks:
        types = (
            f"{settings.training.instance_type} trains, {settings.endpoint.instance_type} serves"
        )
        checks.append(Check("instances", True, types))
    return checks


def _close(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


# What the account has.


class _Account:
    """The checks that ask AWS, all at the same time."""

    def __init__(
        self, settings: Settings, session: boto3.Session, identity: Future[Identity]
    ) -> None:
        self._settings = settings
        self._asked = identity
        self._partition = partition(settings.region)
        # One after the other: a session isn't made for threads, its clients are.
        self._iam: Any = session.client("iam", config=CONFIG)
        self._s3: Any = session.client("s3", config=CONFIG)
        self._ecr: Any = session.client("ecr", config=CONFIG)
        self._quotas: Any = session.client("service-quotas", config=CONFIG)
        self._checks: list[tuple[str, Future[list[Check]]]] = []

    @property
    def _identity(self) -> Identity:
        """Who calls; waits for STS."""
        return self._asked.result()

    def ask(self) -> None:
        """Start every check that the settings allow."""
        aws = self._settings.aws
        if aws.role_arn:
            self._start("role", self._role)
        if aws.bucket:
            self._start("bucket", self._bucket)
        if aws.bucket and aws.role_arn:
            self._start("caller", self._caller)
        if is_known(self._settings.region):
            self._start("repository", self._repository)
            self._start("quotas", self._service_quotas)

    def answers(self, end: float) -> list[Check]:
        """What the checks have found until `end`, by the monotonic clock."""
        found = []
        for name, checks in self._checks:
            try:
                found += checks.result(max(0, end - time.monotonic()))
            except TimeoutError:
                found.append(Check.unclear(name, "AWS doesn't answer in time"))
        return found

    def _start(self, name: str, task: Callable[[], list[Check]]) -> None:
        self._checks.append((name, start(partial(self._guarded, name, task))))

    def _guarded(self, name: str, task: Callable[[], list[Check]]) -> list[Check]:
        """What `task` finds, or what AWS or the network has against it."""
        try:
            return task()
        except ClientError as error:
            return [Check.unclear(name, self._why_unknown(error))]
        except BotoCoreError as error:
            words = " ".join(str(error).split()).rstrip(".")
            if name in _CALLED_BY_RUNS:
                network = see_network(self._settings)
                return [Check(name, False, f"AWS can't be asked: {words}", network)]
            return [Check.unclear(name, words)]

    def _why_unknown(self, error: ClientError) -> str:
        if code_of(error) in _DENIED:
            return f"{self._identity.arn} may not call {error.operation_name}"
        return words_of(error)

    def _document(self, name: str) -> dict[str, Any]:
        return policy_documents.document(name, self._settings, self._identity.account)

    def _role(self) -> list[Check]:
        role = policy_documents.Role(self._settings.aws.role_arn)
        looked_up = start(partial(self._iam.get_role, RoleName=role.name))
        if role.account != self._identity.account:
            return [
                Check(
                    "role",
                    False,
                    f"{role.arn} is a role of account {role.account}, and the credentials are of "
                    f"{self._identity.account}",
                    "set aws.role_arn to a role of the same account, or aws.profile to "
                    f"credentials of {role.account}",
                )
            ]
        checks = []
        try:
            found = looked_up.result()["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return [self._no_role(role)]
        except ClientError as error:
            if code_of(error) not in _DENIED:
                raise
            checks.append(
                Check.unclear("role", f"whether it trusts SageMaker: {self._why_unknown(error)}")
            )
        else:
            if found["Arn"] != role.arn:
                return [
                    Check(
                        "role",
                        False,
                        f"the role {role.name} has another ARN than {role.arn}: {found['Arn']}",
                        f'set aws.role_arn to "{found["Arn"]}"',
                    )
                ]
            if not self._is_trusted(found["AssumeRolePolicyDocument"]):
                checks.append(self._no_trust(role))
        checks += self._may_not("role", role.arn, self._role_asks(), self._allow_role(role))
        if not checks:
            may = "may use the bucket, the image, logs and metrics"
            checks.append(Check("role", True, f"{role.arn} trusts SageMaker and {may}"))
        return checks

    def _no_role(self, role: policy_documents.Role) -> Check:
        return Check(
            "role",
            False,
            f"there is no role {role.name} in account {role.account}",
            f"aws iam create-role --role-name {role.name} --assume-role-policy-document "
            f'"$(harness policy {policy_documents.EXECUTION_ROLE_TRUST})" && '
            f"{self._allow_role(role)}",
        )

    def _no_trust(self, role: policy_documents.Role) -> Check:
        return Check(
            "role",
            False,
            f"{role.arn} doesn't let sagemaker.amazonaws.com take it on for account "
            f"{role.account} (sts:AssumeRole)",
            f"aws iam update-assume-role-policy --role-name {role.name} --policy-document "
            f'"$(harness policy {policy_documents.EXECUTION_ROLE_TRUST})"',
        )

    def _allow_role(self, role: policy_documents.Role) -> str:
        return (
            f"aws iam put-role-policy --role-name {role.name} --policy-name harness "
            f'--policy-document "$(harness policy {policy_documents.EXECUTION_ROLE})"'
        )

    def _is_trusted(self, trust: Mapping[str, Any]) -> bool:
        """Whether a trust policy lets SageMaker take on the role for a job of this account."""
        statements = trust["Statement"]
        # A trust policy has no resource, which the evaluation of policies wants.
        concerned = [
            {**statement, "Resource": "*"}
            for statement in (statements if isinstance(statements, list) else [statements])
            if _includes_sagemaker(statement.get("Principal"))
        ]
        account = self._identity.account
        job = f"arn:{self._partition}:sagemaker:{self._settings.region}:{account}:training-job/a"
        context = {"aws:SourceAccount": [account], "aws:SourceArn": [job]}
        policy = Policy("trust", json.dumps({"Statement": concerned}))
        return decide([policy], "sts:AssumeRole", "*", context).text == "allowed"

    def _role_asks(self) -> list[Ask]:
        if not self._settings.aws.bucket:
            return []
        return list(policy_documents.asks(self._document(policy_documents.EXECUTION_ROLE)))

    def _caller(self) -> list[Check]:
        """Whether the caller may make the calls of a run; those of the preflight are made."""
        identity = self._identity
        if identity.kind == "root":
            return [Check("caller", True, "the account's root user may do everything")]
        arn = self._caller_policies()
        if arn is None:
            return [Check.unclear("caller", f"what {identity.arn} may do can't be asked for")]
        scales = self._settings.endpoint.max_instance_count > 0
        checks = []
        for name in (
            (policy_documents.CALLER, policy_documents.AUTOSCALING)
            if scales
            else (policy_documents.CALLER,)
        ):
            asks = [
                ask
                for ask in policy_documents.asks(self._document(name))
                if not ask.statement["Sid"].startswith(("Preflight", "NewRepository"))
            ]
            checks += self._may_not("caller", arn, asks, self._allow_caller(name))
        return checks or [Check("caller", True, f"{arn} may make the calls of a run")]

    def _allow_caller(self, policy: str) -> str:
        identity, name = self._identity, f"harness-{policy}"
        document = f'"$(harness policy {policy})"'
        if identity.name.startswith("AWSReservedSSO_"):
            return f"add what `harness policy {policy}` prints to the SSO role's permission set"
        if identity.kind == "assumed-role":
            return (
                f"aws iam put-role-policy --role-name {identity.name} --policy-name {name} "
                f"--policy-document {document}"
            )
        arn = f"arn:{self._partition}:iam::{identity.account}:policy/{name}"
        return (
            f"aws iam create-policy --policy-name {name} --policy-document {document} && aws iam "
            f"attach-user-policy --user-name {identity.name} --policy-arn {arn}"
        )

    def _caller_policies(self) -> str | None:
        """The ARN whose policies are the caller's."""
        identity = self._identity
        if identity.kind == "user":
            return identity.arn
        if identity.kind == "assumed-role":  # whose ARN leaves out the role's path
            return str(self._iam.get_role(RoleName=identity.name)["Role"]["Arn"])
        return None

    def _may_not(self, name: str, arn: str, asks: list[Ask], allow: str) -> list[Check]:
        """What IAM says that `arn` may not do; `allow` changes that."""
        try:
            return permissions.refusals(
                self._iam, arn, asks, name=name, allow=allow, context=self._context(arn)
            )
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return [Check.unclear(name, f"{arn} has no policies that can be asked for")]
            return [Check.unclear(name, f"what {arn} may do: {self._why_unknown(error)}")]

    def _context(self, arn: str) -> dict[str, str]:
        """What every call of a run has, for policies that ask after it."""
        account = self._identity.account
        return {
            "aws:PrincipalAccount": account,
            "aws:PrincipalArn": arn,
            "aws:RequestedRegion": self._settings.region,
            "aws:ResourceAccount": account,
            "aws:SecureTransport": "true",
            "s3:ResourceAccount": account,
        }

    def _bucket(self) -> list[Check]:
        bucket, region = self._settings.aws.bucket, self._settings.region
        try:
            answer = self._s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            metadata = error.response["ResponseMetadata"]
            status = metadata["HTTPStatusCode"]
            actual = metadata["HTTPHeaders"].get("x-amz-bucket-region")
            if status not in (301, 307, 400, 403, 404):
                raise
        else:
            status = 200
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            actual = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
        if status == 404:
            return [
                Check(
                    "bucket",
                    False,
                    f"there is no bucket {bucket}",
                    f"aws s3 mb s3://{bucket} --region {region}",
                )
            ]
        checks = []
        if actual not in (None, region):
            checks.append(
                Check(
                    "bucket",
                    False,
                    f"{bucket} is in {actual}, and the run in {region}, where SageMaker wants it",
                    f'set aws.bucket to a bucket in {region}, or region to "{actual}"',
                )
            )
        if status == 403:
            resource = f"arn:{self._partition}:s3:::{bucket}"
            statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": resource}
            checks.append(
                Check(
                    "bucket",
                    False,
                    f"{self._identity.arn} isn't let near the bucket {bucket}, which may be "
                    "somebody else's",
                    f"if it is yours, allow {json.dumps(statement)}; if not, set aws.bucket to "
                    "one that is",
                )
            )
        elif status != 200 and not checks:
            checks.append(
                Check(
                    "bucket",
                    False,
                    f"S3 answers HTTP {status} for the bucket {bucket}",
                    f"see what `aws s3api head-bucket --bucket {bucket}` says",
                )
            )
        return checks or [Check("bucket", True, f"{bucket} in {actual or region}")]

    def _repository(self) -> list[Check]:
        name = self._settings.aws.repository
        try:
            found = self._ecr.describe_repositories(repositoryNames=[name])["repositories"]
        except self._ecr.exceptions.RepositoryNotFoundException:
            return self._new_repository(name)
        return [Check("repository", True, found[0]["repositoryUri"])]

    def _new_repository(self, name: str) -> list[Check]:
        """Whether the push may create it."""
        missing = f"{name} isn't there yet"
        create = (
            f"aws ecr create-repository --region {self._settings.region} --repository-name {name} "
            "--image-tag-mutability IMMUTABLE"
        )
        if not self._settings.aws.bucket or self._identity.kind == "root":
            return [Check("repository", True, f"{missing}; the first push creates it")]
        asks = [
            ask
            for ask in policy_documents.asks(self._document(policy_documents.CALLER))
            if ask.statement["Sid"] == "NewRepository"
        ]
        try:
            arn = self._caller_policies()
            may = (
                self._may_not("repository", arn, asks, f"have it created: {create}") if arn else []
            )
        except BotoCoreError as error:
            return [Check.unclear("repository", f"whether it may be created: {error}")]
        return may or [Check("repository", True, f"{missing}; the first push creates it")]

    def _service_quotas(self) -> list[Check]:
        listing = _Once(lambda: quota_codes.list_all(self._quotas))
        asked = [
            (name, needed, start(partial(self._quota, name, listing)))
            for name, needed in self._needed().items()
        ]
        checks, enough = [], []
        for name, needed, future in asked:
            try:
                quota = future.result()
            except ClientError as error:
                checks.append(Check.unclear("quotas", f"{name}: {self._why_unknown(error)}"))
                continue
            if quota is None:
                checks.append(Check.unclear("quotas", f"{name}: AWS lists no quota of this name"))
            elif quota["Value"] < needed:
                checks.append(
                    Check(
                        "quotas",
                        False,
                        f'"{name}" is {quota["Value"]:.0f} in {self._settings.region}, and the '
                        f"run takes {needed}",
                        "aws service-quotas request-service-quota-increase --region "
                        f"{self._settings.region} --service-code {quotas.SERVICE} --quota-code "
                        f"{quota['QuotaCode']} --desired-value {needed}, which AWS may take days "
                        "to grant, or choose another instance type",
                    )
                )
            else:
                enough.append(f"{name}: {quota['Value']:.0f}")
        if enough:
            checks.append(Check("quotas", True, "; ".join(enough)))
        return checks

    def _needed(self) -> dict[str, int]:
        """How many instances a run takes at once of what each quota counts."""
        training, endpoint = self._settings.training, self._settings.endpoint
        kind, all_of_kind = (
            (quotas.SPOT_TRAINING, quotas.ALL_SPOT_TRAINING)
            if training.spot
            else (quotas.TRAINING, quotas.ALL_TRAINING)
        )
        serving = max(endpoint.instance_count, endpoint.max_instance_count)
        return {
            kind.format(training.instance_type): training.instance_count,
            all_of_kind: training.instance_count,
            quotas.ENDPOINT.format(endpoint.instance_type): serving,
            quotas.ALL_ENDPOINTS: serving,
        }

    def _quota(self, name: str, listing: _Once) -> Mapping[str, Any] | None:
        """The quota of a name: by its code where that is known, else looked up in all of them."""
        code = quota_codes.known(name)
        if code is not None:
            try:
                found = self._quotas.get_service_quota(ServiceCode=quotas.SERVICE, QuotaCode=code)
            except self._quotas.exceptions.NoSuchResourceException:
                pass
            else:
                if found["Quota"]["QuotaName"] == name:
                    return cast("Mapping[str, Any]", found["Quota"])
        return cast("Mapping[str, Any] | None", listing.result().get(name))


def _includes_sagemaker(principal: Any) -> bool:
    if principal == "*":
        return True
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return "sagemaker.amazonaws.com" in ([services] if isinstance(services, str) else services)


class _Once:
    """A call that several threads want the result of, made by the first."""

    def __init__(self, call: Callable[[], Mapping[str, Any]]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._result: Mapping[str, Any] | None = None

    def result(self) -> Mapping[str, Any]:
        with self._lock:
            if self._result is None:
                self._result = self._call()
            return self._result

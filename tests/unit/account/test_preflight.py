"""The preflight against the local AWS: each problem in one sentence, all of them at once.

What the local AWS can't be brought to say (a token that expired) a proxy before it says.
"""

import itertools
import json
import socket

import pytest
from botocore.config import Config

from harness import config
from harness.account import policy_documents, preflight
from harness.account.checks import account
from harness.aws_model import quotas
from harness.errors import ConfigError
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.faults import Faults

ACCOUNT = "123456789012"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path_factory.mktemp('engine')}/none.sock")
        with LocalAWS() as server, Faults(server.url) as faults:
            yield faults


@pytest.fixture(autouse=True)
def environment(faults, monkeypatch, tmp_path):
    """Credentials as a user has them, and AWS where the local one is."""
    faults.clear()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", faults.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "harness")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "harness")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def boto(faults):
    return local_boto_session(faults.url, "us-east-1")


@pytest.fixture
def iam(boto):
    return boto.client("iam")


@pytest.fixture
def settings(boto, iam, faults):
    """Settings whose role and bucket are as docs/aws.md says, each test's its own."""
    number = next(_numbers)
    settings = config.Settings(
        target="aws",
        aws=config.Aws(
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/harness-execution-{number}",
            bucket=f"preflight-{number}",
            repository=f"preflight-{number}",
        ),
    )
    boto.client("s3").create_bucket(Bucket=settings.aws.bucket)
    iam.create_role(
        RoleName=role(settings), AssumeRolePolicyDocument=document("execution-role-trust", settings)
    )
    iam.put_role_policy(
        RoleName=role(settings),
        PolicyName="harness",
        PolicyDocument=document("execution-role", settings),
    )
    faults.clear()
    return settings


def role(settings):
    return policy_documents.Role(settings.aws.role_arn).name


def document(name, settings):
    return json.dumps(policy_documents.document(name, settings, ACCOUNT))


def changed(settings, section=None, **members):
    """The settings with other members, of a section or of the whole."""
    if section:
        members = {section: getattr(settings, section).model_copy(update=members)}
    return settings.model_copy(update=members)


def problems(settings):
    found = [check for check in preflight.examine(settings) if not check.ok]
    assert all(check.remedy for check in found)
    return {check.name: f"{check.detail} → {check.remedy}" for check in found}


def unknown(settings):
    found = {check.name: check for check in preflight.examine(settings)}
    assert all(check.ok for check in found.values()), found
    return {name: check.detail for name, check in found.items() if check.unknown}


@pytest.fixture
def be_a_user(iam, monkeypatch):
    """Makes a user with a policy, and calls come from there."""

    def be(*statements):
        name = f"harness-user-{next(_numbers)}"
        iam.create_user(UserName=name)
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        return name

    return be


def test_a_set_up_as_the_documentation_has_it_passes(settings, faults):
    checks = preflight.examine(settings)

    assert [check for check in checks if not check.ok or check.unknown] == []
    assert {check.name for check in checks} == {
        "region", "credentials", "role", "bucket", "caller", "repository", "quotas", "instances",
    }  # fmt: skip
    preflight.require(settings)


def test_it_changes_nothing(settings, faults):
    preflight.examine(settings)

    kinds = ("Get", "List", "Describe", "Head", "Simulate")
    assert {call for call in faults.calls if not call.partition(":")[2].startswith(kinds)} == set()


def test_nothing_set_and_no_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = problems(config.Settings(target="aws"))

    assert list(found) == ["role", "bucket", "credentials"]
    assert "HARNESS_AWS_ROLE_ARN" in found["role"]
    assert "HARNESS_AWS_BUCKET" in found["bucket"]
    assert "AWS_ACCESS_KEY_ID" in found["credentials"]


def test_a_profile_that_is_not_there(settings):
    found = problems(changed(settings, "aws", profile="nobody"))

    assert list(found) == ["credentials"]
    assert "nobody" in found["credentials"]


def test_a_profile_without_credentials(settings, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile empty]\nregion = us-east-1\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = problems(changed(settings, "aws", profile="empty"))

    assert "profile empty (aws.profile) has none" in found["credentials"]
    assert "aws configure --profile empty" in found["credentials"]


def test_a_key_without_its_secret(settings, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "AWS_SECRET_ACCESS_KEY" in problems(settings)["credentials"]


@pytest.mark.parametrize(
    ("code", "message", "sentence", "remedy"),
    [
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "the session token has expired",
            "aws sso login",
        ),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "AWS doesn't know the access key",
            "aws configure",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            "the secret access key isn't the access key's",
            "aws configure",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z",
            "this machine's clock is wrong",
            "timedatectl",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: 20261122T020000Z is still later than 20261122T011500Z",
            "this machine's clock is wrong",
            "timedatectl",
        ),
    ],
)
def test_credentials_that_aws_refuses(settings, faults, code, message, sentence, remedy):
    faults.add("sts:GetCallerIdentity", code, message, status=403)

    found = problems(settings)

    assert list(found) == ["credentials"]
    assert sentence in found["credentials"]
    assert remedy in found["credentials"]


def test_how_wrong_the_clock_is(settings, faults):
    faults.add(
        "sts:GetCallerIdentity",
        "SignatureDoesNotMatch",
        "Signature expired: 20000101T000000Z is now earlier than 20000101T010000Z",
        headers={"Date": "Sat, 01 Jan 2000 00:00:00 GMT"},
    )

    assert "minutes ahead of AWS's" in problems(settings)["credentials"]


def test_a_region_that_is_not_enabled(settings, faults):
    # There it is refused, and known in the region that always is.
    faults.add("sts:GetCallerIdentity", "InvalidClientTokenId", status=403, times=1)

    found = problems(changed(settings, region="af-south-1"))

    assert list(found) == ["region"]
    assert "af-south-1 isn't enabled" in found["region"]
    assert "aws account enable-region --region-name af-south-1" in found["region"]


def test_a_region_that_is_not_there(settings):
    found = problems(changed(settings, region="us-aest-1"))

    assert "AWS has no region us-aest-1; did you mean us-" in found["region"]
    assert "HARNESS_REGION" in found["region"]


def test_aws_out_of_reach(settings, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        found = problems(settings)

    assert list(found) == ["credentials"]
    assert url in found["credentials"]
    assert "network" in found["credentials"]


def test_a_network_that_leads_to_the_services_of_a_run_only(settings, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(account, "CONFIG", Config(retries={"total_max_attempts": 1}))
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", url)
        assert set(unknown(settings)) == {"role", "caller", "repository", "quotas"}

        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        found = problems(settings)

    assert list(found) == ["bucket"]
    assert "network" in found["bucket"]


def test_a_role_that_is_not_there(settings):
    arn = f"arn:aws:iam::{ACCOUNT}:role/nobody"

    found = problems(changed(settings, "aws", role_arn=arn))

    assert list(found) == ["role"]
    assert f"there is no role nobody in account {ACCOUNT}" in found["role"]
    assert "aws iam create-role --role-name nobody" in found["role"]


def test_a_role_of_another_account(settings):
    found = problems(changed(settings, "aws", role_arn="arn:aws:iam::999999999999:role/theirs"))

    assert list(found) == ["role"]
    assert "is a role of account 999999999999" in found["role"]


def test_a_role_with_another_path(settings, iam):
    iam.create_role(
        RoleName="with-path",
        Path="/service-role/",
        AssumeRolePolicyDocument=document("execution-role-trust", settings),
    )

    found = problems(changed(settings, "aws", role_arn=f"arn:aws:iam::{ACCOUNT}:role/with-path"))

    assert f'"arn:aws:iam::{ACCOUNT}:role/service-role/with-path"' in found["role"]


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "ec2.amazonaws.com"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}},
        },
        {"Principal": {"Service": "sagemaker.amazonaws.com"}, "Effect": "Deny"},
    ],
)
def test_a_role_that_does_not_trust_sagemaker(settings, iam, statement):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    iam.update_assume_role_policy(
        RoleName=role(settings),
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )

    found = problems(settings)

    assert list(found) == ["role"]
    assert "doesn't let sagemaker.amazonaws.com take it on" in found["role"]
    assert f"aws iam update-assume-role-policy --role-name {role(settings)}" in found["role"]


def test_a_role_that_trusts_sagemaker_among_others(settings, iam):
    trust = {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]},
    }
    iam.update_assume_role_policy(
        RoleName=role(settings),
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )

    assert problems(settings) == {}


def test_a_role_that_may_do_nothing(settings, iam):
    iam.delete_role_policy(RoleName=role(settings), PolicyName="harness")

    found = problems(settings)

    assert list(found) == ["role"]
    for action in ("s3:GetObject", "ecr:BatchGetImage", "logs:PutLogEvents", "PutMetricData"):
        assert action in found["role"]
    assert f"aws iam put-role-policy --role-name {role(settings)}" in found["role"]
    assert "$(harness policy execution-role)" in found["role"]


def test_a_role_that_lacks_one_action(settings, iam):
    policy = json.loads(document("execution-role", settings))
    (objects,) = (each for each in policy["Statement"] if each["Sid"] == "Objects")
    objects["Action"].remove("s3:PutObject")
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    found = problems(settings)

    keys = f"arn:aws:s3:::{settings.aws.bucket}/harness/*"
    assert f"may not s3:PutObject on {keys} → " in found["role"]
    assert f'"Action": ["s3:PutObject"], "Resource": "{keys}"' in found["role"]


def test_a_deny_is_told_from_what_nobody_allowed(settings, iam):
    deny = {"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": deny})
    iam.put_role_policy(RoleName=role(settings), PolicyName="no-ecr", PolicyDocument=policy)

    found = problems(settings)

    assert "a Deny forbids it, in no-ecr" in found["role"]
    assert "put-role-policy" not in found["role"]


def test_a_permissions_boundary(settings, iam):
    allow = {"Effect": "Allow", "Action": ["s3:*", "ecr:*", "logs:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    arn = iam.create_policy(PolicyName=f"b-{next(_numbers)}", PolicyDocument=policy)["Policy"][
        "Arn"
    ]
    iam.put_role_permissions_boundary(RoleName=role(settings), PermissionsBoundary=arn)

    found = problems(settings)

    assert "cloudwatch:PutMetricData on any resource: its permissions boundary" in found["role"]


def test_conditions_that_every_call_of_a_run_fulfils(settings, iam):
    policy = policy_documents.document("execution-role", settings, ACCOUNT)
    for statement in policy["Statement"]:
        same = {"aws:RequestedRegion": "us-east-1", "aws:ResourceAccount": ACCOUNT}
        condition = {"StringEquals": same, "Bool": {"aws:SecureTransport": "true"}}
        statement["Condition"] = statement.get("Condition", {}) | condition
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    assert problems(settings) == {}
    assert unknown(settings) == {}


def test_conditions_that_only_the_call_itself_can_fulfil_stay_unknown(settings, iam):
    policy = policy_documents.document("execution-role", settings, ACCOUNT)
    (objects,) = (each for each in policy["Statement"] if each["Sid"] == "Objects")
    objects["Condition"] = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    found = unknown(settings)

    assert list(found) == ["role"]
    assert "s3:GetObject" in found["role"]
    assert "depends on aws:SourceVpc" in found["role"]


def test_a_bucket_that_is_not_there(settings):
    found = problems(changed(settings, "aws", bucket="not-there", role_arn=settings.aws.role_arn))

    assert "there is no bucket not-there → aws s3 mb s3://not-there" in found["bucket"]


def test_a_bucket_in_another_region(settings, boto):
    bucket = f"elsewhere-{next(_numbers)}"
    boto.client("s3", region_name="eu-west-1").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )

    found = problems(changed(settings, "aws", bucket=bucket))

    assert f"{bucket} is in eu-west-1, and the run in us-east-1" in found["bucket"]


def test_a_bucket_that_redirects_to_its_region(settings, faults):
    headers = {"x-amz-bucket-region": "eu-west-1"}
    faults.add("s3:HeadBucket", "PermanentRedirect", status=301, headers=headers)

    assert "is in eu-west-1" in problems(settings)["bucket"]


def test_somebody_else_s_bucket(settings, faults):
    headers = {"x-amz-bucket-region": "us-east-1"}
    faults.add("s3:HeadBucket", "AccessDenied", status=403, headers=headers)

    found = problems(settings)

    assert list(found) == ["bucket"]
    assert "which may be somebody else's" in found["bucket"]
    assert '"s3:ListBucket"' in found["bucket"]


def test_a_repository_that_is_there(settings, boto):
    boto.client("ecr").create_repository(repositoryName=settings.aws.repository)

    (check,) = (each for each in preflight.examine(settings) if each.name == "repository")

    assert check.ok
    assert check.detail.endswith(f"/{settings.aws.repository}")


def test_a_caller_with_the_documented_policy(settings, be_a_user):
    be_a_user(*policy_documents.document("caller", settings, ACCOUNT)["Statement"])

    assert problems(settings) == {}
    assert unknown(settings) == {}


def test_a_caller_who_may_not_pass_the_role(settings, be_a_user):
    statements = policy_documents.document("caller", settings, ACCOUNT)["Statement"]
    user = be_a_user(*(each for each in statements if each["Sid"] != "PassRole"))

    found = problems(settings)

    assert list(found) == ["caller"]
    assert f"user/{user} may not iam:PassRole on {settings.aws.role_arn}" in found["caller"]
    assert '"iam:PassedToService": "sagemaker.amazonaws.com"' in found["caller"]


def test_a_caller_who_may_do_nothing(settings, be_a_user):
    user = be_a_user({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})

    found = problems(settings)

    assert list(found) == ["caller", "repository"]
    assert "sagemaker:CreateTrainingJob" in found["caller"]
    assert f"attach-user-policy --user-name {user}" in found["caller"]
    assert "ecr:CreateRepository" in found["repository"]


def test_a_caller_who_need_not_create_a_repository_that_is_there(settings, boto, be_a_user):
    boto.client("ecr").create_repository(repositoryName=settings.aws.repository)
    statements = policy_documents.document("caller", settings, ACCOUNT)["Statement"]
    be_a_user(*(each for each in statements if each["Sid"] != "NewRepository"))

    assert problems(settings) == {}


def test_an_endpoint_that_scales_asks_more_of_its_caller(settings, be_a_user):
    be_a_user(*policy_documents.document("caller", settings, ACCOUNT)["Statement"])

    found = problems(changed(settings, "endpoint", max_instance_count=2))

    assert list(found) == ["caller"]
    assert "application-autoscaling:RegisterScalableTarget" in found["caller"]
    assert "$(harness policy autoscaling)" in found["caller"]
    assert "$(harness policy caller)" not in found["caller"]


def test_an_sso_role_is_mended_in_its_permission_set(settings, boto, iam, faults, monkeypatch):
    name = "AWSReservedSSO_Scientist_0123456789abcdef"
    arn = iam.create_role(
        RoleName=name,
        Path="/aws-reserved/sso.amazonaws.com/",
        AssumeRolePolicyDocument=document("execution-role-trust", settings),
    )["Role"]["Arn"]
    session = boto.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])

    found = problems(settings)

    assert f"{arn} may not s3:ListBucket" in found["caller"]
    assert "permission set" in found["caller"]


def test_who_may_not_ask_gets_notes_and_no_failure(settings, faults):
    denied = "User is not authorized to perform this action"
    for operation in (
        "iam:SimulatePrincipalPolicy", "iam:GetRole", "ecr:DescribeRepositories",
        "servicequotas:GetServiceQuota",
    ):  # fmt: skip
        faults.add(operation, "AccessDenied", denied, status=403)

    found = unknown(settings)

    assert set(found) == {"role", "caller", "repository", "quotas"}
    assert "SimulatePrincipalPolicy" in found["role"]
    assert "GetServiceQuota" in found["quotas"]
    preflight.require(settings)


def test_throttling_and_lost_servers_fail_nothing(settings, faults):
    faults.add("*", "ThrottlingException", "Rate exceeded", times=1)
    faults.add("*", "InternalFailure", status=500, times=1)

    assert problems(settings) == {}


def test_an_instance_type_that_is_not_there(settings):
    settings = changed(settings, "training", instance_type="ml.m5.larg")
    settings = changed(settings, "endpoint", instance_type="ml.m5.larger")

    found = [check for check in preflight.examine(settings) if not check.ok]

    assert [check.name for check in found] == ["instances", "instances"]
    assert "no instance type ml.m5.larg that trains; did you mean ml.m5.large?" in found[0].detail
    assert "HARNESS_TRAINING_INSTANCE_TYPE" in found[0].remedy
    assert "ml.m5.larger that serves" in found[1].detail


def test_a_quota_of_none_and_its_raise(settings, boto):
    settings = changed(settings, "training", instance_type="ml.p4d.24xlarge", instance_count=2)

    found = problems(settings)

    assert list(found) == ["quotas"]
    name = '"ml.p4d.24xlarge for training job usage" is 0 in us-east-1, and the run takes 2'
    assert name in found["quotas"]
    command = found["quotas"].split("→ ")[1].split(",")[0].split()
    assert command[:3] == ["aws", "service-quotas", "request-service-quota-increase"]
    code = command[command.index("--quota-code") + 1]
    boto.client("service-quotas").request_service_quota_increase(
        ServiceCode="sagemaker", QuotaCode=code, DesiredValue=2
    )
    assert problems(settings) == {}


def test_spot_and_scaling_have_quotas_of_their_own(settings):
    settings = changed(settings, "training", instance_type="ml.g5.xlarge", spot=True)
    settings = changed(settings, "endpoint", instance_count=1, max_instance_count=30)

    found = [check.detail for check in preflight.examine(settings) if not check.ok]

    assert any('"ml.g5.xlarge for spot training job usage" is 0' in each for each in found)
    assert any('"ml.t2.medium for endpoint usage" is 4' in each for each in found)
    assert any('"Number of instances across active endpoints" is 20' in each for each in found)
    assert not any('"ml.g5.xlarge for training' in each for each in found)


def test_the_codes_of_quotas_are_listed_once(settings, faults):
    settings = changed(settings, "training", instance_type="ml.c5.xlarge")
    assert problems(settings) == {}
    assert "servicequotas:ListServiceQuotas" in faults.calls
    faults.clear()

    assert problems(settings) == {}

    assert "servicequotas:ListServiceQuotas" not in faults.calls
    assert faults.calls.count("servicequotas:GetServiceQuota") == 4


def test_a_code_that_is_another_quota_s_is_not_believed(settings, faults, monkeypatch):
    wrong = {"ml.m5.large for training job usage": "L-29C181D7"}
    monkeypatch.setattr(quotas, "CODES", wrong)

    (check,) = (each for each in preflight.examine(settings) if each.name == "quotas")

    assert "ml.m5.large for training job usage: 4" in check.detail


def test_many_problems_are_told_together(settings, faults):
    settings = changed(
        settings, "aws", role_arn=f"arn:aws:iam::{ACCOUNT}:role/nobody", bucket="not-there"
    )
    settings = changed(settings, "training", instance_type="ml.p5.48xlarge")
    settings = changed(settings, "endpoint", instance_type="ml.none.large")

    with pytest.raises(ConfigError) as raised:
        preflight.require(settings)

    text = str(raised.value)
    assert text.startswith('target = "aws" can\'t run yet, ')
    for sentence in (
        "role: there is no role nobody",
        "bucket: there is no bucket not-there",
        'quotas: "ml.p5.48xlarge for training job usage" is 0',
        "instances: SageMaker has no instance type ml.none.large that serves",
    ):
        assert sentence in text
    assert text.count("→ ") == text.count("\n") / 2


def test_what_takes_too_long_is_given_up(settings, boto):
    class Slow:
        def accept(self):
            self.socket = socket.socket()
            self.socket.bind(("127.0.0.1", 0))
            self.socket.listen()
            return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    slow = Slow()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_STS", slow.accept())
        with slow.socket:
            checks = {each.name: each for each in preflight.examine(settings, seconds=0.3)}
    assert not checks["credentials"].ok
    assert "didn't say within" in checks["credentials"].detail

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", slow.accept())
        with slow.socket:
            checks = {each.name: each for each in preflight.examine(settings, seconds=3)}
    assert checks["bucket"].unknown
    assert checks["bucket"].detail == "not checked: AWS doesn't answer in time"
    assert checks["credentials"].ok

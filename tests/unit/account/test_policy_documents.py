"""The policies of docs/aws.md: they allow what a run does, and nothing that does harm.

What a run does is taken from runs: from a dry one, and from the calls of clean and preflight. IAM's
answers are the local AWS's simulation; where moto enforces policies itself, it does.
"""

import json
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.authorization import enable_iam_authentication

from harness.account import policy_documents, preflight, session
from harness.config.places import Aws
from harness.config.settings import (
    Channel,
    Endpoint,
    Processing,
    ProcessingInput,
    Project,
    Requests,
    Settings,
    Transform,
)
from harness.errors import ConfigError
from harness.flow import cleanup, run
from harness.flow.connection import connect_dry
from harness.flow.dry_run import ACCOUNT as DRY_ACCOUNT
from harness.flow.plan import Plan, make
from harness.flow.teardown import tags
from harness.image import docker_engine
from harness.image.build import BuiltImage
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

ACCOUNT = "123456789012"
OTHER = "999999999999"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/harness-execution"
BUCKET = "policies-bucket"
SETTINGS = Settings(
    target="aws",
    project=Project(name="gam"),
    aws=Aws(role_arn=ROLE, bucket=BUCKET),
    endpoint=Endpoint(max_instance_count=3),
)
RUN = "harness-20261122-120000-abcdef"
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
REPOSITORY = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/harness-gam"
OBJECTS = f"arn:aws:s3:::{BUCKET}/harness"
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group"

# What an IAM managed policy, and a role's inline policies, may have at most, without white space.
MANAGED_CHARACTERS, INLINE_CHARACTERS = 6_144, 10_240

# What a push by the Docker engine takes: "IAM permissions for pushing an image" in ECR's guide.
PUSH = (
    "ecr:CompleteLayerUpload", "ecr:UploadLayerPart", "ecr:InitiateLayerUpload",
    "ecr:BatchCheckLayerAvailability", "ecr:PutImage", "ecr:BatchGetImage",
)  # fmt: skip


def document(name, settings=SETTINGS):
    return policy_documents.document(name, settings, ACCOUNT, github="me/mine")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path_factory.mktemp('engine')}/none.sock")
        with LocalAWS() as server:
            yield server


@pytest.fixture(scope="module")
def boto(server):
    return local_boto_session(server.url, "us-east-1")


@pytest.fixture(scope="module")
def iam(boto):
    """IAM, with who has each policy: the execution role, and a caller who may scale, too."""
    iam = boto.client("iam")
    iam.create_role(
        RoleName="harness-execution",
        AssumeRolePolicyDocument=json.dumps(document("execution-role-trust")),
    )
    iam.put_role_policy(
        RoleName="harness-execution",
        PolicyName="harness",
        PolicyDocument=json.dumps(document("execution-role")),
    )
    iam.create_user(UserName="harness-caller")
    for name in ("caller", "autoscaling"):
        policy = iam.create_policy(
            PolicyName=f"harness-{name}", PolicyDocument=json.dumps(document(name))
        )
        iam.attach_user_policy(UserName="harness-caller", PolicyArn=policy["Policy"]["Arn"])
    iam.create_role(
        RoleName="harness-ci", AssumeRolePolicyDocument=json.dumps(document("ci-trust"))
    )
    return iam


@pytest.fixture
def may(iam):
    """Asks IAM whether somebody may do something."""

    def may(who, action, resource="*", **context):
        arn = ROLE if who == "role" else f"arn:aws:iam::{ACCOUNT}:user/harness-caller"
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context.items()
        ]
        (result,) = iam.simulate_principal_policy(
            PolicySourceArn=arn,
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=entries,
        )["EvaluationResults"]
        return result["EvalDecision"] == "allowed"

    return may


@contextmanager
def recorded(session):
    """The calls made over a boto3 session: service, operation and parameters."""
    calls = []

    def note(params, model, **_):
        calls.append(SimpleNamespace(
            service=model.service_model.service_name, operation=model.name, parameters=dict(params),
        ))  # fmt: skip

    session.events.register("provide-client-params", note)
    yield calls
    session.events.unregister("provide-client-params", note)


def actions(call):
    """What IAM is asked for a call: actions, each with its resource and context.

    By "Actions, resources, and condition keys" of the services in AWS's service authorization
    reference.
    """
    service, operation, given = call.service, call.operation, call.parameters
    prefix = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
    name = f"{prefix.get(service, service)}:{operation}"
    if service == "s3":
        yield from _s3(operation, given)
    elif service in ("sagemaker", "sagemaker-runtime"):
        yield from _sagemaker(name, operation, given)
    elif service == "ecr":
        names = given.get("repositoryNames") or [given.get("repositoryName")]
        for each in names:
            arn = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{each}" if each else "*"
            yield name, arn, {}
            if given.get("tags"):
                yield "ecr:TagResource", arn, {}
    elif service == "docker":
        for action in PUSH:
            yield action, REPOSITORY, {}
    elif service == "logs":
        yield name, f"{LOGS}:{given['logGroupName']}:log-stream:a", {}
    elif service == "iam":
        named = f"arn:aws:iam::{ACCOUNT}:role/{given.get('RoleName')}"
        yield name, given.get("PolicySourceArn", named), {}
    elif service != "sts":  # GetCallerIdentity, which can't be denied
        assert service in ("service-quotas", "application-autoscaling"), call
        yield name, "*", {}


def _s3(operation, given):
    bucket = f"arn:aws:s3:::{given['Bucket']}"
    if operation == "HeadBucket":
        yield "s3:ListBucket", bucket, {}
    elif operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket, {"s3:prefix": given["Prefix"]}
    elif operation == "DeleteObjects":
        for each in given["Delete"]["Objects"]:
            yield "s3:DeleteObject", f"{bucket}/{each['Key']}", {}
    else:
        yield f"s3:{operation}", f"{bucket}/{given['Key']}", {}
        if "Tagging" in given:
            yield "s3:PutObjectTagging", f"{bucket}/{given['Key']}", {}


def _sagemaker(name, operation, given):
    kinds = {
        "TrainingJobName": "training-job",
        "ProcessingJobName": "processing-job",
        "TransformJobName": "transform-job",
        "ModelName": "model",
        "EndpointConfigName": "endpoint-config",
        "EndpointName": "endpoint",
    }
    if operation.startswith("List") and operation != "ListTags":
        yield name, "*", {}
        return
    resources = [f"{SAGEMAKER}:{kind}/{given[key]}" for key, kind in kinds.items() if key in given]
    resources = resources or [given["ResourceArn"]]
    if operation == "CreateTransformJob":  # of whose model nobody is asked
        resources = [each for each in resources if ":transform-job/" in each]
    for resource in resources:
        yield name, resource, {}
    if given.get("Tags"):
        made = {"CreateEndpoint": "endpoint/", "CreateEndpointConfig": "endpoint-config/"}
        for resource in resources:
            if made.get(operation, "/") in resource:
                yield "sagemaker:AddTags", resource, {}
    if role := given.get("RoleArn") or given.get("ExecutionRoleArn"):
        yield "iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"}


class Engine:
    class api:
        @staticmethod
        def inspect_image(image):
            return {"Os": "linux", "Architecture": "amd64"}


def dry_calls(tmp_path, monkeypatch):
    """The calls of a run on AWS with all steps that there are."""
    told: list[Any] = []
    built = BuiltImage("harness-gam:0123456789ab", "sha256:" + "a" * 64, 0.0, built=False)
    settings = SETTINGS.model_copy(update={
        "root": tmp_path,
        "channels": {"train": Channel(source="rows.csv")},
        "requests": {"": Requests(source="rows.csv")},
        "processing": Processing(inputs={"raw": ProcessingInput(source="rows.csv")}),
        "transform": Transform(source="rows.csv"),
    })  # fmt: skip
    (tmp_path / "rows.csv").write_text("1\n")
    monkeypatch.setattr(docker_engine, "ensure", lambda progress: Engine)
    monkeypatch.setattr(run, "build", lambda *_, **__: built)
    plan = Plan(make(settings).steps - {"compare"}, output=tmp_path / "out", measured=False)
    to = nullcontext(connect_dry(settings, told.append))
    run.run(settings, progress=lambda _: None, plan=plan, to=to)
    return [
        *told,
        SimpleNamespace(
            service="logs",
            operation="GetLogEvents",
            parameters={"logGroupName": "/aws/sagemaker/TrainingJobs"},
        ),
        SimpleNamespace(
            service="ecr", operation="CreateRepository",
            parameters={"repositoryName": "harness-gam", "tags": [{}]},
        ),
    ]  # fmt: skip


def test_a_caller_may_make_every_call_of_a_run(may, tmp_path, monkeypatch):
    calls = dry_calls(tmp_path, monkeypatch)
    asked = [each for call in calls for each in actions(call)]

    assert {call.operation for call in calls} >= {
        "PutObject", "CreateTrainingJob", "CreateEndpoint", "InvokeEndpoint", "DeleteEndpoint",
        "PutScalingPolicy", "DeleteObjects", "push", "DescribeLogStreams", "GetObject",
        "CreateProcessingJob", "CreateTransformJob",
    }  # fmt: skip
    denied = {
        (action, resource)
        for action, resource, context in asked
        if not may("caller", action, resource.replace(DRY_ACCOUNT, ACCOUNT), **context)
    }
    assert denied == set()


def test_a_caller_may_clean_up(may, boto, iam, server, monkeypatch, tmp_path):
    s3, sagemaker = boto.client("s3"), boto.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    left = tags(RUN, keep=False)
    s3.put_object(
        Bucket=BUCKET,
        Key=f"harness/{RUN}/data/train/train.csv",
        Body=b"1",
        Tagging="&".join(f"{key}={value}" for key, value in left.items()),
    )
    sagemaker.create_model(
        ModelName=RUN,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "a"},
        Tags=[{"Key": key, "Value": value} for key, value in left.items()],
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(session, "session", lambda settings: boto)
    with recorded(boto) as calls:
        cleaned = cleanup.clean(SETTINGS)

    assert any(RUN in each for each in cleaned.removed)
    assert {call.operation for call in calls} >= {"DeleteModel", "DeleteObjects", "ListTags"}
    for call in calls:
        for action, resource, context in actions(call):
            assert may("caller", action, resource, **context), (action, resource)


def test_a_caller_may_look_before(may, boto, iam, monkeypatch):
    monkeypatch.setattr(session, "session", lambda settings: boto)
    with recorded(boto) as calls:
        preflight.examine(SETTINGS)

    operations = {call.operation for call in calls}
    assert {"GetRole", "SimulatePrincipalPolicy", "HeadBucket", "GetServiceQuota"} <= operations
    for call in calls:
        for action, resource, context in actions(call):
            if not resource.endswith(":role/harness"):  # which the calls come from here
                assert may("caller", action, resource, **context), (action, resource)


HARM = [
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/harness-caller", {}),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/harness-caller", {}),
    ("iam:AttachUserPolicy", f"arn:aws:iam::{ACCOUNT}:user/harness-caller", {}),
    ("iam:PutRolePolicy", ROLE, {}),
    ("iam:UpdateAssumeRolePolicy", ROLE, {}),
    ("iam:CreateServiceLinkedRole", f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/a/b", {}),
    (
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/Administrator",
        {"iam:PassedToService": "sagemaker.amazonaws.com"},
    ),
    ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("iam:PassRole", ROLE, {}),
    ("sts:AssumeRole", ROLE, {}),
    ("s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}", {}),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}", {}),
    ("s3:ListAllMyBuckets", "*", {}),
    ("s3:ListBucket", "arn:aws:s3:::another", {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {"s3:prefix": "payroll/"}),
    ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/payroll/2026.csv", {}),
    ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/harness-not/a", {}),
    ("s3:GetObject", "arn:aws:s3:::another/harness/a", {}),
    ("s3:PutObjectAcl", f"{OBJECTS}/a", {}),
    ("ecr:DeleteRepository", REPOSITORY, {}),
    ("ecr:SetRepositoryPolicy", REPOSITORY, {}),
    ("ecr:BatchDeleteImage", REPOSITORY, {}),
    ("ecr:PutImage", f"{REPOSITORY}-production", {}),
    ("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/production", {}),
    (
        "sagemaker:CreateTrainingJob",
        f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/harness-a",
        {},
    ),
    ("sagemaker:StopTrainingJob", f"{SAGEMAKER}:training-job/production", {}),
    ("sagemaker:DeleteEndpoint", f"{SAGEMAKER}:endpoint/production", {}),
    ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/production", {}),
    ("sagemaker:DeleteModel", f"{SAGEMAKER}:model/production", {}),
    ("sagemaker:UpdateEndpoint", f"{SAGEMAKER}:endpoint/harness-a", {}),
    ("sagemaker:CreateNotebookInstance", f"{SAGEMAKER}:notebook-instance/harness-a", {}),
    ("sagemaker:CreatePresignedDomainUrl", f"{SAGEMAKER}:user-profile/harness-a", {}),
    ("sagemaker:CreateProcessingJob", f"{SAGEMAKER}:processing-job/production", {}),
    ("sagemaker:StopProcessingJob", f"{SAGEMAKER}:processing-job/production", {}),
    ("sagemaker:CreateTransformJob", f"{SAGEMAKER}:transform-job/production", {}),
    ("sagemaker:StopTransformJob", f"{SAGEMAKER}:transform-job/production", {}),
    ("sagemaker:CreateAutoMLJob", f"{SAGEMAKER}:automl-job/harness-a", {}),
    ("logs:DeleteLogGroup", f"{LOGS}:/aws/sagemaker/TrainingJobs", {}),
    ("logs:GetLogEvents", f"{LOGS}:/aws/lambda/payroll:log-stream:a", {}),
    ("servicequotas:RequestServiceQuotaIncrease", "*", {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/Billing"}),
    ("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:production", {}),
    ("account:EnableRegion", "*", {}),
    ("organizations:LeaveOrganization", "*", {}),
    ("ec2:RunInstances", "*", {}),
    ("lambda:CreateFunction", "*", {}),
    ("kms:Decrypt", "*", {}),
    ("secretsmanager:GetSecretValue", "*", {}),
]


@pytest.mark.parametrize(
    ("action", "resource", "context"), HARM, ids=[f"{each[0]}-{n}" for n, each in enumerate(HARM)]
)
def test_nobody_may_do_harm(may, action, resource, context):
    assert not may("caller", action, resource, **context)
    assert not may("role", action, resource, **context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {"s3:prefix": f"harness/{RUN}/data/train/"}),
        ("s3:GetObject", f"{OBJECTS}/{RUN}/data/train/train.csv", {}),
        ("s3:PutObject", f"{OBJECTS}/{RUN}/output/{RUN}/output/model.tar.gz", {}),
        ("ecr:GetAuthorizationToken", "*", {}),
        ("ecr:BatchGetImage", REPOSITORY, {}),
        ("ecr:GetDownloadUrlForLayer", REPOSITORY, {}),
        ("ecr:BatchCheckLayerAvailability", REPOSITORY, {}),
        ("logs:CreateLogGroup", f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:", {}),
        ("logs:CreateLogStream", f"{LOGS}:/aws/sagemaker/Endpoints/{RUN}:log-stream:", {}),
        ("logs:PutLogEvents", f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:{RUN}/algo-1-1", {}),
        (
            "cloudwatch:PutMetricData",
            "*",
            {"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"},
        ),
    ],
)
def test_the_role_may_do_what_a_job_and_an_endpoint_need(may, action, resource, context):
    """By "CreateTrainingJob API: Execution Role Permissions" of SageMaker's developer guide."""
    assert may("role", action, resource, **context)


def test_the_role_is_no_caller(may):
    for action, resource in (
        ("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{RUN}"),
        ("s3:DeleteObject", f"{OBJECTS}/a"),
        ("ecr:PutImage", REPOSITORY),
        ("iam:PassRole", ROLE),
    ):
        assert not may("role", action, resource)


@pytest.mark.parametrize("name", policy_documents.NAMES)
def test_iam_takes_each_policy(iam, name):
    """As moto checks them, when they were made; and within IAM's limits."""
    text = json.dumps(document(name), separators=(",", ":"))

    assert len(text) <= (INLINE_CHARACTERS if name == "execution-role" else MANAGED_CHARACTERS)
    assert "$" not in text
    sids = [statement["Sid"] for statement in document(name)["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def test_the_whole_bucket_where_there_is_no_prefix():
    bare = SETTINGS.model_copy(update={"aws": SETTINGS.aws.model_copy(update={"prefix": ""})})

    statements = {each["Sid"]: each for each in document("caller", bare)["Statement"]}

    assert statements["Objects"]["Resource"] == f"arn:aws:s3:::{BUCKET}/*"
    assert statements["Bucket"]["Condition"]["StringLikeIfExists"]["s3:prefix"] == "*"


def test_other_partitions_have_arns_of_their_own():
    china = SETTINGS.model_copy(update={"region": "cn-north-1"})

    text = json.dumps(document("execution-role", china))

    assert "arn:aws-cn:s3:::" in text
    assert "arn:aws:" not in text


@pytest.mark.parametrize(
    ("name", "settings", "github", "says"),
    [
        ("caller", Settings(target="aws"), "", "aws.bucket"),
        ("ci-trust", SETTINGS, "", "--github"),
        ("all", SETTINGS, "", "there is no policy all; there are execution-role-trust"),
    ],
)
def test_a_policy_that_cannot_be_filled_in(name, settings, github, says):
    with pytest.raises(ConfigError, match=says):
        policy_documents.document(name, settings, ACCOUNT, github=github)


def test_ci_is_the_main_branch_of_one_repository():
    (statement,) = document("ci-trust")["Statement"]

    assert statement["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:me/mine:ref:refs/heads/main",
    }
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    assert statement["Principal"] == {"Federated": provider}


def test_moto_enforces_it_where_it_enforces_anything(server, boto, iam):
    """S3's objects: moto takes no resource into account elsewhere."""
    boto.client("s3").create_bucket(Bucket="enforced")
    settings = SETTINGS.model_copy(
        update={"aws": SETTINGS.aws.model_copy(update={"bucket": "enforced"})}
    )
    iam.create_user(UserName="harness-enforced")
    iam.put_user_policy(
        UserName="harness-enforced",
        PolicyName="caller",
        PolicyDocument=json.dumps(document("caller", settings)),
    )
    key = iam.create_access_key(UserName="harness-enforced")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=server.url)
    ecr = session.client("ecr", endpoint_url=server.url)

    with enable_iam_authentication():
        s3.put_object(Bucket="enforced", Key="harness/a", Body=b"1")
        assert s3.get_object(Bucket="enforced", Key="harness/a")["Body"].read() == b"1"
        s3.delete_object(Bucket="enforced", Key="harness/a")
        ecr.get_authorization_token()
        for refused in (
            lambda: s3.put_object(Bucket="enforced", Key="payroll/a", Body=b"1"),
            lambda: s3.get_object(Bucket="enforced", Key="payroll/a"),
            lambda: s3.delete_bucket(Bucket="enforced"),
            lambda: s3.list_buckets(),
            lambda: ecr.delete_repository(repositoryName="harness-gam"),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                refused()

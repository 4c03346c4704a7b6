"""The aws code path, end to end: AWS_ENDPOINT_URL is a local AWS with a real registry behind it.

`harness run --target aws` runs as a process of its own, as it would against the real AWS: with
credentials of the environment, a role and a bucket that are there, and an image that is pushed.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest

from harness.account import policy_documents
from harness.config.places import Aws
from harness.config.settings import Settings
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.faults import Faults
from tests.forked import Forked, starter
from tests.integration.registry import DockerRegistry
from tests.integration.support import finish
from tests.policies import ALL, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.image.build import BuiltImage

ROOT = Path(__file__).parents[3]
QUICK = Path(__file__).parents[1] / "quick"
BUCKET = "aws-path"
ROLE = "SageMakerExecution"
REPOSITORY = "harness-gam"

pytestmark = pytest.mark.timeout(300)


class Account:
    """An account on a local AWS, with what the flow needs to be there, behind a proxy."""

    def __init__(self, server: LocalAWS, faults: Faults, registry: DockerRegistry) -> None:
        self.faults = faults
        self.registry = registry.host
        self.boto = local_boto_session(server.url, server.region)
        (login,) = self.boto.client("ecr").get_authorization_token()["authorizationData"]
        registry.allow(*base64.b64decode(login["authorizationToken"]).decode().split(":", 1))
        self.boto.client("s3").create_bucket(Bucket=BUCKET)
        iam = self.boto.client("iam")
        role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust("sagemaker"))["Role"]
        iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=ALL)
        self.role_arn = role["Arn"]

    def left(self) -> list[str]:
        """What runs have left here, other than records of jobs that have ended."""
        sagemaker: Any = self.boto.client("sagemaker")
        s3 = self.boto.client("s3")
        jobs = sagemaker.list_training_jobs()["TrainingJobSummaries"]
        return [
            *(each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]
              if each["EndpointStatus"] != "Deleting"),
            *(each["EndpointConfigName"]
              for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]),
            *(each["ModelName"] for each in sagemaker.list_models()["Models"]),
            *(each["TrainingJobName"] for each in jobs
              if each["TrainingJobStatus"] in ("InProgress", "Stopping")),
            *(each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])),
        ]  # fmt: skip


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    # The engine takes long to push the image: once is enough for all workers of pytest-xdist.
    folder = tmp_path_factory.getbasetemp()
    data = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "registry"
    with (
        DockerRegistry(tmp_path_factory.mktemp("registry"), data) as registry,
        LocalAWS(registry=registry.host) as server,
        Faults(server.url) as faults,
    ):
        yield Account(server, faults, registry)


@pytest.fixture(autouse=True)
def no_faults(account: Account) -> None:
    account.faults.clear()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "state/harness/ledger"


@pytest.fixture
def environ(account: Account, tmp_path: Path) -> dict[str, str]:
    """That of somebody who has that account."""
    return {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "AWS_ENDPOINT_URL": account.faults.url,
        "AWS_ACCESS_KEY_ID": "harness",
        "AWS_SECRET_ACCESS_KEY": "harness",
        "HARNESS_TARGET": "aws",
        "HARNESS_AWS_BUCKET": BUCKET,
        "HARNESS_AWS_ROLE_ARN": account.role_arn,
        "HARNESS_AWS_REPOSITORY": REPOSITORY,
        "HARNESS_AWS_POLL_SECONDS": "0.1",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Callable[..., Forked]]:
    """Starts `harness` with that environment, in the project that is quick unless in another."""
    with starter(environ, QUICK) as start:
        yield start


def test_the_flow_passes_and_leaves_nothing(
    account: Account, environ: dict[str, str], ledger: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--json"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout.splitlines()[-1])
    assert report["target"] == "aws"
    metrics = report["metrics"]
    assert (round(metrics["train_r2"], 4), round(metrics["test_r2"], 4)) == (0.9967, 0.9972)
    assert report["local"]["difference"] <= 1e-9
    scores = {name: metrics[name] for name in ("train_r2", "test_r2")}
    assert report["local"]["metrics"] == pytest.approx(scores, abs=1e-12)
    assert Path(report["model"]).is_file()  # also when all is torn down
    assert account.left() == []
    assert list(ledger.iterdir()) == []

    # The job's image came from the registry, by the digest that it has there.
    job = account.boto.client("sagemaker").describe_training_job(
        TrainingJobName=report["training_job"]
    )
    image = job["AlgorithmSpecification"]["TrainingImage"]
    name, _, digest = image.partition("@")
    assert name == f"{account.registry}/{REPOSITORY}"
    (pushed,) = account.boto.client("ecr").describe_images(
        repositoryName=REPOSITORY, imageIds=[{"imageDigest": digest}]
    )["imageDetails"]
    assert pushed["imageTags"] == [report["image"].rpartition(":")[2]]
    said = [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]]
    assert "Downloading the training image" in said
    assert job["RoleArn"] == account.role_arn


@pytest.mark.slow
def test_a_kept_endpoint_stays_and_clean_leaves_it_alone(
    account: Account, start: Callable[..., Forked], ledger: Path
) -> None:
    status, report, err = finish(start("run", "--json", "--keep", cwd=ROOT))

    assert status == 0, err
    name = report["endpoint"]
    assert f"delete-endpoint --region us-east-1 --endpoint-name {name}" in err
    assert "by the hour" in err
    status, cleaned, err = finish(start("clean", "--json", "--every-host"))
    assert (status, [each for each in cleaned["removed"] if name in each]) == (0, []), err
    assert list(ledger.iterdir()) == []
    sagemaker = account.boto.client("sagemaker")
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    body = account.boto.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=b"100", ContentType="text/csv", Accept="text/csv"
    )
    assert float(body["Body"].read()) > 0

    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    s3 = account.boto.client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])


CALLS = [
    "s3:PutObject",
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateModel",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:CreateEndpoint",
    "sagemaker:InvokeEndpoint",
    "s3:GetObject",  # of the artifact, to be served here
    "sagemaker:DeleteEndpoint",
    "sagemaker:DeleteModel",
]
# What runs with every test; the other moments are slow together, and seldom differ.
QUICK_CALLS = {("sagemaker:CreateTrainingJob", "tag"), ("sagemaker:CreateEndpoint", "ledger")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "found_by"),
    [
        pytest.param(
            call, found_by, marks=() if (call, found_by) in QUICK_CALLS else pytest.mark.slow
        )
        for call in CALLS
        for found_by in ("ledger", "tag")
    ],
)
def test_what_a_killed_run_has_left_is_cleaned(
    account: Account,
    start: Callable[..., Forked],
    ledger: Path,
    call: str,
    found_by: str,
) -> None:
    process = start("run")
    wait_for(lambda: call in account.faults.calls, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [path.suffix for path in sorted(ledger.iterdir())] == [".jsonl", ".lock"]
    if found_by == "tag":
        for path in ledger.iterdir():
            path.unlink()
    account.faults.clear()

    status, cleaned, err = finish(start("clean", "--json"))

    assert status == 0, err
    assert cleaned["left"] == []
    assert cleaned["removed"]
    assert account.left() == []
    assert list(ledger.glob("*")) == []


@pytest.mark.slow
def test_sigterm_tears_down(account: Account, start: Callable[..., Forked], ledger: Path) -> None:
    process = start("run", "--json")
    wait_for(lambda: "sagemaker:CreateEndpoint" in account.faults.calls, process)
    process.terminate()

    status, _, err = finish(process)

    assert status == 143, err
    assert account.left() == []
    assert list(ledger.iterdir()) == []


@pytest.mark.slow
def test_a_run_that_lives_is_not_cleaned(account: Account, start: Callable[..., Forked]) -> None:
    process = start("run", "--json", cwd=ROOT)
    wait_for(lambda: "sagemaker:CreateTrainingJob" in account.faults.calls, process)

    status, cleaned, err = finish(start("clean", "--json"))

    assert (status, cleaned["removed"], cleaned["left"]) == (0, [], []), err
    status, report, err = finish(process)
    assert status == 0, err
    assert report["passed"]


@pytest.mark.slow
def test_bad_minutes_of_aws_do_not_fail_a_run(
    account: Account, start: Callable[..., Forked]
) -> None:
    """Every operation is throttled once, and once its server is lost."""
    throttled = account.faults.add("*", "ThrottlingException", "Rate exceeded", times=1)
    lost = account.faults.add("*", "ServiceUnavailable", status=503, times=1)

    status, report, err = finish(start("run", "--json"))

    assert status == 0, err
    assert report["passed"]
    for operation in CALLS:
        assert (throttled.answered[operation], lost.answered[operation]) == (1, 1), operation
    assert account.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("call", ["sagemaker:CreateTrainingJob", "sagemaker:CreateEndpoint"])
def test_a_refusal_fails_at_once(account: Account, start: Callable[..., Forked], call: str) -> None:
    operation = call.partition(":")[2]
    account.faults.add(call, "AccessDeniedException", "You are not allowed to.")

    status, report, err = finish(start("run", "--json"))

    assert status == 1
    assert "You are not allowed to" in report["error"]
    assert operation in report["error"]
    assert account.faults.calls.count(call) == 1
    assert "Traceback" not in err
    assert account.left() == []


@pytest.mark.slow
def test_no_secret_is_shown(
    account: Account, start: Callable[..., Forked], gam_image: BuiltImage
) -> None:
    secret = "wJalrXUtnFEMI-not-a-real-key"
    process = start(
        "run", cwd=ROOT, AWS_SECRET_ACCESS_KEY=secret, AWS_SESSION_TOKEN="a-session-token"
    )
    out, err = process.communicate(timeout=240)

    assert process.returncode == 0, err
    client = docker.from_env()
    try:
        image = json.dumps(
            [client.api.history(gam_image.id), client.api.inspect_image(gam_image.id)]
        )
    finally:
        client.close()
    for shown in (out, err, image):
        assert secret not in shown
        assert "a-session-token" not in shown
        assert "-auth-token" not in shown


# Calls whose action in IAM has another name.
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
}


@pytest.mark.slow
def test_the_documented_policies_have_an_action_for_every_call(
    account: Account, start: Callable[..., Forked]
) -> None:
    """On which resources, tests/unit/test_policies.py sees."""
    status, _, err = finish(
        start("run", "--json", HARNESS_ENDPOINT_MAX_INSTANCE_COUNT="2", HARNESS_TRAINING_SPOT="1")
    )
    assert status == 0, err
    status, _, err = finish(start("clean", "--json", "--every-host"))
    assert status == 0, err

    settings = Settings(aws=Aws(role_arn=account.role_arn, bucket=BUCKET))
    allowed = {
        action
        for name in (policy_documents.CALLER, policy_documents.AUTOSCALING)
        for ask in policy_documents.asks(policy_documents.document(name, settings, "123456789012"))
        for action in ask.actions
    }
    called = {ACTIONS.get(call, call) for call in account.faults.calls}
    assert called - allowed == {"sts:GetCallerIdentity"}  # which nobody can be denied


def wait_for(true: Callable[[], bool], process: Forked) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)

"""The AWS CLI against the local AWS, and boto3's waiters: what scripts are made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import WaiterError

from harness.aws_model.loader import LOADER
from tests import forked
from tests.integration.support import WAIT

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
FAILURE = 255  # of the CLI's version 1, whatever failed

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def waiters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data path with the CLI's waiters as they are, but for looking each second.

    Theirs look every 30, 60 or 120 seconds.
    """
    document = json.loads(json.dumps(LOADER.load_service_model("sagemaker", "waiters-2")))
    for waiter in document["waiters"].values():
        waiter["delay"] = 1
    version = LOADER.determine_latest_version("sagemaker", "service-2")
    path = tmp_path_factory.mktemp("data")
    (path / "sagemaker" / version).mkdir(parents=True)
    (path / "sagemaker" / version / "waiters-2.json").write_text(json.dumps(document))
    return path


class CLI:
    """`aws`, with nothing but what a user sets to point it at a local AWS.

    Unless `forked` is false, it needn't make its imports.
    """

    def __init__(self, url: str, region: str, folder: Path, data_path: Path) -> None:
        self.forked = True
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "harness",
            "AWS_SECRET_ACCESS_KEY": "harness",
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_DATA_PATH": str(data_path),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        how: Any = {"cwd": str(self._folder), "env": self._environment, "timeout": 2 * WAIT}
        if self.forked:
            return forked.run(arguments, command="aws", **how)
        command = [sys.executable, "-m", "awscli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, **how)

    def __call__(self, *arguments: str) -> Any:
        """What the command answers, parsed; the command must succeed."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.strip().startswith("{") else result.stdout

    def create(self, command: str, request: dict[str, Any]) -> Any:
        """Run a create command with its request in a file, as scripts do."""
        (self._folder / "request.json").write_text(json.dumps(request))
        return self("sagemaker", command, "--cli-input-json", "file://request.json")


@pytest.fixture
def cli(local_aws, docker_client, waiters, tmp_path) -> CLI:
    return CLI(local_aws.url, local_aws.region, tmp_path, waiters)


def training_job(name: str, image: str, bucket: str, probe: str = "") -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/{name}"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        "Environment": {"PROBE": probe},
    }  # fmt: skip


@pytest.mark.slow
def test_train_deploy_invoke_delete(aws, cli, names, probe_image, tmp_path):
    cli.forked = False  # once as a user starts it
    name = names.new("cli")
    (tmp_path / "train.csv").write_text("1,2\n")
    cli("s3", "cp", "train.csv", f"s3://{aws.bucket}/{name}/in/train.csv", "--no-progress")
    assert "train.csv" in cli("s3", "ls", f"s3://{aws.bucket}/{name}/in/")

    request = training_job(name, probe_image, aws.bucket)
    request["InputDataConfig"] = [
        {
            "ChannelName": "train",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/{name}/in/"
                }
            },
        }
    ]  # fmt: skip
    arn = cli.create("create-training-job", request)["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    cli("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)
    model_data = cli(
        "sagemaker", "describe-training-job", "--training-job-name", name,
        "--query", "ModelArtifacts.S3ModelArtifacts", "--output", "text",
    ).strip()  # fmt: skip
    assert model_data == f"s3://{aws.bucket}/{name}/{name}/output/model.tar.gz"

    group = "/aws/sagemaker/TrainingJobs"
    streams = cli("logs", "describe-log-streams", "--log-group-name", group,
                  "--log-stream-name-prefix", name)["logStreams"]  # fmt: skip
    events = cli("logs", "get-log-events", "--log-group-name", group,
                 "--log-stream-name", streams[0]["logStreamName"], "--start-from-head")  # fmt: skip
    assert "train: PROBE=''" in [event["message"] for event in events["events"]]

    cli("sagemaker", "create-model", "--model-name", name, "--execution-role-arn", ROLE,
        "--primary-container", f"Image={probe_image},ModelDataUrl={model_data}")  # fmt: skip
    cli("sagemaker", "create-endpoint-config", "--endpoint-config-name", name,
        "--production-variants",
        f"VariantName=AllTraffic,ModelName={name},InstanceType=ml.m5.large,"
        "InitialInstanceCount=1")  # fmt: skip
    cli("sagemaker", "create-endpoint", "--endpoint-name", name, "--endpoint-config-name", name)
    cli("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", name)

    answer = cli("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", name,
                 "--content-type", "probe/size", "--body", "seven b", "answer.txt")  # fmt: skip
    assert (tmp_path / "answer.txt").read_text() == "7"
    assert answer["InvokedProductionVariant"] == "AllTraffic"

    cli("sagemaker", "delete-endpoint", "--endpoint-name", name)
    cli("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", name)
    cli("sagemaker", "delete-endpoint-config", "--endpoint-config-name", name)
    cli("sagemaker", "delete-model", "--model-name", name)
    assert aws.containers(name) == []


@pytest.mark.slow
def test_a_stopped_job_is_an_end_too(aws, cli, names, probe_image):
    name = names.new("stop")
    cli.create("create-training-job", training_job(name, probe_image, aws.bucket, "until-sigterm"))
    aws.wait_for_log("/aws/sagemaker/TrainingJobs", name, "waiting for SIGTERM")
    cli("sagemaker", "stop-training-job", "--training-job-name", name)
    cli("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)
    job = cli("sagemaker", "describe-training-job", "--training-job-name", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")


@pytest.mark.slow
def test_a_wait_for_a_job_that_fails_says_so(aws, cli, names, probe_image):
    name = names.new("fail")
    request = training_job(name, probe_image, aws.bucket, "fail-without-file")
    cli.create("create-training-job", request)
    result = cli.run(
        "sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name
    )
    assert result.returncode == FAILURE
    assert "Waiter TrainingJobCompletedOrStopped failed: Waiter encountered a terminal failure" in (
        result.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize(("status", "returned"), [(0, 0), (3, FAILURE)])
def test_process(aws, cli, names, probe_image, tmp_path, status, returned):
    name = names.new("process")
    program = (
        "import pathlib, sys; pathlib.Path('/opt/ml/processing/out/said.txt')"
        f".write_text(sys.argv[1]); sys.exit({status})"
    )
    output = {
        "OutputName": "out",
        "S3Output": {
            "S3Uri": f"s3://{aws.bucket}/{name}/out",
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
    request = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": probe_image,
            "ContainerEntrypoint": ["python3", "-c", program],
            "ContainerArguments": ["hello"],
        },
        "ProcessingOutputConfig": {"Outputs": [output]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    cli.create("create-processing-job", request)
    result = cli.run(
        "sagemaker", "wait", "processing-job-completed-or-stopped", "--processing-job-name", name
    )
    assert result.returncode == returned
    if status == 0:
        cli("s3", "cp", f"s3://{aws.bucket}/{name}/out/said.txt", "said.txt", "--no-progress")
        assert (tmp_path / "said.txt").read_text() == "hello"
    else:
        assert "Waiter ProcessingJobCompletedOrStopped failed" in result.stderr


@pytest.mark.slow
def test_transform(aws, cli, names, probe_image, tmp_path):
    name = names.new("transform")
    (tmp_path / "rows.csv").write_text("1,2\n3,4\n")
    cli("s3", "cp", "rows.csv", f"s3://{aws.bucket}/{name}/in/rows.csv", "--no-progress")
    cli("sagemaker", "create-model", "--model-name", name, "--execution-role-arn", ROLE,
        "--primary-container", f"Image={probe_image}")  # fmt: skip
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/{name}/in/"}
    request = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{aws.bucket}/{name}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    cli.create("create-transform-job", request)
    cli("sagemaker", "wait", "transform-job-completed-or-stopped", "--transform-job-name", name)
    cli("s3", "cp", f"s3://{aws.bucket}/{name}/out/rows.csv.out", "rows.out", "--no-progress")
    assert (tmp_path / "rows.out").read_text() == "1,2\n3,4\n"
    cli("sagemaker", "delete-model", "--model-name", name)


@pytest.mark.slow
def test_pages(aws, cli, names, probe_image):
    stem = names.new("page")
    created = [f"{stem}-{number}" for number in range(5)]
    for name in created:
        aws.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": probe_image}
        )
    try:
        command = ["sagemaker", "list-models", "--name-contains", stem, "--sort-order", "Ascending"]
        found: list[list[str]] = []
        token: list[str] = []
        while len(found) < len(created):
            page = cli(*command, "--max-items", "2", "--page-size", "1", *token)
            found.append([model["ModelName"] for model in page["Models"]])
            if "NextToken" not in page:
                break
            token = ["--starting-token", page["NextToken"]]
        assert found == [created[:2], created[2:4], created[4:]]
    finally:
        for name in created:
            aws.sagemaker.delete_model(ModelName=name)


ERRORS = {
    "sagemaker describe-training-job --training-job-name nobody-knows": (
        "An error occurred (ValidationException) when calling the DescribeTrainingJob operation: "
        "Requested resource not found."
    ),
    "sagemaker describe-endpoint --endpoint-name nobody-knows": (
        "An error occurred (ValidationException) when calling the DescribeEndpoint operation: "
        'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/nobody-knows".'
    ),
    "sagemaker describe-model --model-name under_score": (
        "An error occurred (ValidationException) when calling the DescribeModel operation: "
        "1 validation error detected: Value 'under_score' at 'modelName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
    ),
    "sagemaker-runtime invoke-endpoint --endpoint-name nobody-knows --body x answer.txt": (
        "An error occurred (ValidationError) when calling the InvokeEndpoint operation: "
        "Endpoint nobody-knows of account 123456789012 not found."
    ),
    "sagemaker wait endpoint-in-service --endpoint-name nobody-knows": (
        "Waiter EndpointInService failed: Waiter encountered a terminal failure state: Matched "
        "expected service error code: ValidationException"
    ),
}


@pytest.mark.parametrize("command", ERRORS)
def test_errors(cli, command):
    result = cli.run(*command.split())
    assert result.stdout == ""
    assert ERRORS[command] in result.stderr
    assert result.returncode == FAILURE


@pytest.mark.slow
def test_boto3_waits_for_the_end_of_a_job(aws, names, probe_image):
    waiter = aws.sagemaker.get_waiter("training_job_completed_or_stopped")
    quick = {"Delay": 1, "MaxAttempts": WAIT}
    done, failed = names.new("done"), names.new("failed")
    aws.sagemaker.create_training_job(**training_job(done, probe_image, aws.bucket))
    aws.sagemaker.create_training_job(
        **training_job(failed, probe_image, aws.bucket, "fail-with-file")
    )
    waiter.wait(TrainingJobName=done, WaiterConfig=quick)
    with pytest.raises(WaiterError, match="terminal failure state") as raised:
        waiter.wait(TrainingJobName=failed, WaiterConfig=quick)
    last: Any = raised.value.last_response
    assert last["TrainingJobStatus"] == "Failed"
    with pytest.raises(WaiterError, match="ValidationException"):
        waiter.wait(TrainingJobName="nobody-knows", WaiterConfig=quick)


@pytest.mark.slow
def test_boto3_waits_for_an_endpoint_to_come_and_go(aws, names, probe_image):
    quick = {"Delay": 1, "MaxAttempts": WAIT}
    in_service = aws.sagemaker.get_waiter("endpoint_in_service")
    for probe, comes in (("", True), ("crash", False)):
        name = names.new("endpoint")
        aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": probe_image, "Environment": {"PROBE": probe}},
        )
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic", "ModelName": name,
                    "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
                }
            ],
        )  # fmt: skip
        aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        if comes:
            in_service.wait(EndpointName=name, WaiterConfig=quick)
        else:
            with pytest.raises(WaiterError, match="terminal failure state") as raised:
                in_service.wait(EndpointName=name, WaiterConfig=quick)
            last: Any = raised.value.last_response
            assert last["EndpointStatus"] == "Failed"
        aws.sagemaker.delete_endpoint(EndpointName=name)
        aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=quick)
        assert aws.containers(name) == []
        aws.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        aws.sagemaker.delete_model(ModelName=name)


def test_boto3_waits_for_what_is_left_to_moto(aws, names):
    name = names.new("notebook")
    aws.sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t2.medium", RoleArn=ROLE
    )
    aws.sagemaker.get_waiter("notebook_instance_in_service").wait(NotebookInstanceName=name)
    aws.sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    aws.sagemaker.get_waiter("notebook_instance_stopped").wait(NotebookInstanceName=name)
    aws.sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    aws.sagemaker.get_waiter("notebook_instance_deleted").wait(NotebookInstanceName=name)

"""Functions of Lambda's, in containers, and the steps that invoke them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.policies import trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

DOCKERFILE = """
FROM {image}
RUN printf '%s\\n' \\
  'import importlib, json, sys' \\
  'sys.path.insert(0, "/var/task")' \\
  'module, name = sys.argv[1].split(".")' \\
  'handler = getattr(importlib.import_module(module), name)' \\
  'print(json.dumps(handler(json.loads(sys.argv[2]), None)))' > /run.py
ENTRYPOINT ["python3", "/run.py"]
"""
"""As the images that moto looks for are run: with the handler and the event as arguments."""

CODE = """
import time

def add(event, context):
    print("adding")
    if event["one"] < 0:
        raise ValueError("too small")
    return {"statusCode": 200, "sum": event["one"] + event["other"], "text": "done"}

def store(event, context):
    import boto3
    from more import KEY

    boto3.client("s3").put_object(Bucket=event["bucket"], Key=KEY, Body=b"stored")
    return {"name": context.function_name, "left": context.get_remaining_time_in_millis() > 0}

def sleep(event, context):
    time.sleep(600)
"""


@pytest.fixture
def create(
    aws: AWS, names: Names, bare_image: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Creates a function, and returns its ARN."""
    monkeypatch.delenv("MOTO_DOCKER_LAMBDA_IMAGE", raising=False)
    client: Any = aws.session.client("lambda")
    role = aws.session.client("iam").create_role(
        RoleName=names.new("role"), AssumeRolePolicyDocument=trust("lambda")
    )["Role"]["Arn"]

    def create(handler: str, **members: Any) -> str:
        layer = client.publish_layer_version(
            LayerName=names.new("layer"), Content={"ZipFile": packed("python/more.py", "KEY = 'k'")}
        )
        made = client.create_function(
            FunctionName=names.new("f"), Role=role, Handler=f"functions.{handler}",
            Code={"ZipFile": packed("functions.py", CODE)}, Layers=[layer["LayerVersionArn"]],
            **{"Runtime": "python3.11", "Timeout": 30, **members},
        )  # fmt: skip
        return str(made["FunctionArn"])

    return create


def packed(name: str, text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


@pytest.fixture(scope="module")
def lambda_image(docker_client: DockerClient, bare_image: str) -> Iterator[str]:
    """An image that runs functions itself."""
    dockerfile = io.BytesIO(DOCKERFILE.format(image=bare_image).encode())
    image, _ = docker_client.images.build(fileobj=dockerfile, rm=True, forcerm=True)
    tag = f"harness-lambda:{str(image.id).rpartition(':')[2][:12]}"
    image.tag(*tag.split(":"))
    yield tag
    docker_client.images.remove(tag)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_function_is_run_and_its_outputs_are_used(
    aws: AWS, names: Names, create: Callable[..., str], is_named: bool,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if is_named:
        image = request.getfixturevalue("lambda_image")
        monkeypatch.setenv("MOTO_DOCKER_LAMBDA_IMAGE", image)
    function = create("add")
    name = names.new("p")
    client: Any = aws.sagemaker  # its stubs want a ClientRequestToken
    outputs = [{"OutputName": "sum", "OutputType": "Integer"},
               {"OutputName": "text", "OutputType": "String"}]  # fmt: skip
    given: dict[str, Any] = {"one": {"Get": "Parameters.One"}, "other": 2}
    condition = {
        "Type": "Equals", "LeftValue": {"Get": "Steps.Add.OutputParameters['sum']"},
        "RightValue": 3,
    }  # fmt: skip
    steps = [
        {"Name": "Add", "Type": "Lambda", "FunctionArn": function, "Arguments": given,
         "OutputParameters": outputs},
        {"Name": "Three", "Type": "Condition", "Arguments": {"Conditions": [condition]}},
    ]  # fmt: skip
    parameters = [{"Name": "One", "Type": "Integer", "DefaultValue": 1}]
    text = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
    client.create_pipeline(
        PipelineName=name, RoleArn="arn:aws:iam::123456789012:role/r", PipelineDefinition=text
    )

    def run(**members: Any) -> dict[str, Any]:
        arn = client.start_pipeline_execution(PipelineName=name, **members)["PipelineExecutionArn"]

        def ended() -> bool:
            found = client.describe_pipeline_execution(PipelineExecutionArn=arn)
            return found["PipelineExecutionStatus"] != "Executing"

        aws.wait_until(ended, f"the end of {arn}")
        listed = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)
        return {each["StepName"]: each for each in listed["PipelineExecutionSteps"]}

    found = run()
    assert "FailureReason" not in found["Add"]
    assert found["Add"]["Metadata"]["Lambda"] == {"Arn": function, "OutputParameters": [
        {"Name": "sum", "Value": "3"}, {"Name": "text", "Value": "done"}]}  # fmt: skip
    assert found["Three"]["Metadata"]["Condition"]["Outcome"] == "True"
    failed = run(PipelineParameters=[{"Name": "One", "Value": "-1"}])
    assert set(failed) == {"Add"}
    reason = failed["Add"]["FailureReason"]
    assert reason.startswith(f"ClientError: Lambda function {function} failed: ")
    assert "too small" in reason
    assert "adding" in aws.log(f"/aws/lambda/{function.rpartition(':')[2]}", "2")


@pytest.mark.slow
def test_a_function_has_boto3_its_layers_and_the_local_aws(
    aws: AWS, create: Callable[..., str]
) -> None:
    function = create("store", MemorySize=256)
    name = function.rpartition(":")[2]
    client: Any = aws.session.client("lambda")
    payload = json.dumps({"bucket": aws.bucket}).encode()
    answer = client.invoke(FunctionName=name, Payload=payload)
    assert json.loads(answer["Payload"].read()) == {"name": name, "left": True}
    assert "FunctionError" not in answer
    assert aws.s3.get_object(Bucket=aws.bucket, Key="k")["Body"].read() == b"stored"
    assert not aws.containers(f"lambda-{name}")


@pytest.mark.slow
def test_a_function_that_takes_too_long_is_ended(aws: AWS, create: Callable[..., str]) -> None:
    client: Any = aws.session.client("lambda")
    answer = client.invoke(FunctionName=create("sleep", Timeout=1), Payload=b"{}")
    assert answer["FunctionError"]
    told = json.loads(answer["Payload"].read())
    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_a_function_without_an_image_is_refused(
    aws: AWS, create: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_DOCKER_LAMBDA_IMAGE", "harness-none.invalid/lambda")
    client: Any = aws.session.client("lambda")
    with pytest.raises(ClientError, match="InvalidRuntimeException") as refused:
        client.invoke(FunctionName=create("add"), Payload=b"{}")
    assert (
        "MOTO_DOCKER_LAMBDA_IMAGE names harness-none.invalid/lambda:python3.11, which can't be "
        "pulled: "
    ) in str(refused.value)

"""Lambda steps: functions that moto's Lambda runs in a container."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

BUSYBOX = "busybox:latest"

DOCKERFILE = """
FROM {image}
RUN printf '%s\\n' \\
  'import importlib, json, sys' \\
  'sys.path.insert(0, "/var/task")' \\
  'module, name = sys.argv[1].split(".")' \\
  'handler = getattr(importlib.import_module(module), name)' \\
  'event = json.loads(sys.argv[2])' \\
  'event = json.loads(event) if isinstance(event, str) else event' \\
  'print(json.dumps(handler(event, None)))' > /run.py
ENTRYPOINT ["python3", "/run.py"]
"""
"""As the images that moto looks for are run: with the handler and the event as arguments."""

CODE = """
def add(event, context):
    if event["one"] < 0:
        raise ValueError("too small")
    return {"statusCode": 200, "sum": event["one"] + event["other"], "text": "done"}
"""


@pytest.fixture(scope="module")
def lambda_image(docker_client: DockerClient, bare_image: str) -> Iterator[str]:
    """The image of functions; and busybox, if it isn't there, by which moto copies their code."""
    dockerfile = io.BytesIO(DOCKERFILE.format(image=bare_image).encode())
    image, _ = docker_client.images.build(fileobj=dockerfile, rm=True, forcerm=True)
    tag = f"harness-lambda:{str(image.id).rpartition(':')[2][:12]}"
    image.tag(*tag.split(":"))
    made = not docker_client.images.list(BUSYBOX)
    if made:
        docker_client.images.get(bare_image).tag(*BUSYBOX.split(":"))
    try:
        yield tag
    finally:
        docker_client.images.remove(tag)
        if made:
            docker_client.images.remove(BUSYBOX)


@pytest.fixture
def function(aws: AWS, names: Names, lambda_image: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ARN of a function."""
    monkeypatch.setenv("MOTO_DOCKER_LAMBDA_IMAGE", lambda_image)
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = aws.session.client("iam").create_role(
        RoleName=names.new("role"), AssumeRolePolicyDocument=json.dumps(trust)
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("functions.py", CODE)
    made = aws.session.client("lambda").create_function(
        FunctionName=names.new("f"), Runtime="python3.11", Role=role["Role"]["Arn"],
        Handler="functions.add", Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip
    return made["FunctionArn"]


def test_a_function_is_run_and_its_outputs_are_used(aws: AWS, names: Names, function: str) -> None:
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

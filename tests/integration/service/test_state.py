"""A service that is forgotten, or ended and begun anew from its state folder, with containers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.local.core.client import local_boto_session
from tests.integration.service.shell import finish, sagemaker, train
from tests.integration.support import ROLE, WAIT

if TYPE_CHECKING:
    from tests.integration.service.shell import Shell
    from tests.integration.support import Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


def until_in_service(running: dict[str, Any], name: str) -> dict[str, Any]:
    deadline, pause = time.monotonic() + WAIT, threading.Event()
    while True:
        found = dict(sagemaker(running).describe_endpoint(EndpointName=name))
        if found["EndpointStatus"] != "Creating":
            assert found["EndpointStatus"] == "InService", found["FailureReason"]
            return found
        assert time.monotonic() < deadline
        pause.wait(0.1)


def deploy(running: dict[str, Any], name: str, image: str) -> None:
    client = sagemaker(running)
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": image,
            "ModelDataUrl": f"s3://harness-local/out/{name}/output/model.tar.gz",
        },
    )
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    client.create_endpoint(
        EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "a", "Value": "b"}]
    )


def invoke(running: dict[str, Any], name: str) -> bytes:
    runtime = local_boto_session(running["url"], running["region"]).client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName=name, Body=b"1,2", ContentType="text/csv")[
        "Body"
    ].read()


def log_lines(running: dict[str, Any], job: str) -> list[str]:
    logs = local_boto_session(running["url"], running["region"]).client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/"
    )
    return [event["message"] for event in found["events"]]


@pytest.mark.slow
def test_endpoints_serve_and_jobs_are_known_after_a_restart(
    shell: Shell, names: Names, probe_image: str
) -> None:
    up = f"up --detach --port 0 --state {shell.folder / 'kept'}"
    running = shell.harness(up)
    name, endless = names.new("kept"), names.new("endless")
    train(running, name, probe_image)
    assert finish(running, name) == "Completed"
    deploy(running, name, probe_image)
    until_in_service(running, name)
    before, lines = invoke(running, name), log_lines(running, name)
    train(running, endless, probe_image, Environment={"PROBE": "until-sigterm"})
    shell.wait_for_container(endless)
    shell.harness("down")
    assert shell.containers(name) == shell.containers(endless) == []

    running = shell.harness(up)
    described = until_in_service(running, name)
    assert described["EndpointConfigName"] == name
    assert invoke(running, name) == before
    assert finish(running, name) == "Completed"
    assert log_lines(running, name) == lines != []
    assert "the local AWS ended while the job ran" in finish(running, endless)
    client = sagemaker(running)
    tags = client.list_tags(ResourceArn=described["EndpointArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}]
    client.delete_endpoint(EndpointName=name)
    again = names.new("again")
    train(running, again, probe_image)
    assert finish(running, again) == "Completed"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/_harness/reset", "/moto-api/reset"])
def test_a_reset_ends_what_runs(shell: Shell, names: Names, probe_image: str, path: str) -> None:
    running = shell.harness("up --detach --port 0")
    name, endless = names.new("job"), names.new("endless")
    train(running, name, probe_image)
    assert finish(running, name) == "Completed"
    deploy(running, name, probe_image)
    until_in_service(running, name)
    train(running, endless, probe_image, Environment={"PROBE": "until-sigterm"})
    shell.wait_for_container(endless)

    answer = requests.post(f"{running['url']}{path}", timeout=WAIT)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert shell.containers(name) == shell.containers(endless) == []
    client = sagemaker(running)
    assert client.list_training_jobs()["TrainingJobSummaries"] == []
    assert client.list_endpoints()["Endpoints"] == []
    train(running, name, probe_image)  # of the same name, into the bucket that is there again
    assert finish(running, name) == "Completed"
    assert log_lines(running, name) != []
    log = (shell.folder / "state/harness/service.log").read_text()
    assert "Traceback" not in log

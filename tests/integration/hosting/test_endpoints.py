"""Models and endpoints of the local AWS, served in Docker on the probe image."""

from __future__ import annotations

import io
import json
import logging
import socket
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.engine.container import Container
from harness.local.engine.containers import Containers
from harness.local.hosting.containers.serving import Instance
from tests.integration.support import AWS, ROLE, Names

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

LIMIT = 6_291_456

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def model(aws: AWS, names: Names, probe_image: str) -> Callable[..., str]:
    """Creates a model on the probe image, and returns its name."""

    def create(probe: str = "", isolated: bool = False, **members: Any) -> str:
        name = names.new("model")
        container: Any = {"Image": probe_image, "Environment": {"PROBE": probe}, **members}
        aws.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer=container,
            ExecutionRoleArn=ROLE,
            EnableNetworkIsolation=isolated,
        )
        return name

    return create


@pytest.fixture
def deploy(aws: AWS, names: Names) -> Callable[..., str]:
    """Creates an endpoint of one variant for a model, waits for nothing, returns its name."""

    def create(model: str, **variant: Any) -> str:
        name = names.new("endpoint")
        aws.create_endpoint(name, model=model, **variant)
        return name

    return create


@pytest.fixture(scope="module")
def endpoint(aws: AWS, probe_image: str) -> str:
    """An endpoint in service that all tests of this module may call."""
    name = Names("shared").new("endpoint")
    aws.create_endpoint(name, container={"Image": probe_image})
    aws.wait("endpoint_in_service", EndpointName=name)
    return name


def failure(aws: AWS, name: str) -> str:
    """Wait until the endpoint is Failed, and return its reason."""
    aws.wait("endpoint_in_service", EndpointName=name)
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Failed"
    return described["FailureReason"]


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_an_endpoint_serves_the_model_archive(
    aws: AWS, names: Names, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    key = f"{names.new('model')}/model.tar.gz"
    packed = archive({"model.joblib": b"m", "code/inference.py": b"c"})
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=packed)
    name = deploy(model(ModelDataUrl=f"s3://{aws.bucket}/{key}"))
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    aws.wait("endpoint_in_service", EndpointName=name)

    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "InService"
    (variant,) = described["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["CurrentInstanceCount"] == 1
    answer = aws.invoke(name, b"", ContentType="probe/model")
    assert json.loads(answer["Body"].read()) == ["code/inference.py", "model.joblib"]
    assert answer["InvokedProductionVariant"] == "AllTraffic"

    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait("endpoint_deleted", EndpointName=name)
    aws.wait_until(lambda: not aws.containers(name), "the endpoint's container is removed")
    with pytest.raises(ClientError, match=f"Endpoint {name} of account 123456789012 not found"):
        aws.invoke(name, b"")


def test_headers_reach_the_container_and_come_back(aws: AWS, endpoint: str) -> None:
    answer = aws.invoke(
        endpoint,
        b"",
        ContentType="probe/headers",
        Accept="application/json",
        CustomAttributes="trace=1",
    )
    headers = json.loads(answer["Body"].read())
    assert headers["Accept"] == "application/json"
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    assert "Authorization" not in headers
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "trace=1"


def test_the_largest_body_passes_and_one_byte_more_does_not(aws: AWS, endpoint: str) -> None:
    answer = aws.invoke(endpoint, b"x" * LIMIT, ContentType="probe/size")
    assert answer["Body"].read() == str(LIMIT).encode()
    with pytest.raises(ClientError, match=str(LIMIT)) as refused:
        aws.invoke(endpoint, b"x" * (LIMIT + 1), ContentType="probe/size")
    assert 400 <= refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500


@pytest.mark.parametrize(("status", "whose"), [(415, "client"), (500, "server"), (302, "server")])
def test_an_error_of_the_container_is_a_model_error(
    aws: AWS, endpoint: str, status: int, whose: str
) -> None:
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        aws.invoke(endpoint, str(status).encode(), ContentType="probe/error")
    response: Any = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == "the container's own words"
    assert response["LogStreamArn"].endswith(f"log-group:/aws/sagemaker/Endpoints/{endpoint}")
    assert response["Error"]["Message"].startswith(
        f"Received {whose} error ({status}) from primary with message \"the container's own "
        'words". See https://us-east-1.console.aws.amazon.com/cloudwatch/'
    )


def test_a_container_that_hangs_up_is_a_model_error(aws: AWS, endpoint: str) -> None:
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        aws.invoke(endpoint, b"", ContentType="probe/hang-up")
    response: Any = refused.value.response
    assert response["OriginalStatusCode"] == 0


def test_a_container_that_takes_too_long_is_a_model_error(
    aws: AWS, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.local.hosting.runtime.INVOCATION_TIMEOUT", 0.5)
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        aws.invoke(endpoint, b"20", ContentType="probe/slow")
    assert "Your invocation timed out while waiting" in refused.value.response["Error"]["Message"]


def test_an_answer_that_breaks_off_is_a_model_error(aws: AWS, endpoint: str) -> None:
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        aws.invoke(endpoint, b"", ContentType="probe/break-off")
    response: Any = refused.value.response
    assert response["OriginalStatusCode"] == 0


def test_the_largest_answer_passes_and_one_byte_more_does_not(aws: AWS, endpoint: str) -> None:
    answer = aws.invoke(endpoint, str(LIMIT).encode(), ContentType="probe/zeros")
    assert answer["Body"].read() == bytes(LIMIT)
    with pytest.raises(aws.runtime.exceptions.ModelError, match=f"larger than {LIMIT} bytes"):
        aws.invoke(endpoint, str(LIMIT + 1).encode(), ContentType="probe/zeros")


def test_a_response_stream_arrives_in_parts(aws: AWS, endpoint: str) -> None:
    answer = aws.runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=b"z" * 200_000
    )
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert len(parts) > 1
    assert b"".join(parts) == b"z" * 200_000


def test_container_output_goes_to_cloudwatch(aws: AWS, endpoint: str) -> None:
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    aws.wait_for_log(group, "AllTraffic/i-", "serve: PROBE=''")


def test_many_requests_at_once(aws: AWS, endpoint: str) -> None:
    answers: list[bytes] = []

    def call(number: int) -> None:
        answers.append(aws.invoke(endpoint, str(number).encode())["Body"].read())

    threads = [threading.Thread(target=call, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, answers)) == list(range(32))


def test_variants_are_chosen_by_name_and_instances_in_turn(
    aws: AWS, names: Names, model: Callable[..., str]
) -> None:
    name = names.new("endpoint")
    shape = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    variants: Any = [
        {"VariantName": "one", "ModelName": model(), "InitialVariantWeight": 1, **shape},
        {"VariantName": "none", "ModelName": model(), "InitialVariantWeight": 0, **shape},
    ]
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    aws.wait("endpoint_in_service", EndpointName=name)

    assert {aws.invoke(name, b"")["InvokedProductionVariant"] for _ in range(10)} == {"one"}
    assert aws.invoke(name, b"", TargetVariant="none")["InvokedProductionVariant"] == "none"
    with pytest.raises(ClientError, match="Variant other not found"):
        aws.invoke(name, b"", TargetVariant="other")


def test_variants_without_any_weight_all_serve(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    name = deploy(model(), InitialVariantWeight=0)
    aws.wait("endpoint_in_service", EndpointName=name)
    assert aws.invoke(name, b"echo")["Body"].read() == b"echo"


def test_an_isolated_model_serves_without_a_network(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    name = deploy(model(isolated=True, ContainerHostname="isolated"))
    aws.wait("endpoint_in_service", EndpointName=name)
    assert aws.invoke(name, b"", ContentType="probe/host")["Body"].read() == b"isolated"


def test_a_container_that_ends_fails_the_endpoint_at_once(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    name = deploy(model("crash"))
    assert failure(aws, name) == (
        "The primary container for production variant AllTraffic did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint. (The container exited with code "
        "5; its last log line: no model here)"
    )
    aws.wait_until(lambda: not aws.containers(name), "the endpoint's container is removed")


def test_a_container_that_ends_while_it_serves_is_replaced(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    name = deploy(model())
    aws.wait("endpoint_in_service", EndpointName=name)
    first = aws.containers(name)
    with pytest.raises(aws.runtime.exceptions.ModelError):
        aws.invoke(name, b"", ContentType="probe/exit")

    def answers() -> bool:
        try:
            return bool(aws.invoke(name, b"again")["Body"].read() == b"again")
        except (
            aws.runtime.exceptions.ModelError,
            aws.runtime.exceptions.ServiceUnavailable,
        ):
            return False

    aws.wait_until(answers, "another container answers")
    assert len(aws.containers(name)) == 1
    assert aws.containers(name) != first


def test_a_container_that_ends_before_the_others_serve_is_replaced(
    aws: AWS, names: Names, model: Callable[..., str], docker_client: DockerClient
) -> None:
    name = names.new("endpoint")
    shape = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    variants: Any = [
        {"VariantName": "first", "ModelName": model(), **shape},
        {"VariantName": "last", "ModelName": model("slow-start"), **shape},
    ]
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    group = f"/aws/sagemaker/Endpoints/{name}"
    aws.wait_for_log(group, "first/", '"GET /ping HTTP/1.1" 200 -')
    (first,) = aws.containers(f"{name}-first")
    docker_client.containers.get(first.lstrip("/")).kill()
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
    aws.wait("endpoint_in_service", EndpointName=name)

    def answers() -> bool:
        try:
            return bool(aws.invoke(name, b"", TargetVariant="first"))
        except (aws.runtime.exceptions.ModelError, aws.runtime.exceptions.ServiceUnavailable):
            return False

    aws.wait_until(answers, "the container that replaces the first answers")
    assert aws.containers(f"{name}-first") != [first]


@pytest.mark.slow
def test_an_endpoint_that_is_deleted_while_it_replaces_a_container_leaves_none(
    aws: AWS,
    model: Callable[..., str],
    deploy: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = deploy(model())
    aws.wait("endpoint_in_service", EndpointName=name)
    replacing, deleted, ended = threading.Event(), threading.Event(), threading.Event()
    require_image = Containers.require_image
    remove = Container.remove
    ping = Instance.ping

    def wait_and_require(self: Containers, image: str) -> None:
        replacing.set()
        assert deleted.wait(30)
        require_image(self, image)

    def remove_and_say(self: Container) -> None:
        remove(self)
        if deleted.is_set():
            ended.set()

    def ping_until_healthy(self: Instance) -> bool:
        """As if the container answered its first ping, after which nobody looks any more."""
        deadline = time.monotonic() + 30
        while not ping(self):
            assert time.monotonic() < deadline
        return True

    monkeypatch.setattr(Containers, "require_image", wait_and_require)
    monkeypatch.setattr(Instance, "ping", ping_until_healthy)
    monkeypatch.setattr(Container, "remove", remove_and_say)
    with pytest.raises(aws.runtime.exceptions.ModelError):
        aws.invoke(name, b"", ContentType="probe/exit")
    assert replacing.wait(30)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait("endpoint_deleted", EndpointName=name)
    deleted.set()
    assert ended.wait(30), "what was made for a deleted endpoint is not removed"
    assert not aws.containers(name)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="there is no /proc to look into")
@pytest.mark.parametrize("deleted", [True, False])
def test_connections_end_before_their_container(
    docker_client: DockerClient,
    probe_image: str,
    names: Names,
    deleted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or what has the container's address next is hard to reach at first."""

    def connections(container: Container) -> int:
        """How many are established from here."""
        host, port = container.address
        remote = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return [line.split()[2:4] for line in lines].count([remote, "01"])

    begun: list[Container] = []
    ends: list[int] = []
    ping, stop, remove = Instance.ping, Container.stop, Container.remove

    def ping_and_keep(self: Instance) -> bool:
        begun[:] = [self.container]
        return ping(self)

    def count_and_stop(self: Container, grace: int) -> None:
        ends.append(connections(self))
        stop(self, grace)

    def count_and_remove(self: Container) -> None:
        if not ends:
            ends.append(connections(self))
        remove(self)

    monkeypatch.setattr(Instance, "ping", ping_and_keep)
    monkeypatch.setattr(Container, "stop", count_and_stop)
    monkeypatch.setattr(Container, "remove", count_and_remove)
    name = names.new("endpoint")
    with LocalAWS() as local:
        aws = AWS(local_boto_session(local.url, local.region), docker_client, "connections")
        aws.create_endpoint(name, container={"Image": probe_image})
        aws.wait("endpoint_in_service", EndpointName=name)
        aws.invoke(name, b"")
        assert connections(begun[0]) > 0
        if deleted:
            aws.sagemaker.delete_endpoint(EndpointName=name)
            aws.wait("endpoint_deleted", EndpointName=name)
    assert ends == [0]


@pytest.mark.parametrize(
    ("probe", "seen"),
    [
        ("never-answers", "; its last log line: serve: PROBE='never-answers')"),
        ("unhealthy", ", but 503; its log says: 2026 ERROR the bucket can't be read)"),
        ("drips", ""),
        (
            "port-5000",
            (
                ": it listens on 0.0.0.0:5000, and not on port 8080: bind to 0.0.0.0:8080; its log "
                "says: 2026 ERROR the bucket can't be read)"
            ),
        ),
        (
            "loopback",
            (
                ": it listens on 127.0.0.1:8080, where only programs in the container reach it: "
                "bind to 0.0.0.0:8080; its last log line: serve: PROBE='loopback')"
            ),
        ),
    ],
)
def test_a_container_that_does_not_answer_ping_fails_the_endpoint(
    aws: AWS,
    model: Callable[..., str],
    deploy: Callable[..., str],
    probe: str,
    seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.local.hosting.variant.STARTUP_TIMEOUT", 3)
    reason = failure(aws, deploy(model(probe)))
    assert "did not pass the ping health check" in reason
    assert f"GET /ping on port 8080 did not answer 200 within 3 s{seen}" in reason


@pytest.mark.slow
def test_where_a_container_listens_is_told_in_good_time(
    aws: AWS,
    model: Callable[..., str],
    deploy: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("harness.local.hosting.variant.STARTUP_TIMEOUT", 15)
    caplog.set_level(logging.INFO, "harness")
    name = deploy(model("port-5000"))

    def told() -> bool:
        pending = aws.sagemaker.describe_endpoint(EndpointName=name)["PendingDeploymentSummary"]
        status = pending["ProductionVariants"][0]["VariantStatus"][0]
        return "it listens on 0.0.0.0:5000" in status.get("StatusMessage", "")

    aws.wait_until(told, "it is told where the container listens")
    assert f"{name}-AllTraffic: it listens on 0.0.0.0:5000" in caplog.text


def test_what_answers_is_pinged_less_often(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.local.hosting.variant.STARTUP_TIMEOUT", 4)
    name = deploy(model("unhealthy"))
    failure(aws, name)
    lines = aws.log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/i-")
    assert 5 <= sum("GET /ping" in line for line in lines) <= 40


def test_an_archive_that_is_none_fails_the_endpoint(
    aws: AWS, names: Names, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    good = archive({"model.joblib": b"m" * 100_000})
    for body in (b"not an archive", b"\x1f\x8b" + b"broken" * 100, good[: len(good) // 2]):
        key = f"{names.new('model')}/model.tar.gz"
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=body)
        uri = f"s3://{aws.bucket}/{key}"
        assert failure(aws, deploy(model(ModelDataUrl=uri))).startswith(
            f'Failed to extract model data archive from URL "{uri}". Please ensure that the '
            "object located at the URL is a valid tar.gz archive."
        )


def test_an_archive_cannot_write_outside_the_model_folder(
    aws: AWS, names: Names, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    key = f"{names.new('model')}/model.tar.gz"
    packed = archive({"../../../usr/local/bin/serve": b"#!/bin/sh\n"})
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=packed)
    reason = failure(aws, deploy(model(ModelDataUrl=f"s3://{aws.bucket}/{key}")))
    assert reason.startswith("Failed to extract model data archive")


def test_a_missing_archive_is_refused(aws: AWS, model: Callable[..., str]) -> None:
    uri = f"s3://{aws.bucket}/nothing/model.tar.gz"
    with pytest.raises(
        ClientError, match=f"ValidationException.*Could not find model data at {uri}"
    ):
        model(ModelDataUrl=uri)


def test_an_image_that_does_not_exist_is_refused(model: Callable[..., str]) -> None:
    image = "harness-no-such-image.invalid/x:1"
    with pytest.raises(ClientError) as refused:
        model(Image=image)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(f"Requested image {image} not found. (")


def test_an_image_without_the_command_fails_the_endpoint(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str], bare_image: str
) -> None:
    assert failure(aws, deploy(model(Image=bare_image))).startswith(
        "CannotStartContainerError. Please ensure the model container for variant AllTraffic "
        "starts correctly when invoked with 'docker run <image> serve'."
    )


def test_taken_and_unknown_names_are_refused(
    aws: AWS, endpoint: str, model: Callable[..., str], probe_image: str
) -> None:
    sagemaker = aws.sagemaker
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    variant: Any = {"VariantName": "v", "ModelName": "unknown", "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large"}  # fmt: skip
    own: Any = {**variant, "ModelName": endpoint}
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: sagemaker.create_model(ModelName=endpoint, ExecutionRoleArn=ROLE,
                                        PrimaryContainer={"Image": probe_image}),
         f'Cannot create already existing model "{arn}:model/{endpoint}".'),
        (lambda: sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint),
         f'Cannot create already existing endpoint "{arn}:endpoint/{endpoint}".'),
        (lambda: sagemaker.create_endpoint_config(
            EndpointConfigName=endpoint, ProductionVariants=[own]),
         ("Cannot create already existing endpoint configuration "
         f'"{arn}:endpoint-config/{endpoint}".')),
        (lambda: sagemaker.create_endpoint_config(
            EndpointConfigName="new", ProductionVariants=[variant]),
         f'Could not find model "{arn}:model/unknown".'),
        (lambda: sagemaker.create_endpoint(EndpointName="new", EndpointConfigName="unknown"),
         f'Could not find endpoint configuration "{arn}:endpoint-config/unknown".'),
        (lambda: sagemaker.describe_endpoint(EndpointName="unknown"),
         f'Could not find endpoint "{arn}:endpoint/unknown".'),
        (lambda: sagemaker.delete_endpoint(EndpointName="unknown"),
         f'Could not find endpoint "{arn}:endpoint/unknown".'),
        (lambda: sagemaker.delete_model(ModelName="unknown"),
         f'Could not find model "{arn}:model/unknown".'),
    ]  # fmt: skip
    for call, message in calls:
        with pytest.raises(ClientError) as refused:
            call()
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("ValidationException", message)


@pytest.mark.slow
def test_an_endpoint_that_is_created_is_neither_deleted_nor_updated(
    aws: AWS, model: Callable[..., str], deploy: Callable[..., str]
) -> None:
    name = deploy(model("slow-start"))
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    described: Any = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in described
    pending = described["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == name
    assert pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    assert pending["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    calls: list[Callable[[], object]] = [
        lambda: aws.sagemaker.delete_endpoint(EndpointName=name),
        lambda: aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": f'Cannot update in-progress endpoint "{arn}".',
        }
    aws.wait("endpoint_in_service", EndpointName=name)
    assert "PendingDeploymentSummary" not in aws.sagemaker.describe_endpoint(EndpointName=name)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait("endpoint_deleted", EndpointName=name)
    assert not aws.containers(name)


def test_tags_come_and_go(aws: AWS, endpoint: str) -> None:
    arn = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []

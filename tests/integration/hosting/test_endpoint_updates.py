"""Endpoints that change while they serve: updated, scaled, rolled back. On the probe image."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.support import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.support import AWS, Names


pytestmark = pytest.mark.timeout(180)


class Hosting:
    """Makes models, configurations and endpoints of the probe image."""

    def __init__(self, aws: AWS, names: Names, image: str) -> None:
        self._aws = aws
        self._names = names
        self._image = image

    def model(self, probe: str = "", **members: Any) -> str:
        name = self._names.new("model")
        container: Any = {"Image": self._image, "Environment": {"PROBE": probe}, **members}
        self._aws.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE
        )
        return name

    def variant(self, model: str, name: str = "AllTraffic", **members: Any) -> Any:
        return {
            "VariantName": name,
            "ModelName": model,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            **members,
        }

    def config(self, *variants: Any) -> str:
        name = self._names.new("config")
        self._aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=list(variants)
        )
        return name

    def endpoint(self, *variants: Any) -> str:
        """An endpoint in service."""
        name = self._names.new("endpoint")
        config = self.config(*variants)
        self._aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self._aws.wait("endpoint_in_service", EndpointName=name)
        return name

    def describe(self, name: str) -> Any:
        return self._aws.sagemaker.describe_endpoint(EndpointName=name)

    def update(self, name: str, config: str, **members: Any) -> Any:
        """Update the endpoint, and describe it when that has ended."""
        self._aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **members)
        return self.settled(name)

    def scale(self, name: str, *changes: Any) -> Any:
        self._aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=list(changes)
        )
        return self.settled(name)

    def settled(self, name: str) -> Any:
        self._aws.wait("endpoint_in_service", EndpointName=name)
        return self.describe(name)

    def host(self, name: str, **members: Any) -> str:
        answer = self._aws.invoke(name, b"", ContentType="probe/host", **members)
        return str(answer["Body"].read().decode())

    def instance(self, name: str) -> str:
        answer = self._aws.invoke(name, b"", ContentType="probe/instance")
        return str(answer["Body"].read().decode())


@pytest.fixture
def hosting(aws: AWS, names: Names, probe_image: str) -> Iterator[Hosting]:
    before = set(endpoints(aws))
    yield Hosting(aws, names, probe_image)
    for name in set(endpoints(aws)) - before:
        aws.sagemaker.delete_endpoint(EndpointName=name)


def endpoints(aws: AWS) -> list[str]:
    pages = aws.sagemaker.get_paginator("list_endpoints").paginate()
    return [each["EndpointName"] for page in pages for each in page["Endpoints"]]


def test_an_update_drops_no_request(aws: AWS, hosting: Hosting) -> None:
    old = hosting.variant(hosting.model(ContainerHostname="old"))
    name = hosting.endpoint(old)
    before = aws.containers(name)
    config = hosting.config(hosting.variant(hosting.model(ContainerHostname="new")))
    hosts: list[str] = []
    errors: list[Exception] = []
    slow: list[bytes] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                hosts.append(hosting.host(name))
            except Exception as error:  # noqa: BLE001 - all are wrong here
                errors.append(error)

    def ask_slowly() -> None:
        # Longer than the new container takes to start, and what SIGTERM would cut off.
        answer = aws.invoke(name, b"6", ContentType="probe/slow")
        slow.append(answer["Body"].read())

    clients = [threading.Thread(target=ask) for _ in range(4)]
    clients.append(threading.Thread(target=ask_slowly))
    for client in clients:
        client.start()
    try:
        aws.wait_until(lambda: len(hosts) > 20, "the old container answers")
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        described = hosting.describe(name)
        assert described["EndpointStatus"] == "Updating"
        assert described["EndpointConfigName"] != config
        assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 1
        assert described["PendingDeploymentSummary"]["EndpointConfigName"] == config
        described = hosting.settled(name)
        after = len(hosts)
        aws.wait_until(lambda: len(hosts) > after + 20, "the new container answers")
    finally:
        done.set()
        for client in clients:
            client.join()

    assert not errors
    assert slow == [b"slow"]
    assert set(hosts) == {"old", "new"}
    assert set(hosts[after:]) == {"new"}
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == config
    assert "PendingDeploymentSummary" not in described
    assert "FailureReason" not in described
    assert len(aws.containers(name)) == 1
    assert aws.containers(name) != before


@pytest.mark.slow
def test_an_update_that_fails_is_rolled_back(aws: AWS, hosting: Hosting) -> None:
    old = hosting.variant(hosting.model(ContainerHostname="old"))
    name = hosting.endpoint(old)
    config = hosting.describe(name)["EndpointConfigName"]
    before = aws.containers(name)
    good = hosting.variant(hosting.model(), "good")
    bad = hosting.variant(hosting.model("crash"), "bad")

    described = hosting.update(name, hosting.config(good, bad))

    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == config
    assert described["FailureReason"] == (
        "The primary container for production variant bad did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint. (The container exited with code 5; its "
        "last log line: no model here)"
    )
    assert "PendingDeploymentSummary" not in described
    assert aws.containers(name) == before
    assert hosting.host(name) == "old"

    new = hosting.variant(hosting.model(ContainerHostname="new"))
    assert "FailureReason" not in hosting.update(name, hosting.config(new))
    assert hosting.host(name) == "new"


@pytest.mark.slow
def test_an_endpoint_is_not_changed_while_it_changes(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model()))
    config = hosting.config(hosting.variant(hosting.model("slow-start")))
    sagemaker = aws.sagemaker
    arn = sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    calls: list[Callable[[], object]] = [
        lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config),
        lambda: sagemaker.delete_endpoint(EndpointName=name),
        lambda: sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name,
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredWeight": 1}],
        ),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": f'Cannot update in-progress endpoint "{arn}".',
        }
    assert hosting.settled(name)["EndpointConfigName"] == config


def test_a_failed_endpoint_is_not_updated(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model("crash")))
    config = hosting.config(hosting.variant(hosting.model()))
    with pytest.raises(ClientError, match=r"ValidationException.* Failed, and can only be deleted"):
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)


@pytest.mark.slow
def test_instances_come_and_go_and_share_the_requests(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model()))
    assert len({hosting.instance(name) for _ in range(6)}) == 1

    described = hosting.scale(name, {"VariantName": "AllTraffic", "DesiredInstanceCount": 3})
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (3, 3)
    in_turn = [hosting.instance(name) for _ in range(6)]
    assert len(set(in_turn)) == 3
    assert in_turn[:3] == in_turn[3:]

    # A busy one gets no more until the others have as many.
    busy = threading.Thread(target=aws.invoke, args=(name, b"4"),
                            kwargs={"ContentType": "probe/slow"})  # fmt: skip
    busy.start()
    aws.wait_until(lambda: len({hosting.instance(name) for _ in range(4)}) == 2, "one is busy")
    busy.join()

    described = hosting.scale(name, {"VariantName": "AllTraffic", "DesiredInstanceCount": 1})
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert len(aws.containers(name)) == 1
    assert len({hosting.instance(name) for _ in range(6)}) == 1


@pytest.mark.slow
def test_an_instance_that_ended_is_passed_over(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model(), InitialInstanceCount=2))
    before = aws.containers(name)
    with pytest.raises(aws.runtime.exceptions.ModelError):
        aws.invoke(name, b"", ContentType="probe/exit")
    aws.wait_until(lambda: aws.containers(name) != before, "the engine says that it ended")
    assert all(hosting.instance(name) for _ in range(10))
    aws.wait_until(
        lambda: len({hosting.instance(name) for _ in range(4)}) == 2, "there are two again"
    )


@pytest.mark.slow
def test_weights_change_at_once(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(
        hosting.variant(hosting.model(), "one", InitialVariantWeight=1),
        hosting.variant(hosting.model(), "two", InitialVariantWeight=0),
    )

    def asked() -> set[str]:
        return {aws.invoke(name, b"")["InvokedProductionVariant"] for _ in range(10)}

    assert asked() == {"one"}
    described = hosting.scale(
        name,
        {"VariantName": "one", "DesiredWeight": 0},
        {"VariantName": "two", "DesiredWeight": 5},
    )
    weights = [(v["CurrentWeight"], v["DesiredWeight"]) for v in described["ProductionVariants"]]
    assert weights == [(0, 0), (5, 5)]
    assert asked() == {"two"}
    with pytest.raises(ClientError) as refused:
        hosting.scale(name, {"VariantName": "three", "DesiredWeight": 1})
    assert refused.value.response["Error"]["Message"] == (
        'The variant name(s) "three" is/are not present within endpoint configuration '
        f'"{described["EndpointConfigName"]}".'
    )
    # What was set for a variant stays with it where that is asked for.
    config = hosting.config(
        hosting.variant(hosting.model(), "one", InitialVariantWeight=1),
        hosting.variant(hosting.model(), "two", InitialVariantWeight=0),
    )
    hosting.update(name, config, RetainAllVariantProperties=True)
    assert asked() == {"two"}
    hosting.update(
        name,
        config,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    assert asked() == {"one"}


def test_an_instance_that_cannot_be_added_leaves_the_others(aws: AWS, hosting: Hosting) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="goes/model", Body=b"m")
    source = {"S3Uri": f"s3://{aws.bucket}/goes/", "S3DataType": "S3Prefix",
              "CompressionType": "None"}  # fmt: skip
    name = hosting.endpoint(
        hosting.variant(hosting.model(ModelDataSource={"S3DataSource": source}))
    )
    aws.s3.delete_object(Bucket=aws.bucket, Key="goes/model")
    described = hosting.scale(name, {"VariantName": "AllTraffic", "DesiredInstanceCount": 2})
    assert described["EndpointStatus"] == "InService"
    assert described["FailureReason"].startswith("Could not access model data at s3://")
    (variant,) = described["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
    assert hosting.instance(name)


@pytest.mark.slow
def test_a_model_may_be_objects(aws: AWS, hosting: Hosting) -> None:
    for key in ("parts/model.bin", "parts/code/run.py", "parts-of-another/model.bin"):
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=key.encode())

    def files(key: str, kind: str) -> Any:
        source = {"S3Uri": f"s3://{aws.bucket}/{key}", "S3DataType": kind,
                  "CompressionType": "None"}  # fmt: skip
        model = hosting.model(ModelDataSource={"S3DataSource": source})
        name = hosting.endpoint(hosting.variant(model))
        return aws.invoke(name, b"", ContentType="probe/model")["Body"].read()

    assert files("parts/", "S3Prefix") == b'["code/run.py", "model.bin"]'
    assert files("parts/model.bin", "S3Object") == b'["model.bin"]'
    with pytest.raises(ClientError, match="Could not find model data at s3://"):
        files("none/", "S3Prefix")
    aws.s3.put_object(Bucket=aws.bucket, Key="parts/code", Body=b"a file where a folder is")
    with pytest.raises(ClientError, match="clashes with it"):
        files("parts/", "S3Prefix")


@pytest.mark.slow
def test_the_old_containers_may_be_kept_for_a_while(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model(ContainerHostname="old")))
    config = hosting.config(hosting.variant(hosting.model(ContainerHostname="new")))
    routing: Any = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    settings: Any = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 4,
        }
    }
    aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=config, DeploymentConfig=settings
    )
    aws.wait_until(lambda: hosting.host(name) == "new", "the new container answers")
    described = hosting.describe(name)
    assert described["EndpointStatus"] == "Updating"
    assert described["LastDeploymentConfig"] == settings
    assert len(aws.containers(name)) == 2
    hosting.settled(name)
    assert len(aws.containers(name)) == 1


def test_an_endpoint_that_is_being_deleted_is_not_changed(aws: AWS, hosting: Hosting) -> None:
    name = hosting.endpoint(hosting.variant(hosting.model(), InitialInstanceCount=2))
    aws.sagemaker.delete_endpoint(EndpointName=name)
    assert hosting.describe(name)["EndpointStatus"] == "Deleting"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        hosting.scale(name, {"VariantName": "AllTraffic", "DesiredWeight": 1})
    aws.wait("endpoint_deleted", EndpointName=name)
    assert not aws.containers(name)

"""Faults on demand that befall endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.config.faults import Fault
from harness.local.hosting.faults import NO_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.aws import LocalAWS
    from harness.local.faults.faults import Rule
    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def add(local_aws: LocalAWS) -> Iterator[Callable[..., Rule]]:
    rules = []

    def add(**members: object) -> Rule:
        rule = local_aws.faults.add(Fault.model_validate(members))
        rules.append(rule)
        return rule

    yield add
    for rule in rules:
        local_aws.faults.remove(rule.id)
        assert rule.happened == rule.fault.count


def test_no_capacity(aws: AWS, names: Names, probe_image: str, add: Callable[..., Rule]) -> None:
    name = names.new("endpoint")
    add(event="InsufficientInstanceCapacity", operation="CreateEndpoint", count=1)
    aws.create_endpoint(name, container={"Image": probe_image})
    aws.wait("endpoint_in_service", EndpointName=name)
    endpoint = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert (endpoint["EndpointStatus"], endpoint["FailureReason"]) == ("Failed", NO_CAPACITY)
    aws.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.slow
def test_pings_that_fail_and_a_container_that_dies(
    aws: AWS, names: Names, probe_image: str, add: Callable[..., Rule]
) -> None:
    """It is in service all the same, and has another container then."""
    name = names.new("endpoint")
    pings = add(event="PingFailure", resource=name, count=3)
    add(event="ContainerExit", resource=name, delay=1, count=1)
    aws.create_endpoint(name, container={"Image": probe_image})
    aws.wait("endpoint_in_service", EndpointName=name)
    assert pings.happened == 3

    first = aws.instance(name)
    assert first
    aws.wait_until(lambda: aws.instance(name) not in ("", first), "another container answers")
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    aws.sagemaker.delete_endpoint(EndpointName=name)

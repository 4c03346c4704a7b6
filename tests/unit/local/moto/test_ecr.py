"""ECR with a registry behind it, as far as that takes no Docker; and without one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.engine.image_registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecr import ECRClient

ACCOUNT = "333344445555"


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def client(server: LocalAWS) -> ECRClient:
    return local_boto_session(server.url, server.region).client("ecr")


def test_without_a_registry_nothing_is_changed() -> None:
    with LocalAWS(account_id=ACCOUNT) as server:
        ecr = client(server)
        host = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
        made = ecr.create_repository(repositoryName="images")["repository"]
        assert made["repositoryUri"] == f"{host}/images"
        assert ecr.list_images(repositoryName="images")["imageIds"] == []
        (data,) = ecr.get_authorization_token()["authorizationData"]
        assert data["proxyEndpoint"] == f"https://{host}"


def test_a_client_cannot_name_a_registry(nowhere: str) -> None:
    with LocalAWS(account_id=ACCOUNT) as server:
        ecr = client(server)
        ecr.meta.events.register(
            "before-sign.ecr.*",
            lambda request, **_: request.headers.add_header("X-Harness-Registry", nowhere),
        )
        made = ecr.create_repository(repositoryName="images")["repository"]
        assert nowhere not in made["repositoryUri"]


def test_two_of_them_at_once_have_each_its_own(nowhere: str) -> None:
    with LocalAWS(account_id=ACCOUNT) as plain, LocalAWS(registry=nowhere) as other:
        assert (
            client(plain)
            .create_repository(repositoryName="images")["repository"]["repositoryUri"]
            .endswith(".amazonaws.com/images")
        )
        made = client(other).create_repository(repositoryName="images")["repository"]
        assert made["repositoryUri"] == f"{nowhere}/images"


def test_a_registry_that_does_not_answer(nowhere: str) -> None:
    """In one sentence, and at once: SDKs don't try again."""
    with LocalAWS(account_id=ACCOUNT, registry=nowhere) as server:
        ecr = client(server)
        ecr.create_repository(repositoryName="images")
        with pytest.raises(ClientError) as why:
            ecr.describe_images(repositoryName="images")
    assert f"the registry at {nowhere} (local.registry) doesn't answer" in str(why.value)
    assert why.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_what_moto_refuses_stays_refused(nowhere: str) -> None:
    with LocalAWS(account_id=ACCOUNT, registry=nowhere) as server:
        ecr = client(server)
        for operation in (ecr.list_images, ecr.delete_repository):
            with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
                operation(repositoryName="images")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.8.8:5000", "http://127.8.8.8:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("registry.example.com:443", "https://registry.example.com:443"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
    ],
)
def test_a_registry_is_spoken_to_as_docker_does(host: str, url: str) -> None:
    assert Registry(host, ACCOUNT).url == url


def test_which_images_are_in_a_registry() -> None:
    registry = Registry("127.0.0.1:5000", ACCOUNT)
    assert registry.has("127.0.0.1:5000/x@sha256:0")
    assert not registry.has("127.0.0.1:50001/x")
    assert not registry.has("harness-gam:1")

"""What a push asks of ECR, and what it says when that refuses; no Docker needed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from harness.config.settings import Project, Settings
from harness.errors import PushError
from harness.image.build import BuiltImage
from harness.image.ecr.repository import Repository
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecr import ECRClient

BUILT = BuiltImage("harness-gam:0123456789ab", "sha256:" + "1" * 64, 0.0, built=False)
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/harness-gam"


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with LocalAWS("eu-west-1", "111122223333") as server, Faults(server.url) as faults:
        yield faults


@pytest.fixture
def ecr(faults: Faults) -> Iterator[ECRClient]:
    faults.clear()
    client = local_boto_session(faults.url, "eu-west-1").client("ecr")
    yield client
    faults.clear()
    for repository in client.describe_repositories()["repositories"]:
        client.delete_repository(repositoryName=repository["repositoryName"], force=True)


@pytest.fixture
def repository(ecr: ECRClient) -> Repository:
    return Repository(ecr, Settings(region="eu-west-1", project=Project(name="gam")), BUILT)


def test_a_missing_repository_is_created(ecr: ECRClient, repository: Repository) -> None:
    said: list[str] = []
    assert repository.ensure(said.append) == URI
    assert repository.ensure(said.append) == URI
    assert said == ["creating ECR repository harness-gam"]
    (made,) = ecr.describe_repositories(repositoryNames=["harness-gam"])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}


def test_somebody_else_creates_the_repository_meanwhile(
    ecr: ECRClient, repository: Repository, faults: Faults
) -> None:
    ecr.create_repository(repositoryName="harness-gam")
    faults.add("ecr:DescribeRepositories", "RepositoryNotFoundException", times=1)
    assert repository.ensure(print) == URI


def test_a_repository_that_may_not_be_created(repository: Repository, faults: Faults) -> None:
    words = "User: arn:aws:iam::111122223333:user/me is not authorized to perform: ecr:CreateRepo"
    faults.add("ecr:CreateRepository", "AccessDeniedException", words)
    with pytest.raises(PushError) as why:
        repository.ensure(print)
    assert words in str(why.value)
    assert "`aws ecr create-repository --region eu-west-1 --repository-name harness-gam" in str(
        why.value
    )


def test_credentials_that_have_expired(repository: Repository, faults: Faults) -> None:
    words = "The security token included in the request is expired"
    faults.add("ecr:*", "ExpiredTokenException", words)
    with pytest.raises(
        PushError, match=rf"^{BUILT.name} can't be pushed .*{words}; your credentials have expired"
    ):
        repository.ensure(print)


def test_no_image_of_that_tag(repository: Repository) -> None:
    repository.ensure(print)
    assert repository.find(imageTag="0123456789ab") is None


def test_the_login_is_the_token(repository: Repository, ecr: ECRClient) -> None:
    (data,) = ecr.get_authorization_token()["authorizationData"]
    expected = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    assert list(repository.login().values()) == expected


def test_two_errors_of_ecr_are_told_apart(repository: Repository, faults: Faults) -> None:
    faults.add("ecr:BatchGetImage", "ServerException", "Try again later.", status=400)
    with pytest.raises(PushError, match=r"Try again later; see to that, in region eu-west-1\.$"):
        repository.find(imageTag="x")


def test_a_call_that_is_denied(repository: Repository, faults: Faults) -> None:
    faults.add("ecr:GetAuthorizationToken", "AccessDeniedException", "Not you.")
    with pytest.raises(PushError, match=r"Not you; `harness policy caller` prints a policy"):
        repository.login()


def test_a_repository_that_is_gone_again(repository: Repository) -> None:
    with pytest.raises(PushError, match="RepositoryNotFoundException"):
        repository.find(imageTag="x")

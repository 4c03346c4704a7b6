"""What a push asks of ECR, what it shows, and what it says when it fails; no Docker needed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import botocore.session
import docker
import pytest

from harness import config
from harness.errors import ConfigError, EngineError, PushError
from harness.image import push
from harness.image.build import BuiltImage
from harness.local.core.client import local_boto_session
from harness.local.http.server import LocalAWS
from tests.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
def repository(ecr: ECRClient) -> push._Repository:
    return push._Repository(ecr, config.Settings(region="eu-west-1"), BUILT)


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [
        ("ml.m5.large", "amd64"),
        ("ml.t2.medium", "amd64"),
        ("ml.g5.xlarge", "amd64"),
        ("ml.g4dn.xlarge", "amd64"),
        ("ml.g6e.xlarge", "amd64"),
        ("ml.p4d.24xlarge", "amd64"),
        ("ml.trn1.2xlarge", "amd64"),
        ("ml.m6g.large", "arm64"),
        ("ml.c7g.large", "arm64"),
        ("ml.c6gn.large", "arm64"),
        ("ml.r7gd.large", "arm64"),
        ("ml.p6e-gb200.36xlarge", "arm64"),
    ],
)
def test_the_architecture_of_an_instance_type(instance_type: str, architecture: str) -> None:
    assert push.architecture(instance_type) == architecture


def test_every_arm_type_that_sagemaker_has_is_known_by_its_family() -> None:
    """So that a new one, of a name that isn't thought of, is at least looked at."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    types = {
        *model.shape_for("TrainingInstanceType").enum,  # type: ignore[attr-defined]
        *model.shape_for("ProductionVariantInstanceType").enum,  # type: ignore[attr-defined]
    }
    families = {each.split(".")[1] for each in types if push.architecture(each) == "arm64"}
    graviton = {"c6g", "c6gd", "c6gn", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd"}
    assert families >= graviton | {"r7gd", "r8g", "p6e-gb200"}
    assert not {each for each in families if each.startswith(("g", "p3", "p4", "p5", "inf", "trn"))}


def test_one_image_cannot_run_on_two_architectures(tmp_path: Path) -> None:
    endpoint = config.Endpoint(instance_type="ml.c7g.large")
    gone = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(
        ConfigError, match=r"ml\.m5\.large takes amd64 images and .* ml\.c7g\.large arm64 ones"
    ):
        push._check_architecture(config.Settings(endpoint=endpoint), gone, BUILT)


def test_an_engine_that_is_gone(tmp_path: Path) -> None:
    gone = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(EngineError, match="the Docker engine stopped answering over harness-gam"):
        push._check_architecture(config.Settings(), gone, BUILT)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("denied: Your authorization token has expired. Reauthenticate and try again.", "clock"),
        ("no basic auth credentials", "clock"),
        ("unauthorized: authentication required", "clock"),
        ("denied: User: x is not authorized to perform: ecr:InitiateLayerUpload", "ecr:PutImage"),
        ("name unknown: The repository with name 'x' does not exist in the registry", "creates it"),
        ('Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: refused', "reach"),
        ('Get "https://x/v2/": dial tcp: lookup x on 10.0.0.2:53: no such host', "reach"),
        ('Get "https://x/v2/": net/http: TLS handshake timeout', "reach"),
        ('Get "https://x/v2/": x509: certificate signed by unknown authority', "certs.d"),
        ("received unexpected HTTP status: 503 Service Unavailable", "only what is missing"),
    ],
)
def test_what_a_failed_push_says(said: str, advice: str) -> None:
    sentence = push._sentence(BUILT.name, URI, "0123456789ab", said)
    assert sentence.startswith(f"{BUILT.name} can't be pushed to {URI}:0123456789ab: {said[:20]}")
    assert advice in sentence
    assert sentence.count(".;") == 0
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ("toomanyrequests: Rate exceeded", True),
        ('Put "https://x/v2/blobs/uploads/1": EOF', True),
        ('Put "https://x/v2/blobs/uploads/1": write: connection reset by peer', True),
        ("denied: Your authorization token has expired", False),
        ("tag invalid: The image tag 'x' already exists", False),
        ("received unexpected HTTP status: 404 Not Found", False),
    ],
)
def test_troubles_that_pass(said: str, passes: bool) -> None:
    assert bool(push._PASSING.search(said)) is passes


def test_layers_take_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = [0.0], list[str]()
    monkeypatch.setattr("harness.image.push.time.monotonic", lambda: now[0])
    layers = push._Layers(said.append)

    def pushing(layer: str, current: int, total: int) -> None:
        detail = {"current": current, "total": total}
        layers.read({"id": layer, "status": "Pushing", "progressDetail": detail})

    layers.read({"status": "The push refers to repository [x]"})
    layers.read({"id": "aaa", "status": "Preparing", "progressDetail": {}})
    layers.read({"id": "bbb", "status": "Layer already exists", "progressDetail": {}})
    for current in range(0, 50_000_000, 1_000_000):
        pushing("aaa", current, 100_000_000)
    assert said == []
    now[0] += 11
    pushing("ccc", 5_000_000, 4_000_000)  # more than the engine thought
    pushing("aaa", 50_000_000, 100_000_000)
    assert said == ["  54.0 MB of 105.0 MB sent"]
    layers.read({"id": "aaa", "status": "Pushed", "progressDetail": {}})
    layers.read({"id": "ddd", "status": "Pushed", "progressDetail": {}})
    assert said[1:] == ["  layer aaa pushed, 100.0 MB", "  layer ddd pushed"]


def test_a_missing_repository_is_created(ecr: ECRClient, repository: push._Repository) -> None:
    said: list[str] = []
    assert repository.ensure(said.append) == URI
    assert repository.ensure(said.append) == URI
    assert said == ["creating ECR repository harness-gam"]
    (made,) = ecr.describe_repositories(repositoryNames=["harness-gam"])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}


def test_somebody_else_creates_the_repository_meanwhile(
    ecr: ECRClient, repository: push._Repository, faults: Faults
) -> None:
    ecr.create_repository(repositoryName="harness-gam")
    faults.add("ecr:DescribeRepositories", "RepositoryNotFoundException", times=1)
    assert repository.ensure(print) == URI


def test_a_repository_that_may_not_be_created(repository: push._Repository, faults: Faults) -> None:
    words = "User: arn:aws:iam::111122223333:user/me is not authorized to perform: ecr:CreateRepo"
    faults.add("ecr:CreateRepository", "AccessDeniedException", words)
    with pytest.raises(PushError) as why:
        repository.ensure(print)
    assert words in str(why.value)
    assert "`aws ecr create-repository --region eu-west-1 --repository-name harness-gam" in str(
        why.value
    )


def test_credentials_that_have_expired(repository: push._Repository, faults: Faults) -> None:
    words = "The security token included in the request is expired"
    faults.add("ecr:*", "ExpiredTokenException", words)
    with pytest.raises(
        PushError, match=rf"^{BUILT.name} can't be pushed .*{words}; your credentials have expired"
    ):
        repository.ensure(print)


def test_no_image_of_that_tag(repository: push._Repository) -> None:
    repository.ensure(print)
    assert repository.find(imageTag="0123456789ab") is None


def test_the_login_is_the_token(repository: push._Repository, ecr: ECRClient) -> None:
    (data,) = ecr.get_authorization_token()["authorizationData"]
    expected = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    assert list(repository.login().values()) == expected


def test_two_errors_of_ecr_are_told_apart(repository: push._Repository, faults: Faults) -> None:
    faults.add("ecr:BatchGetImage", "ServerException", "Try again later.", status=400)
    with pytest.raises(PushError, match=r"Try again later; see to that, in region eu-west-1\.$"):
        repository.find(imageTag="x")


def test_a_call_that_is_denied(repository: push._Repository, faults: Faults) -> None:
    faults.add("ecr:GetAuthorizationToken", "AccessDeniedException", "Not you.")
    with pytest.raises(PushError, match=r"Not you; `harness policy caller` prints a policy"):
        repository.login()


def test_a_repository_that_is_gone_again(repository: push._Repository) -> None:
    with pytest.raises(PushError, match="RepositoryNotFoundException"):
        repository.find(imageTag="x")

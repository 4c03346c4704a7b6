"""The image's way to ECR and back: a real registry behind the local AWS's ECR, with a login."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import tarfile
import threading
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from docker.errors import ImageNotFound

from harness.config.places import Aws
from harness.config.settings import Image, Settings
from harness.errors import PushError
from harness.image import docker_engine, prune
from harness.image.build import BuiltImage
from harness.image.ecr import push
from harness.image.names import NAME_LABEL
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.integration.registry import DockerRegistry, Door, Trouble
from tests.integration.support import AWS, ROLE, Names
from tests.integration.training import finish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import boto3
    from docker import DockerClient

pytestmark = pytest.mark.docker

ACCOUNT = "210987654321"  # moto keeps its state by account: here nobody else's repositories are
REGION = "us-east-1"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def server(registry: DockerRegistry) -> Iterator[LocalAWS]:
    with LocalAWS(REGION, ACCOUNT, registry=registry.host) as server:
        registry.allow(*token(local_boto_session(server.url, REGION)))
        yield server


@pytest.fixture(scope="module")
def boto(server: LocalAWS) -> boto3.Session:
    return local_boto_session(server.url, REGION)


@pytest.fixture
def door(registry: DockerRegistry, boto: boto3.Session) -> Iterator[Door]:
    with Door(registry.host) as door:
        yield door


@pytest.fixture
def behind_door(door: Door) -> Iterator[boto3.Session]:
    """A session on a local AWS whose ECR has ECR's manners."""
    with LocalAWS(REGION, ACCOUNT, registry=door.host) as server:
        yield local_boto_session(server.url, REGION)


def token(boto: boto3.Session) -> tuple[str, str]:
    """User and password, as GetAuthorizationToken gives them."""
    (data,) = boto.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return user, password


@pytest.fixture
def settings(names: Names) -> Settings:
    return Settings(target="aws", aws=Aws(repository=names.new("ecr").lower()))


class Small(Protocol):
    def __call__(self, tag: str, architecture: str = "amd64") -> BuiltImage: ...


@pytest.fixture
def small(docker_client: DockerClient) -> Iterator[Small]:
    """Makes images of one small file each, that nothing can run."""
    made = []

    def make(tag: str, architecture: str = "amd64") -> BuiltImage:
        name = f"harness-small-{uuid.uuid4().hex[:8]}:{tag}"
        layer = tar_of({uuid.uuid4().hex: b""})
        layers = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
        parts = {"os": "linux", "architecture": architecture, "config": {}, "rootfs": layers}
        manifest = [{"Config": "config", "RepoTags": [name], "Layers": ["layer"]}]
        files = {"manifest.json": json.dumps(manifest), "config": json.dumps(parts)}
        encoded = {path: text.encode() for path, text in files.items()}
        docker_client.api.load_image(tar_of(encoded | {"layer": layer}))
        loaded = str(docker_client.images.get(name).id)
        made.append(loaded)
        return BuiltImage(name, loaded, 0.0, built=True)

    yield make
    for each in made:
        with suppress(ImageNotFound):  # the test's doing
            docker_client.images.remove(each, force=True)


def tar_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def names_in(docker: DockerClient, host: str) -> list[str]:
    """What local images are called that were in that registry: tags, and names by digest."""
    found: list[str] = []
    for each in docker.api.images():  # other tests may remove theirs meanwhile
        found += each["RepoTags"] or []
        found += each["RepoDigests"] or []
    return [name for name in found if name.startswith(f"{host}/")]


@pytest.mark.slow
def test_a_job_trains_in_the_image_that_was_pushed(
    server: LocalAWS,
    registry: DockerRegistry,
    docker_client: DockerClient,
    probe_image: str,
    settings: Settings,
    names: Names,
) -> None:
    """What is trained is the registry's: no copy is on this machine when the job begins."""
    dockerfile = f"FROM {probe_image}\nRUN echo {uuid.uuid4().hex} > /unique\n"
    name = f"harness-pushed:{uuid.uuid4().hex[:12]}"
    made, _ = docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True)
    built = BuiltImage(name, str(made.id), 1.0, built=True)
    boto = local_boto_session(server.url, REGION)
    said: list[str] = []
    try:
        there = push.push(settings, boto, docker_client, built, progress=said.append)
    finally:
        docker_client.images.remove(built.id, force=True)

    repository = f"{registry.host}/{settings.aws.repository}"
    assert there.startswith(f"{repository}@sha256:")
    assert said[0] == f"creating ECR repository {settings.aws.repository}"
    assert f"pushing {name} to {repository}:{name.partition(':')[2]}" in said
    assert names_in(docker_client, registry.host) == []

    aws = AWS(boto, docker_client, bucket=f"pushed-{uuid.uuid4().hex[:8]}")
    job = names.new("job")
    aws.sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": there, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{aws.bucket}/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )
    done = finish(aws, job)
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert "Downloading the training image" in [
        each["StatusMessage"] for each in done["SecondaryStatusTransitions"]
    ]
    assert names_in(docker_client, registry.host) == [there]
    assert docker_client.images.get(there).id == built.id


def test_what_the_local_aws_pulled_goes_with_it(
    registry: DockerRegistry,
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    from harness.local.engine.containers import Containers
    from harness.local.engine.image_registry import Registry

    built = small("pulled")
    there = push.push(settings, boto, docker_client, built)
    docker_client.images.remove(built.id, force=True)
    containers = Containers(Registry(registry.host, ACCOUNT))
    try:
        containers.require_image(there)
        assert there in names_in(docker_client, registry.host)
    finally:
        containers.close()
    assert there not in names_in(docker_client, registry.host)


def test_what_killed_processes_pulled_goes_with_the_superseded_image(
    door: Door,
    boto: boto3.Session,
    behind_door: boto3.Session,
    registry: DockerRegistry,
    docker_client: DockerClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From two registries, each of which left a name by digest."""
    monkeypatch.setattr(prune, "LAYER_AGE", timedelta(0))
    name = f"harness-test-{uuid.uuid4().hex[:8]}"
    label = {NAME_LABEL: name}
    made, _ = docker_client.images.build(
        fileobj=io.BytesIO(b"FROM scratch\nCMD x\n"), labels=label, tag=f"{name}:one", rm=True
    )
    built = BuiltImage(f"{name}:one", str(made.id), 0.0, built=True)
    for session in (boto, behind_door):
        there = push.push(settings, session, docker_client, built)
        user, password = token(session)
        docker_client.images.pull(there, auth_config={"username": user, "password": password})
    assert names_in(docker_client, registry.host)
    assert names_in(docker_client, door.host)
    docker_client.images.remove(built.name)

    prune.prune(settings.model_copy(update={"image": Image(name=name)}), docker_client)
    with pytest.raises(ImageNotFound):
        docker_client.images.get(built.id)


def test_without_the_login_nothing_is_pulled(
    registry: DockerRegistry,
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    from harness.local.engine.containers import Containers
    from harness.local.engine.errors import ImageError
    from harness.local.engine.image_registry import Registry

    there = push.push(settings, boto, docker_client, small("refused"))
    containers = Containers(Registry(registry.host, "000000000000"))
    try:
        with pytest.raises(ImageError, match="unauthorized"):
            containers.require_image(there)
    finally:
        containers.close()


def test_what_is_there_is_not_pushed_again(
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    built, said = small("again"), list[str]()
    first = push.ensure(settings, boto, docker_client, built, progress=print)
    second = push.ensure(settings, boto, docker_client, built, progress=said.append)
    assert first.pushed
    assert first.seconds > 0
    assert second == push.Pushed(first.repository, first.digest, pushed=False, seconds=0.0)
    assert said == []


def test_the_repository_is_made_as_it_should_be(
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
    registry: DockerRegistry,
) -> None:
    push.push(settings, boto, docker_client, small("made"))
    ecr = boto.client("ecr")
    (made,) = ecr.describe_repositories(repositoryNames=[settings.aws.repository])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["repositoryUri"] == f"{registry.host}/{settings.aws.repository}"
    tags = ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]
    assert tags == [{"Key": "harness:managed", "Value": "true"}]


def test_two_pushes_at_once_are_one(
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    built, done = small("twice"), list[push.Pushed]()
    together = threading.Barrier(2)

    def run() -> None:
        client = docker_engine.connect()
        together.wait(30)
        done.append(push.ensure(settings, boto, client, built))
        client.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.pushed for each in done) == [False, True]
    assert done[0].name == done[1].name


def test_another_build_of_the_same_files_gets_a_tag_of_its_own(
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    """As on another machine: the same content hash, and not the same bits."""
    one, other, said = small("content"), small("content"), list[str]()
    first = push.ensure(settings, boto, docker_client, one)
    second = push.ensure(settings, boto, docker_client, other, progress=said.append)
    assert second.pushed
    assert second.digest != first.digest
    own = f"content-{other.id.removeprefix('sha256:')[:12]}"
    assert tags(boto, settings) == {"content": first.digest, own: second.digest}
    assert said[0] == f"{first.repository}:content is another build of the same files"

    again = push.ensure(settings, boto, docker_client, other)
    assert again == push.Pushed(second.repository, second.digest, pushed=False, seconds=0.0)


def tags(boto: boto3.Session, settings: Settings) -> dict[str, str]:
    listed = boto.client("ecr").list_images(repositoryName=settings.aws.repository)["imageIds"]
    return {each["imageTag"]: each["imageDigest"] for each in listed}


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_a_tag_that_another_machine_takes_meanwhile(
    door: Door,
    boto: boto3.Session,
    behind_door: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
    same: bool,
) -> None:
    """Where tags are immutable, that machine's image stays, and ours is found or pushed beside."""
    ours = small("raced")
    theirs = ours if same else small("raced")
    first = []

    def push_theirs() -> None:
        # Past the lock that pushes of this machine share.
        there = f"{door.upstream}/{settings.aws.repository}"
        user, password = token(boto)
        docker_client.api.tag(theirs.id, there, "raced")
        login = {"username": user, "password": password}
        docker_client.api.push(there, "raced", auth_config=login)
        docker_client.images.remove(f"{there}:raced", noprune=True)
        first.append(tags(boto, settings)["raced"])

    door.meanwhile = push_theirs
    pushed = push.ensure(settings, behind_door, docker_client, ours)

    assert door.refused == ["raced"]
    assert tags(boto, settings)["raced"] == first[0]
    assert (pushed.digest == first[0]) is same
    assert pushed.pushed is not same


def test_troubles_that_pass_are_sat_out(
    door: Door,
    behind_door: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    said: list[str] = []
    door.troubles = [Trouble(503), Trouble(500)]
    push.push(settings, behind_door, docker_client, small("later"), progress=said.append)
    assert len([line for line in said if line.endswith("trying again")]) == 2


@pytest.mark.slow
def test_troubles_that_stay(
    door: Door,
    behind_door: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    door.troubles = [Trouble(503)] * 10
    built = small("never")
    with pytest.raises(PushError, match=rf"{built.name} can't be pushed to .*:never: .*503") as why:
        push.push(settings, behind_door, docker_client, built)
    assert str(why.value).endswith("push again, which sends only what is missing.")
    assert len(door.troubles) == 7
    assert names_in(docker_client, door.host) == []


def test_an_image_for_another_processor(
    boto: boto3.Session, docker_client: DockerClient, small: Small, settings: Settings
) -> None:
    built = small("arm", "arm64")
    with pytest.raises(
        PushError, match=r"is for linux/arm64, and ml\.m5\.large runs linux/amd64: build"
    ):
        push.push(settings, boto, docker_client, built)
    training = settings.training.model_copy(update={"instance_type": "ml.p6e-gb200.36xlarge"})
    endpoint = settings.endpoint.model_copy(update={"instance_type": "ml.m6g.large"})
    fits = settings.model_copy(update={"training": training, "endpoint": endpoint})
    assert push.push(fits, boto, docker_client, built)


def test_a_registry_that_is_down(
    registry: DockerRegistry,
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    built = small("down")
    registry.stop()
    try:
        with pytest.raises(PushError, match=rf"the registry at {registry.host} .*doesn't answer"):
            push.push(settings, boto, docker_client, built)
    finally:
        registry.start()
    assert push.push(settings, boto, docker_client, built)


def test_a_registry_that_does_not_take_the_local_aws_login(
    registry: DockerRegistry,
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    registry.allow("somebody", "else")
    try:
        with pytest.raises(PushError, match=r"doesn't take ECR's login; let in user AWS with"):
            push.push(settings, boto, docker_client, small("login"))
    finally:
        registry.allow(*token(boto))


def test_a_login_that_the_registry_does_not_take(
    door: Door,
    behind_door: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    """The login is refused half-way: the engine's words, and what to do."""
    door.troubles = [Trouble(401, "UNAUTHORIZED", "authentication required")]
    with pytest.raises(PushError, match=r"doesn't take the login .* clock is right"):
        push.push(settings, behind_door, docker_client, small("clock"))


def test_an_interrupted_push_leaves_nothing_and_is_made_good(
    door: Door,
    behind_door: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    built = small("halfway")
    # The engine goes on for a moment, and its one layer is there already: the tag must not be, or
    # the push would be whole, and the image have the name that it then has by its digest.
    door.troubles = [Trouble(503)] * 10

    def interrupt(line: str) -> None:
        if line.startswith("  layer "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push.push(settings, behind_door, docker_client, built, progress=interrupt)
    assert names_in(docker_client, door.host) == []
    door.troubles = []
    assert push.push(settings, behind_door, docker_client, built)


def test_ecr_answers_with_what_is_in_the_registry(
    registry: DockerRegistry,
    boto: boto3.Session,
    docker_client: DockerClient,
    small: Small,
    settings: Settings,
) -> None:
    """Also with what came there without us, as with `docker push`."""
    ecr, name = boto.client("ecr"), settings.aws.repository
    uri = ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
    (login,) = ecr.get_authorization_token()["authorizationData"]
    assert login["proxyEndpoint"] == f"http://{registry.host}"
    assert ecr.list_images(repositoryName=name)["imageIds"] == []

    user, password = token(boto)
    auth = {"username": user, "password": password}
    images = {tag: small(tag) for tag in ("one", "two")}
    for tag, each in images.items():
        docker_client.api.tag(each.id, uri, tag)
        docker_client.api.push(uri, tag, auth_config=auth)
        docker_client.images.remove(f"{uri}:{tag}")

    digests = tags(boto, settings)
    assert digests.keys() == images.keys()
    described = ecr.describe_images(repositoryName=name)["imageDetails"]
    assert {each["imageTags"][0]: each["imageDigest"] for each in described} == digests
    assert all(each["imageSizeInBytes"] > 0 for each in described)
    identifiers: Any = ({"imageTag": "one"}, {"imageDigest": digests["one"]})
    for identifier in identifiers:
        (got,) = ecr.batch_get_image(repositoryName=name, imageIds=[identifier])["images"]
        assert json.loads(got["imageManifest"])["config"]["digest"] == images["one"].id
        assert got["imageId"]["imageDigest"] == digests["one"]

    again = ecr.put_image(repositoryName=name, imageTag="uno", imageManifest=got["imageManifest"])
    assert again["image"]["imageId"]["imageDigest"] == digests["one"]
    assert tags(boto, settings) == {**digests, "uno": digests["one"]}

    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digests["one"]}])
    assert tags(boto, settings) == {"two": digests["two"]}
    with pytest.raises(ecr.exceptions.RepositoryNotEmptyException):
        ecr.delete_repository(repositoryName=name)
    ecr.delete_repository(repositoryName=name, force=True)
    ecr.create_repository(repositoryName=name)
    assert tags(boto, settings) == {}


def test_the_login_is_nowhere_to_be_seen(
    boto: boto3.Session,
    docker_client: DockerClient,
    settings: Settings,
    small: Small,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither in what is said or logged, nor in the image, nor in Docker's file of logins."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    # A client's log has the answers of AWS at this level: everybody's choice, not ours.
    caplog.set_level(logging.INFO, logger="botocore")
    built = small("secret")
    push.ensure(settings, boto, docker_client, built, progress=print)

    history = docker_client.images.get(built.id).history()
    attributes = docker_client.api.inspect_image(built.id)
    seen = caplog.text + "".join(capfd.readouterr()) + json.dumps([history, attributes])
    assert "pushing" in seen
    (data,) = boto.client("ecr").get_authorization_token()["authorizationData"]
    for secret in (data["authorizationToken"], token(boto)[1]):
        assert secret not in seen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_commands(
    server: LocalAWS,  # which the registry lets in
    registry: DockerRegistry,
    docker_client: DockerClient,
    probe_image: str,
    tmp_path: Path,
) -> None:
    """`harness up --registry`, and `harness push --json` there: all of it from outside."""
    project, repository = tmp_path / "project", f"commands-{uuid.uuid4().hex[:8]}"
    (project / "container").mkdir(parents=True)
    (project / "container/Dockerfile").write_text(
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY unique /unique\n"
    )
    (project / "container/unique").write_text(uuid.uuid4().hex)
    (project / "harness.toml").write_text(
        f"[image]\nname = '{repository}'\nbase = '{probe_image}'\n"
        f"[local]\naccount_id = '{ACCOUNT}'\nport = 0\n"
        f"[aws]\nbucket = 'harness-local'\nrepository = '{repository}'\n"
        f"role_arn = 'arn:aws:iam::{ACCOUNT}:role/harness'\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"XDG_STATE_HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "docker")}

    def harness(*arguments: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=project,
            env={n: v for n, v in (environ | variables).items() if v is not None},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    nothing = harness("push")
    assert nothing.returncode == 2
    assert "`harness push --target aws`" in nothing.stderr

    up = harness("up", "--detach", "--json", "--registry", registry.host)
    assert up.returncode == 0, up.stderr
    try:
        variables = json.loads(harness("env", "--json").stdout)
        done = [harness("push", "--target", "aws", "--json", **variables) for _ in range(2)]
        assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
        first, second = (json.loads(each.stdout.splitlines()[-1]) for each in done)
        assert first["image"] == f"{registry.host}/{repository}@{first['digest']}"
        assert first["repository"] == f"{registry.host}/{repository}"
        assert first["pushed"]
        assert first["seconds"] > 0
        assert second == {**first, "pushed": False, "seconds": 0.0}
        secret = f"{ACCOUNT}-auth-token"
        for each in done:
            assert secret not in each.stdout + each.stderr
            assert base64.b64encode(f"AWS:{secret}".encode()).decode() not in each.stderr
        log = (tmp_path / "harness/service.log").read_text()
        assert secret not in log
        assert not (tmp_path / "docker").exists()
    finally:
        down = harness("down")
        for image in docker_client.images.list(name=repository):
            docker_client.images.remove(str(image.id), force=True)
    assert down.returncode == 0, down.stderr

"""AWS SDKs in containers that know nothing of AWS_ENDPOINT_URL, and a new one beside them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import locks
from harness.errors import BuildError
from harness.image import debian
from harness.image.base import SUITE
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HERE = Path(__file__).parent / "old_sdks"

WITHOUT_VARIABLE = ("1.17.52", "1.26.27")
"""What AWS's XGBoost 1.7-1 image pins, and Debian 12's, which has rules for endpoints."""

VERSIONS = (*WITHOUT_VARIABLE, "1.28.85", "1.43.5")


DEBIANS = (
    "aws s3 cp /etc/hostname $PLACE/cli && aws s3 ls $PLACE/ && aws sts get-caller-identity"
    ' && aws sagemaker list-models && python3 -c "$PROGRAM"'
)


@pytest.fixture(scope="module")
def image(docker_client: DockerClient, probe_image: str, tmp_path_factory: Any) -> Iterator[str]:
    """The probe's, with boto3 of each version; pip runs here, and the build has no network."""
    context = tmp_path_factory.mktemp("context")
    shutil.copytree(HERE, context, dirs_exist_ok=True)
    for version in VERSIONS:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run(
            [*pip, "--target", str(context / "sdks" / version), f"boto3=={version}"],
            check=True,
            timeout=300,
        )
    with locks.held("build", BuildError, progress=print):
        built, _ = docker_client.images.build(
            path=str(context),
            buildargs={"BASE_IMAGE": probe_image},
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    yield str(built.id)
    docker_client.images.remove(str(built.id), force=True)


@pytest.fixture
def process(aws: AWS, names: Names, image: str) -> Callable[..., dict[str, Any]]:
    """Runs the calls in a processing job, and returns what they have written to S3."""

    def run(version: str, image: str = image, **environment: str) -> dict[str, Any]:
        name = names.new("job")
        run_job(
            aws,
            name,
            image,
            ["python3", "/calls.py"],
            BOTO3=version,
            BUCKET=aws.bucket,
            KEY=name,
            **environment,
        )
        return said(aws, name)

    return run


def run_job(aws: AWS, name: str, image: str, command: list[str], **environment: str) -> None:
    """A processing job, which has to be Completed."""
    cluster: Any = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    aws.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": command},
        ProcessingResources={"ClusterConfig": cluster},
        Environment=environment,
    )
    aws.wait("processing_job_completed_or_stopped", ProcessingJobName=name)
    ended = aws.sagemaker.describe_processing_job(ProcessingJobName=name)
    log = "\n".join(aws.log("/aws/sagemaker/ProcessingJobs", name))
    assert ended["ProcessingJobStatus"] == "Completed", log


def said(aws: AWS, key: str) -> dict[str, Any]:
    body = aws.s3.get_object(Bucket=aws.bucket, Key=f"{key}/said.json")["Body"].read()
    return dict(json.loads(body))


@pytest.mark.parametrize("version", VERSIONS)
def test_boto3_of_any_age_reaches_the_local_aws(
    process: Callable[..., dict[str, Any]], version: str
) -> None:
    found = process(version)

    assert found["version"] == version
    assert found["read"] == found["signed"] == "1"
    assert found["listed"] == ["a b.txt"]
    assert found["account"] == "123456789012"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_the_users_own_is_still_found(
    process: Callable[..., dict[str, Any]], version: str
) -> None:
    """A profile of ~/.aws/config, and a service's model of a folder of AWS_DATA_PATH."""
    found = process(version, AWS_DATA_PATH="/own", PROFILE="theirs")

    assert found["profile"] == "ap-south-1"
    assert found["services"] == ["own"]
    assert found["read"] == "1"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_the_images_own_is_still_found(
    docker_client: DockerClient,
    process: Callable[..., dict[str, Any]],
    image: str,
    tmp_path: Path,
    version: str,
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nENV AWS_DATA_PATH=/image\n")
    with locks.held("build", BuildError, progress=print):
        derived, _ = docker_client.images.build(path=str(tmp_path), rm=True, forcerm=True)

    try:
        assert process(version, str(derived.id))["services"] == ["image"]
    finally:
        docker_client.images.remove(str(derived.id), force=True)


@pytest.mark.parametrize("model", [False, True])
def test_an_endpoint_has_it_too(aws: AWS, names: Names, image: str, model: bool) -> None:
    name = names.new("endpoint")
    environment = {"BOTO3": VERSIONS[0], "BUCKET": aws.bucket, "KEY": name}
    container: dict[str, Any] = {"Image": image, "Environment": environment}
    if model:
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w:gz").close()
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{name}/m.tar.gz", Body=empty.getvalue())
        container["ModelDataUrl"] = f"s3://{aws.bucket}/{name}/m.tar.gz"
    aws.create_endpoint(name, container=container)
    try:
        aws.wait("endpoint_in_service", EndpointName=name)
        ended = aws.sagemaker.describe_endpoint(EndpointName=name)
        assert ended["EndpointStatus"] == "InService", ended["FailureReason"]
        assert said(aws, name)["read"] == "1"
    finally:
        aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_training_job_has_it_too(aws: AWS, names: Names, image: str) -> None:
    name = names.new("job")
    aws.create_training_job(
        name,
        image,
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/calls.py"],
        },
        Environment={"BOTO3": VERSIONS[0], "BUCKET": aws.bucket, "KEY": name},
    )
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)

    assert said(aws, name)["read"] == "1"


@pytest.mark.timeout(900)  # mmdebstrap alone takes a minute, or several on a busy machine
def test_debians_own_cli_and_boto3_reach_it(
    aws: AWS, names: Names, docker_client: DockerClient
) -> None:
    """Its AWS CLI is of January 2023, half a year older than the variable."""
    if not debian.can_bootstrap():
        pytest.skip("Debian's packages take mmdebstrap")
    name = names.new("job")
    with contextlib.ExitStack() as clean:
        packages = ("awscli", "python3-boto3")
        tar = clean.enter_context(debian.bootstrap(SUITE, packages, progress=print))
        docker_client.api.import_image(tar, repository=name, tag="debian")
        clean.callback(docker_client.images.remove, f"{name}:debian", force=True)
        run_job(
            aws,
            name,
            f"{name}:debian",
            ["sh", "-ec", DEBIANS],
            PLACE=f"s3://{aws.bucket}/{name}",
            PROGRAM="import boto3; boto3.client('s3')"
            f".upload_file('/etc/hostname', '{aws.bucket}', '{name}/boto3')",
        )

    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=name)["Contents"]
    assert [each["Key"] for each in listed] == [f"{name}/boto3", f"{name}/cli"]

"""Script mode on the project's image: the program of the request runs, in training and in serving.

The requests are those of the SDK's `Estimator(entry_point=…, source_dir=…)` and
`Model(entry_point=…, source_dir=…)`.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.training import artifacts, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.image.build import BuiltImage
    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

TRAIN = """
import os, pathlib, sys
import helper

def model_fn(model_dir):
    return pathlib.Path(model_dir, "weights").read_text()

def transform_fn(model, data, content_type, accept):
    return f"{helper.NAME} {model}"

if __name__ == "__main__":
    pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_text(" ".join(sys.argv[1:]))
    print("the script has run")
"""
HELPER = "NAME = {!r}\n"
INFERENCE = "import helper\nfrom train import model_fn, transform_fn\n"


@pytest.fixture
def submit(aws: AWS, names: Names) -> Callable[..., str]:
    """Puts a program into the bucket as the SDK does; returns its URI."""

    def submit(**files: str) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"{name}.py")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        key = f"{names.new('source')}/sourcedir.tar.gz"
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=packed.getvalue())
        return f"s3://{aws.bucket}/{key}"

    return submit


@pytest.fixture
def train(aws: AWS, names: Names, gam_image: BuiltImage) -> Callable[..., dict[str, Any]]:
    """Trains with a program of the bucket, to the end."""

    def train(uri: str, program: str = "train.py") -> dict[str, Any]:
        values = {
            "sagemaker_program": program,
            "sagemaker_submit_directory": uri,
            "sagemaker_container_log_level": 20,
            "sagemaker_job_name": "job",
            "sagemaker_region": "us-east-1",
            "word": "hello",
        }
        given = {name: json.dumps(value) for name, value in values.items()}
        name = names.new("job")
        aws.create_training_job(name, gam_image.name, HyperParameters={**given, "plain": "a b"})
        return finish(aws, name)

    return train


@pytest.fixture
def answer(aws: AWS, names: Names, gam_image: BuiltImage) -> Iterator[Callable[..., str]]:
    """What an endpoint of this model answers, with these variables."""
    made: list[str] = []

    def answer(model: str, **environment: str) -> str:
        name = names.new("endpoint")
        container = {"Image": gam_image.name, "ModelDataUrl": model, "Environment": environment}
        aws.create_endpoint(name, container=container)
        made.append(name)
        aws.wait("endpoint_in_service", EndpointName=name)
        return str(aws.invoke(name, b"")["Body"].read().decode())

    yield answer
    for name in made:
        aws.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.slow
def test_the_jobs_program_trains_and_serves(
    aws: AWS, submit: Callable[..., str], train: Callable[..., Any], answer: Callable[..., str]
) -> None:
    job = train(submit(train=TRAIN, helper=HELPER.format("first")))
    assert job["TrainingJobStatus"] == "Completed", job
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    files = artifacts(aws, model)
    assert files["weights"] == b"--plain a b --word hello"
    assert set(files) == {"weights", "code/train.py", "code/helper.py"}

    lines = "\n".join(aws.log("/aws/sagemaker/TrainingJobs", job["TrainingJobName"]))
    assert "the script has run" in lines
    for words in ("Failed to parse", "abandoning", "No Neurons"):
        assert words not in lines

    # Estimator.deploy names no program: it is the one that came with the model.
    assert answer(model) == "first --plain a b --word hello"
    # Model(entry_point=…) does, and sends it.
    other = submit(inference=INFERENCE, train=TRAIN, helper=HELPER.format("second"))
    given = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": other}
    assert answer(model, **given) == "second --plain a b --word hello"


@pytest.mark.slow
def test_a_program_that_isnt_in_its_archive_fails_the_job(
    submit: Callable[..., str], train: Callable[..., Any]
) -> None:
    uri = submit(other="")
    job = train(uri)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"AlgorithmError: No train.py in {uri}, which holds other.py: sagemaker_program"
    )


@pytest.mark.slow
def test_a_program_that_isnt_in_s3_fails_the_job(aws: AWS, train: Callable[..., Any]) -> None:
    job = train(f"s3://{aws.bucket}/gone.tar.gz")
    assert job["TrainingJobStatus"] == "Failed"
    assert f"can't be fetched from s3://{aws.bucket}/gone.tar.gz: " in job["FailureReason"]
    assert "NoSuchKey" in job["FailureReason"]

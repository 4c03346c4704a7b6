"""How far large data is, as those see it who wait: each of its pieces comes when the test says."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from harness.local.data import transfers
from harness.local.engine.streams.pieces import SENT_PIECE, Content
from tests.integration.training import channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

LIMIT = 60


class Pieces:
    """Those of large objects, which come when they are let."""

    def __init__(self) -> None:
        self._come = threading.Semaphore(0)
        self._over = False

    def let(self, number: int) -> None:
        """Let so many more come."""
        self._come.release(number)

    def let_all(self) -> None:
        self._over = True
        self._come.release()

    def wait(self) -> None:
        """Wait until the next one may come."""
        if not self._over:
            assert self._come.acquire(timeout=LIMIT)


@pytest.fixture
def coming(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pieces]:
    pieces, coming = Content.pieces, Pieces()

    def slow(self: Content) -> Iterator[Content]:
        for each in pieces(self):
            coming.wait()
            yield each

    monkeypatch.setattr(Content, "pieces", slow)
    monkeypatch.setattr(transfers, "PERIOD", 0.0)
    yield coming
    coming.let_all()


def test_a_training_job_says_how_far_its_data_is(
    aws: AWS, create: Callable[..., str], names: Names, coming: Pieces
) -> None:
    prefix = names.new("data")
    body = b"x" * 2 * SENT_PIECE
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/data.bin", Body=body)
    name = create(InputDataConfig=[channel("train", f"s3://{aws.bucket}/{prefix}/")])

    def last() -> dict[str, Any]:
        job = aws.sagemaker.describe_training_job(TrainingJobName=name)
        return dict(job["SecondaryStatusTransitions"][-1])

    begun = aws.wait_until(
        lambda: (step := last())["Status"] == "Downloading" and step, "data is on its way"
    )
    assert begun["StatusMessage"] == "Downloading input data"
    coming.let(1)
    step = aws.wait_until(
        lambda: (step := last())["StatusMessage"] != "Downloading input data" and step,
        "how far it is",
    )
    assert step["StatusMessage"].startswith("Downloading input data: ")
    assert step["StatusMessage"].endswith(" of 17 MB")
    assert step["StartTime"] == begun["StartTime"]

    coming.let(1)
    job = finish(aws, name)
    assert job["TrainingJobStatus"] == "Completed"
    said = [(s["Status"], s["StatusMessage"]) for s in job["SecondaryStatusTransitions"]]
    assert ("Downloading", "Downloading input data") in said
    assert ("Uploading", "Uploading generated training model") in said


def test_an_endpoint_that_is_created_says_how_far_its_model_is(
    aws: AWS, names: Names, probe_image: str, coming: Pieces
) -> None:
    prefix, name = names.new("model"), names.new("endpoint")
    body = os.urandom(3 * SENT_PIECE)
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/weights.bin", Body=body)
    source = {
        "S3Uri": f"s3://{aws.bucket}/{prefix}/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    container = {"Image": probe_image, "ModelDataSource": {"S3DataSource": source}}
    aws.create_endpoint(name, container=container)
    coming.let(2)

    def message() -> str:
        endpoint = aws.sagemaker.describe_endpoint(EndpointName=name)
        variant = endpoint["PendingDeploymentSummary"]["ProductionVariants"][0]
        return str(variant["VariantStatus"][0].get("StatusMessage", ""))

    assert aws.wait_until(message, "how far it is") in ("Downloading model data: 8 of 25 MB",
                              "Downloading model data: 17 of 25 MB")  # fmt: skip
    coming.let_all()
    aws.wait("endpoint_in_service", EndpointName=name)
    assert aws.invoke(name, b"", ContentType="probe/model")["Body"].read() == b'["weights.bin"]'
    aws.sagemaker.delete_endpoint(EndpointName=name)

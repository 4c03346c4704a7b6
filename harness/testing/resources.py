"""What tests make on a target, as objects that say what came of it."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from botocore.exceptions import ClientError

from harness.flow.project.payloads import TYPES, bodies, decode, plain

if TYPE_CHECKING:
    from types import TracebackType

    from types_boto3_s3 import S3Client

    from harness.flow.context import Run
    from harness.flow.project.payloads import Array
    from harness.testing.target import Lines

LAST_LINES = 20
"""Lines of a container's log that a failing test's report shows."""


@dataclass
class Resource:
    """Something that a test has made."""

    run: Run = field(repr=False)
    lines: Lines = field(repr=False)
    what: str = ""
    status: str = ""
    failure_reason: str = ""

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def log(self) -> list[str]:
        """The lines that its containers have written, as far as they were waited for."""
        return self.lines.of_containers

    def summary(self) -> str:
        """What a failing test's report has of it."""
        head = f"{self.what} {self.name}: {self.status or 'not created'}"
        if self.failure_reason:
            head += f": {self.failure_reason}"
        return "\n".join([head, *(f"  | {line}" for line in self.log[-LAST_LINES:])])

    def _client(self, service: str) -> Any:
        make: Any = self.run.connection.boto.client
        return make(service)


def objects(client: S3Client, uri: str) -> dict[str, bytes]:
    """The objects below a prefix, by what follows it in their keys."""
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[item["Key"].removeprefix(prefix).lstrip("/")] = body
    return found


@dataclass
class TrainingJob(Resource):
    """A training job that has ended."""

    image: str = ""
    model_data: str = ""
    """The S3 URI of its model.tar.gz."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Those of its log (`MetricDefinitions`), by name: the last value of each."""
    submitted: str = field(default="", repr=False)

    @property
    def model(self) -> dict[str, bytes]:
        """The files in its model.tar.gz by their paths."""
        bucket, key = self.model_data.removeprefix("s3://").split("/", 1)
        body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            return {
                member.name.removeprefix("./"): content.read()
                for member in tar
                if (content := tar.extractfile(member)) is not None
            }


@dataclass
class ProcessingJob(Resource):
    """A processing job that has ended."""

    outputs: dict[str, dict[str, bytes]] = field(default_factory=dict, repr=False)
    """The files of each output by their paths."""


@dataclass
class TransformJob(Resource):
    """A batch transform job that has ended."""

    output: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What was written for each object (`x.csv.out`)."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint has answered to one request."""

    body: bytes
    content_type: str

    def array(self) -> Array:
        """As an array, if it is csv, JSON, JSON Lines or npy."""
        return decode(self.body, self.content_type)


@dataclass
class Endpoint(Resource):
    """An endpoint in service. It goes when the suite ends, or at the end of a `with`."""

    def invoke(self, body: bytes | str, content_type: str = "text/csv", accept: str = "") -> Answer:
        """Send one request.

        Raises:
            botocore.exceptions.ClientError: `ModelError` where the container answered 4xx or 5xx.
        """
        more = {"Accept": accept} if accept else {}
        answer = self._client("sagemaker-runtime").invoke_endpoint(
            EndpointName=self.name, Body=body, ContentType=content_type, **more
        )
        return Answer(answer["Body"].read(), answer.get("ContentType", ""))

    def predict(self, rows: Any, content_type: str = "text/csv", accept: str = "") -> Array:
        """The answers to rows of shape (n, k), in as few requests as AWS takes: shape (n, …)."""
        if hasattr(rows, "to_numpy"):  # a pandas DataFrame
            rows = rows.to_numpy()
        wanted = accept or (content_type if plain(content_type) in TYPES else "")
        parts = [
            np.atleast_1d(self.invoke(body, content_type, wanted).array())
            for body, _ in bodies(rows, content_type)
        ]
        return np.concatenate(parts)

    def delete(self) -> None:
        """Delete it with its configuration and its model; returns when it is gone.

        May be called twice.
        """
        from harness.flow.ledger import Entry
        from harness.flow.teardown import Patience, is_missing, remove

        place = self.run.settings.place
        patience = Patience(place.provisioning_seconds, place.poll_seconds)
        for kind in ("endpoint", "endpoint config", "model"):
            remove(self.run.connection.boto, Entry(kind, self.name), patience)
        end = time.monotonic() + place.provisioning_seconds
        client = self._client("sagemaker")
        while time.monotonic() < end:
            try:
                self.status = client.describe_endpoint(EndpointName=self.name)["EndpointStatus"]
            except ClientError as error:
                if not is_missing(error):
                    raise
                self.status = "Deleted"
                return
            time.sleep(place.poll_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delete()

"""What a run creates, and how each kind of it is removed: at its end, or by `harness clean`."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from botocore.exceptions import BotoCoreError, ClientError

from harness import machine
from harness.errors import FlowError
from harness.flow.ledger import Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

SCALABLE_DIMENSION = "sagemaker:variant:DesiredInstanceCount"

_MISSING = {"ResourceNotFound", "ObjectNotFoundException", "NoSuchBucket"}


RUN_TAG, HOST_TAG, KEPT_TAG = "harness:run", "harness:host", "harness:kept"


def tags(run: str, keep: bool) -> dict[str, str]:
    """What a run tags its resources with, so that they are found where its ledger is lost."""
    found = {RUN_TAG: run, HOST_TAG: machine.name()}
    return found | {KEPT_TAG: "true"} if keep else found


class Patience(NamedTuple):
    """How long a resource that can't be removed yet is waited for, and how often it is looked at.

    In seconds. AWS refuses to delete an endpoint that is being created. A training job that is
    stopped still uploads what it has, which has to be there to be deleted; it isn't waited for
    where it is `ephemeral`, and ends with its local AWS.
    """

    seconds: float
    poll: float
    ephemeral: bool = False


class TearDown:
    """Removes what a run created, last first: on success, failure, Ctrl-C and SIGTERM alike.

    A resource is entered before its creation, so that one that is interrupted half-way is removed
    too; to find nothing is fine.
    """

    def __init__(
        self,
        boto: boto3.Session,
        ledger: Ledger,
        progress: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self._boto = boto
        self._ledger = ledger
        self._progress = progress
        self._patience = patience

    def add(self, kind: str, name: str) -> None:
        self._ledger.add(Entry(kind, name))

    def forget(self) -> None:
        """Leave it all where it is."""
        self._ledger.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._ledger:
            left = remove_all(self._boto, self._ledger, self._patience)
        if left:
            sentence = (
                f"could not be torn down: {'; '.join(left)}. `harness clean` tries again, or "
                "delete it by hand."
            )
            if kind is None:
                raise FlowError(sentence)
            self._progress(sentence)


def remove_all(boto: boto3.Session, ledger: Ledger, patience: Patience) -> list[str]:
    """Remove what is in the ledger, last first; what can't be removed, each with the reason."""
    left = []
    for entry in ledger.entries[::-1]:
        try:
            remove(boto, entry, patience)
        except (ClientError, BotoCoreError, FlowError) as error:
            left.append(f"{entry} ({error})")
        else:
            ledger.remove(entry)
    return left


def remove(boto: boto3.Session, entry: Entry, patience: Patience) -> None:
    """Remove a resource, or see that there is none."""
    try:
        REMOVE[entry.kind](boto, entry.name, patience)
    except ClientError as error:
        if not is_missing(error):
            raise


def is_missing(error: ClientError) -> bool:
    """Whether the error says that there is no such thing, for which SageMaker has two codes."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"].lower()
    return code in _MISSING or (
        code == "ValidationException"
        and any(words in message for words in ("not find", "not found", "no scalable target"))
    )


def _stop_job(kind: str, boto: boto3.Session, name: str, patience: Patience) -> None:
    """Stop a job of this kind (`training`), and wait until it has ended."""
    client: Any = boto.client("sagemaker")
    named = {f"{kind.capitalize()}JobName": name}
    end = time.monotonic() + patience.seconds

    def status() -> str:
        described = getattr(client, f"describe_{kind}_job")(**named)
        return str(described[f"{kind.capitalize()}JobStatus"])

    now = status()
    if now == "InProgress":
        try:
            getattr(client, f"stop_{kind}_job")(**named)
        except ClientError as error:
            if "is in status" not in str(error):  # it has just ended by itself
                raise
    while now in ("InProgress", "Stopping") and not patience.ephemeral:
        if time.monotonic() > end:
            raise FlowError(f"{kind} job {name} is still {now}")
        time.sleep(patience.poll)
        now = status()


def _delete_model(boto: boto3.Session, name: str, _: Patience) -> None:
    boto.client("sagemaker").delete_model(ModelName=name)


def _delete_endpoint_config(boto: boto3.Session, name: str, _: Patience) -> None:
    boto.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)


def _delete_endpoint(boto: boto3.Session, name: str, patience: Patience) -> None:
    client = boto.client("sagemaker")
    end = time.monotonic() + patience.seconds
    while True:
        try:
            client.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if "in-progress" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(patience.poll)
        else:
            return


def _deregister_scalable_target(boto: boto3.Session, name: str, _: Patience) -> None:
    boto.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=name, ScalableDimension=SCALABLE_DIMENSION
    )


def _delete_objects(boto: boto3.Session, uri: str, _: Patience) -> None:
    """Delete all objects below a prefix."""
    s3: Any = boto.client("s3")
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if not keys:
            continue
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        if errors := answer.get("Errors"):
            raise ClientError({"Error": errors[0]}, "DeleteObjects")


REMOVE: dict[str, Callable[[boto3.Session, str, Patience], None]] = {
    "objects": _delete_objects,
    "training job": partial(_stop_job, "training"),
    "processing job": partial(_stop_job, "processing"),
    "transform job": partial(_stop_job, "transform"),
    "model": _delete_model,
    "endpoint config": _delete_endpoint_config,
    "endpoint": _delete_endpoint,
    "scalable target": _deregister_scalable_target,
}

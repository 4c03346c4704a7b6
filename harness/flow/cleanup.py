"""`harness clean` for what outlives a killed run: from the ledgers, and by tag without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from harness import machine
from harness.account import session
from harness.errors import FlowError
from harness.flow import ledger
from harness.flow.ledger import Entry, Ledger
from harness.flow.record.history import RUN_NAME
from harness.flow.teardown import HOST_TAG, KEPT_TAG, RUN_TAG, Patience, remove_all
from harness.local.core.client import local_boto_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from harness.config.settings import Settings

# Kinds of resources as tear-down knows them; how they are listed, and their members there.
_LISTED: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("training job", "list_training_jobs", "TrainingJob", {"StatusEquals": "InProgress"}),
    ("processing job", "list_processing_jobs", "ProcessingJob", {"StatusEquals": "InProgress"}),
    ("transform job", "list_transform_jobs", "TransformJob", {"StatusEquals": "InProgress"}),
    ("model", "list_models", "Model", {}),
    ("endpoint config", "list_endpoint_configs", "EndpointConfig", {}),
    ("endpoint", "list_endpoints", "Endpoint", {}),
)


class Cleaned(NamedTuple):
    """What was removed, and what could not be, each with its reason."""

    removed: list[str]
    left: list[str]


def clean(settings: Settings, *, every_host: bool = False) -> Cleaned:
    """Remove what runs on the settings' target have left that have ended without tear-down.

    Raises:
        FlowError: the target can't be asked what there is.

    What was kept by `--keep` stays. Without its ledger a run of another machine can't be told from
    one that lives, so that it is left alone unless `every_host` says that none lives.
    """
    cleaned = Cleaned([], [])
    try:
        for found in ledger.abandoned():
            if found.about.get("target") == settings.target:
                _clean_ledger(settings, found, cleaned)
        if settings.target == "aws":
            boto = session.session(settings)
            by_tag = Ledger()
            for entry in _tagged(settings, boto, every_host=every_host):
                by_tag.add(entry)
            _remove(settings, boto, by_tag, cleaned)
    except (ClientError, BotoCoreError) as error:
        raise FlowError(f"clean: {str(error).rstrip('.')}.") from error
    return cleaned


def _clean_ledger(settings: Settings, found: Ledger, cleaned: Cleaned) -> None:
    about = found.about
    if settings.target == "local":
        boto = local_boto_session(about["url"], about["region"])
        try:
            boto.client("sts").get_caller_identity()
        except EndpointConnectionError:  # that local AWS is gone, and all it had with it
            found.forget()
            return
    else:
        boto = session.session(settings.model_copy(update={"region": about["region"]}))
        account = boto.client("sts").get_caller_identity()["Account"]
        if account != about["account"]:
            cleaned.left.append(
                f"run {about['run']} (it is account {about['account']}'s, and these are the "
                f"credentials of {account})"
            )
            return
    _remove(settings, boto, found, cleaned)


def _remove(settings: Settings, boto: boto3.Session, found: Ledger, cleaned: Cleaned) -> None:
    before = found.entries[::-1]
    limit = settings.endpoint.startup_timeout_seconds + settings.place.provisioning_seconds
    cleaned.left.extend(remove_all(boto, found, Patience(limit, settings.place.poll_seconds)))
    cleaned.removed.extend(str(entry) for entry in before if entry not in found.entries)


def _tagged(settings: Settings, boto: boto3.Session, *, every_host: bool) -> Iterator[Entry]:
    """What is tagged as a run's that doesn't live, in the order in which runs create it."""
    alive = ledger.living()

    def orphaned(tags: dict[str, str]) -> bool:
        return (
            RUN_NAME.fullmatch(tags.get(RUN_TAG, "")) is not None
            and tags[RUN_TAG] not in alive
            and KEPT_TAG not in tags
            and (every_host or tags.get(HOST_TAG) == machine.name())
        )

    for run in _staged(settings, boto):
        if orphaned(_object_tags(settings, boto, run)):
            yield Entry("objects", f"s3://{settings.place.bucket}/{run}")
    sagemaker: Any = boto.client("sagemaker")
    for kind, operation, noun, selection in _LISTED:
        pages = sagemaker.get_paginator(operation).paginate(NameContains="harness-", **selection)
        for page in pages:
            for item in next(value for key, value in page.items() if isinstance(value, list)):
                if orphaned(_resource_tags(sagemaker, item[f"{noun}Arn"])):
                    yield Entry(kind, item[f"{noun}Name"])


def _staged(settings: Settings, boto: boto3.Session) -> Iterator[str]:
    """The prefixes of runs in the bucket."""
    prefix = f"{settings.place.prefix}/" if settings.place.prefix else ""
    pages = (
        boto.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=settings.place.bucket, Prefix=f"{prefix}harness-", Delimiter="/")
    )
    for page in pages:
        for found in page.get("CommonPrefixes", []):
            if RUN_NAME.fullmatch(found["Prefix"].removeprefix(prefix).rstrip("/")):
                yield found["Prefix"]


def _resource_tags(sagemaker: Any, arn: str) -> dict[str, str]:
    """The tags of what has just been listed; none, if it is gone since."""
    try:
        tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return {}
    return {tag["Key"]: tag["Value"] for tag in tags}


def _object_tags(settings: Settings, boto: boto3.Session, run: str) -> dict[str, str]:
    """The tags of what the run has staged; what SageMaker has made for it has none."""
    s3 = boto.client("s3")
    bucket = settings.place.bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=run, MaxKeys=1).get("Contents", [])
    if not listed:
        return {}
    tags = s3.get_object_tagging(Bucket=bucket, Key=listed[0]["Key"])["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in tags}

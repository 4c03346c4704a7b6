"""What runs on SageMaker, or has run there: its kinds, and what has a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.suggestions import meant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from harness.cli.target import Target

GOING = frozenset({"InProgress", "Stopping", "Creating", "Updating", "SystemUpdating", "InService",
                   "RollingBack", "Deleting", "Pending"})  # fmt: skip
"""The statuses of what runs, or is about to begin or end."""

_MISSING = ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")
"""The codes with which AWS says that there is no such job or endpoint."""


@dataclass(frozen=True)
class Kind:
    """A kind of job, or endpoints, and what AWS's API calls its operations and members.

    `group` is its log group, which has `{name}` where each has its own. Empty: it has no log.
    """

    word: str
    noun: str
    listed: str
    group: str
    short: str

    @property
    def is_job(self) -> bool:
        return self.noun != "Endpoint"

    @property
    def snake(self) -> str:
        """As boto3's methods have it: `training_job`."""
        letters = (f"_{each.lower()}" if each.isupper() else each for each in self.noun)
        return "".join(letters).lstrip("_")


KINDS = (
    Kind("training job", "TrainingJob", "TrainingJobSummaries",
         "/aws/sagemaker/TrainingJobs", "training"),
    Kind("processing job", "ProcessingJob", "ProcessingJobSummaries",
         "/aws/sagemaker/ProcessingJobs", "processing"),
    Kind("transform job", "TransformJob", "TransformJobSummaries",
         "/aws/sagemaker/TransformJobs", "transform"),
    Kind("tuning job", "HyperParameterTuningJob", "HyperParameterTuningJobSummaries",
         "", "tuning"),
    Kind("endpoint", "Endpoint", "Endpoints",
         "/aws/sagemaker/Endpoints/{name}", "endpoint"),
)  # fmt: skip


@dataclass(frozen=True)
class Resource:
    """A job or an endpoint, as it was when it was asked for."""

    kind: Kind
    name: str
    status: str
    created: datetime
    ended: datetime | None = None
    reason: str = ""

    @property
    def is_going(self) -> bool:
        return self.status in GOING

    @property
    def group(self) -> str:
        """Its log group."""
        return self.kind.group.format(name=self.name)

    @property
    def streams(self) -> str:
        """What the names of its log's streams begin with."""
        return f"{self.name}/" if self.kind.is_job else ""

    def __str__(self) -> str:
        return f"{self.kind.word} {self.name}"

    def as_dict(self) -> dict[str, str]:
        return {
            "kind": self.kind.word,
            "name": self.name,
            "status": self.status,
            "created": self.created.isoformat(),
            "ended": self.ended.isoformat() if self.ended else "",
            "reason": self.reason,
        }


def newest(target: Target, kind: Kind, count: int) -> Iterator[Resource]:
    """The newest of a kind, that many, and all that are in progress beside them."""
    client: Any = target.boto.client("sagemaker")
    pages = client.get_paginator(f"list_{kind.snake}s")
    newest_first = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    going = {"StatusEquals": "InProgress" if kind.is_job else "InService"}
    seen = set()
    for wanted, limit in (({}, count), (going, None)):
        found = pages.paginate(
            **newest_first, **wanted, PaginationConfig={"MaxItems": limit} if limit else {}
        )
        for each in found.search(f"{kind.listed}[]"):
            if each and each[f"{kind.noun}Name"] not in seen:
                seen.add(each[f"{kind.noun}Name"])
                yield _of(kind, each)


def _of(kind: Kind, said: dict[str, Any]) -> Resource:
    """Of a description, or of an entry of a list."""
    noun = kind.noun
    ended = said.get(f"{noun}EndTime") or said.get("HyperParameterTuningEndTime")
    return Resource(
        kind,
        said[f"{noun}Name"],
        said[f"{noun}Status"],
        said["CreationTime"],
        ended,
        said.get("FailureReason", ""),
    )


def find(target: Target, name: str, short: str = "") -> Resource:
    """The job or endpoint of that name; of several, one that runs, or else the newest.

    `short` says of which kind it is.

    Raises:
        HarnessError: there is none.
    """
    kinds = [kind for kind in KINDS if short in ("", kind.short)]
    found = [each for kind in kinds if (each := look(target, kind, name))]
    if found:
        return max(found, key=lambda each: (each.is_going, each.created))
    there = {each.name for kind in kinds for each in newest(target, kind, 100)}
    what = kinds[0].word if short else "job or endpoint"
    raise HarnessError(
        f"there is no {what} {name}{meant(name, there)} on {target}; `harness ls` lists them."
    )


def look(target: Target, kind: Kind, name: str) -> Resource | None:
    """The one of a kind that has the name, as it is now; None if there is none."""
    from botocore.exceptions import ClientError

    client: Any = target.boto.client("sagemaker")
    try:
        said = getattr(client, f"describe_{kind.snake}")(**{f"{kind.noun}Name": name})
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
    return _of(kind, said)


def now(target: Target, resource: Resource) -> Resource | None:
    """The same as it is now; None if it is gone."""
    return look(target, resource.kind, resource.name)

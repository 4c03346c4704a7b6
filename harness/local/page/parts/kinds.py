"""The kinds of resources that the page shows, and how a resource looks in a list."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PREFIX = "/_harness/page"
"""Of all paths of the page but `/`: no bucket's name begins with `_`."""

PIPELINE, EXECUTION = "Pipeline", "PipelineExecution"


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name in the API, and where its logs are, if it has any."""

    noun: str
    title: str
    log_group: str = ""
    log_prefix: str = ""
    is_listed: bool = True
    """Whether it is on the first page: trial components, of which each job has one, aren't."""

    @property
    def list_operation(self) -> str:
        return f"List{self.noun}s"

    @property
    def describe_operation(self) -> str:
        return f"Describe{self.noun}"

    @property
    def name_member(self) -> str:
        return f"{self.noun}Name"

    @property
    def listed(self) -> dict[str, str]:
        """What its List operation is asked, to list all of them."""
        return {"ModelPackageType": "Both"} if self.noun == "ModelPackage" else {}

    @property
    def filter_member(self) -> str:
        """Of its List operation, what a name has in it, or begins with."""
        return "PipelineNamePrefix" if self.noun == PIPELINE else "NameContains"

    def name_of(self, found: dict[str, Any]) -> str:
        """The name by which it is described. A version has its group's, and its number; an
        execution its pipeline's, and its ID.
        """
        if self.noun == EXECUTION:
            arn: str = found[f"{EXECUTION}Arn"]
            return arn.partition(":pipeline/")[2].replace("/execution/", "/")
        name = found.get(self.name_member)
        return name or f"{found['ModelPackageGroupName']}/{found['ModelPackageVersion']}"

    @property
    def words(self) -> str:
        """`training job`"""
        return self.title[:-1].lower()


KINDS = {
    kind.noun: kind
    for kind in (
        Kind("Endpoint", "Endpoints", "/aws/sagemaker/Endpoints/{name}"),
        Kind(PIPELINE, "Pipelines"),
        Kind(EXECUTION, "Pipeline executions"),
        Kind("HyperParameterTuningJob", "Tuning jobs"),
        Kind("TrainingJob", "Training jobs", "/aws/sagemaker/TrainingJobs", "{name}/"),
        Kind("ProcessingJob", "Processing jobs", "/aws/sagemaker/ProcessingJobs", "{name}/"),
        Kind("TransformJob", "Transform jobs", "/aws/sagemaker/TransformJobs", "{name}/"),
        Kind("ModelPackageGroup", "Model package groups"),
        Kind("ModelPackage", "Model packages"),
        Kind("Model", "Models"),
        Kind("EndpointConfig", "Endpoint configurations"),
        Kind("Experiment", "Experiments", is_listed=False),
        Kind("Trial", "Trials", is_listed=False),
        Kind("TrialComponent", "Trial components", is_listed=False),
    )
}

_TONES = {
    "InService": "good",
    "Completed": "good",
    "Succeeded": "good",
    "Failed": "bad",
    "UpdateRollbackFailed": "bad",
    "OutOfService": "bad",
    "Stopped": "quiet",
    "Active": "quiet",
    "": "quiet",
}
"""How a status looks; one that isn't here is on its way to another."""

BEGUN = ("TrainingStartTime", "ProcessingStartTime", "TransformStartTime")
ENDED = (
    "TrainingEndTime", "ProcessingEndTime", "TransformEndTime", "HyperParameterTuningEndTime",
)  # fmt: skip


def tone(status: str) -> str:
    return _TONES.get(status, "busy")


def url(kind: str, name: str, region: str) -> str:
    """The page of a resource."""
    quoted = urllib.parse.quote(name, safe="")
    return f"{PREFIX}/sagemaker/{kind}/{quoted}?{urllib.parse.urlencode({'region': region})}"


def duration(seconds: float) -> str:
    """`0.04 s`, `2.4 s`, `12 s`, `3 min 5 s`, `2 h 5 min`."""
    if 0 < seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 10 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass(frozen=True)
class Row:
    """A resource, as lists have it. `seconds` is what a job took, until now if it runs."""

    kind: Kind
    name: str
    status: str
    step: str
    subject: str
    created: datetime
    seconds: float | None
    reason: str
    url: str

    @property
    def tone(self) -> str:
        return tone(self.status)

    @property
    def is_running(self) -> bool:
        """Whether containers run for it now, or it is on its way there."""
        return self.tone == "busy" or self.status == "InService"

    @property
    def took(self) -> str:
        return "" if self.seconds is None else duration(self.seconds)


def row(kind: Kind, region: str, found: dict[str, Any]) -> Row:
    """That of a Describe operation's answer."""
    status = found.get(f"{kind.noun}Status") or found.get("Status", {}).get("PrimaryStatus") or ""
    step = found.get("SecondaryStatus") or found.get("ModelApprovalStatus") or ""
    created = found["CreationTime"]
    seconds: float | None = None
    if kind.noun.endswith("Job"):
        ended = next((found[each] for each in ENDED if found.get(each)), None)
        seconds = ((ended or datetime.now(UTC)) - created) / timedelta(seconds=1)
    elif kind.noun == EXECUTION:
        ended = datetime.now(UTC) if tone(status) == "busy" else found["LastModifiedTime"]
        seconds = (ended - created) / timedelta(seconds=1)
    name = kind.name_of(found)
    return Row(
        kind=kind,
        name=name,
        status=status,
        step=step if step != status else "",
        subject=subject(found),
        created=created,
        seconds=seconds,
        reason=found.get("FailureReason") or _failure(found),
        url=url(kind.noun, name, region),
    )


def _failure(found: dict[str, Any]) -> str:
    """Why a model package's validation failed."""
    statuses = found.get("ModelPackageStatusDetails", {}).get("ValidationStatuses") or []
    return next((each["FailureReason"] for each in statuses if each.get("FailureReason")), "")


def subject(found: dict[str, Any]) -> str:
    """What runs: an image, or what names one."""
    if variants := found.get("ProductionVariants"):
        return ", ".join(_variant(each) for each in variants)
    return str(
        found.get("AlgorithmSpecification", {}).get("TrainingImage")
        or found.get("TrainingJobDefinition", {})
        .get("AlgorithmSpecification", {})
        .get("TrainingImage")
        or found.get("AppSpecification", {}).get("ImageUri")
        or found.get("PrimaryContainer", {}).get("Image")
        or ", ".join(_images(found))
        or found.get("PrimaryContainer", {}).get("ModelPackageName")
        or found.get("ModelName")
        or found.get("EndpointConfigName")
        or ", ".join(_images(found.get("InferenceSpecification", {})))
        or found.get("ModelPackageGroupDescription")
        or found.get("PipelineExecutionDisplayName")
        or found.get("PipelineDescription")
        or ""
    )


def _images(found: dict[str, Any]) -> list[str]:
    """Those of the containers, or the packages that have them."""
    named = (
        each.get("Image") or each.get("ModelPackageName") for each in found.get("Containers", [])
    )
    return [each for each in named if each]


def _variant(variant: dict[str, Any]) -> str:
    images = " ".join(
        image.get("SpecifiedImage", "") for image in variant.get("DeployedImages", [])
    )
    count = variant.get("CurrentInstanceCount", variant.get("InitialInstanceCount", 0))
    return f"{variant['VariantName']} ({count}) {images or variant.get('ModelName', '')}".strip()

"""What a trial component says of a job: names and words are those of AWS's own components.

("Tracking Entities for SageMaker AI Jobs" in AWS's developer guide says which artifacts there are.)
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from harness.local.lineage.artifacts import artifact_of
from harness.local.lineage.entity import Entity, context_of, link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.store import Store

SUFFIXES = {
    "TrainingJob": "-aws-training-job",
    "ProcessingJob": "-aws-processing-job",
    "TransformJob": "-aws-transform-job",
}
"""What is behind the job's name in the component's."""

MESSAGE_LIMIT = 1024
"""Characters of a status's message (`TrialComponentStatusMessage` in the service model)."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_MEDIA_TYPE = re.compile(r"[-\w]{1,32}/[-\w+]{1,31}")


def learnt(noun: str, job: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a trial component that come from a job's description.

    `model` is the container of the model that the job sends its data to.
    """
    kind = noun.removesuffix("Job")
    content = _CONTENTS[noun](job)
    parts = {"Image": model.get("Image"), "DataUrl": model.get("ModelDataUrl")}
    content["Parameters"] |= _parameters(
        {f"SageMaker.ModelPrimary.{name}": value for name, value in parts.items() if value}
    )
    return {
        "Status": {
            "PrimaryStatus": job[f"{noun}Status"],
            "Message": _message(noun, job)[:MESSAGE_LIMIT],
        },
        "StartTime": job.get(f"{kind}StartTime"),
        "EndTime": job.get(f"{kind}EndTime"),
        **content,
    }


def trace(
    store: Store, component: Entity, noun: str, job: Mapping[str, Any], *, has_ended: bool
) -> None:
    """Link the component with artifacts of what the job reads, and once it has ended, writes."""
    context = context_of(component.arn)
    for uri, type_ in _read(noun, job):
        artifact = artifact_of(store, context, uri, type_)
        if artifact.arn not in component.by:
            link(artifact, component, "ContributedTo", by_hand=False)
    if not has_ended or job[f"{noun}Status"] == "Failed":
        return
    for uri, type_ in _written(noun, job):
        artifact = artifact_of(store, context, uri, type_)
        if artifact.arn not in component.by:  # written where it was read: no circle of it
            link(component, artifact, "Produced", by_hand=False)


def _message(noun: str, job: Mapping[str, Any]) -> str:
    status, reason = job[f"{noun}Status"], job.get("FailureReason")
    if noun == "TrainingJob":
        secondary = job["SecondaryStatus"]
        return f"Status: {status}, secondary status: {secondary}, failure reason: {reason or ''}."
    said = f", exit message: {job.get('ExitMessage') or 'null'}" if noun == "ProcessingJob" else ""
    return f"Status: {status}{said}, failure reason: {reason or 'null'}"


def _cluster(resources: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that say what a job runs on."""
    groups = resources.get("InstanceGroups") or [resources]
    found = {
        "SageMaker.InstanceCount": sum(each.get("InstanceCount", 1) for each in groups),
        "SageMaker.InstanceType": ", ".join(each["InstanceType"] for each in groups),
        "SageMaker.VolumeSizeInGB": resources.get("VolumeSizeInGB"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _parameters(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """As `TrialComponentParameterValue`s; texts that are numbers are numbers."""
    return {name: _parameter(value) for name, value in values.items()}


def _parameter(value: Any) -> dict[str, Any]:
    number = float(value) if _NUMBER.fullmatch(str(value)) else math.inf
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": value}


def _artifacts(found: Mapping[str, tuple[str | None, str | None]]) -> dict[str, dict[str, Any]]:
    """As `TrialComponentArtifact`s, of URIs and media types; those without a URI are none."""
    return {
        name: {
            "Value": uri,
            **({"MediaType": media} if media and _MEDIA_TYPE.fullmatch(media) else {}),
        }
        for name, (uri, media) in found.items()
        if uri
    }


def _training(job: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        **job.get("HyperParameters", {}),
        "SageMaker.ImageUri": job["AlgorithmSpecification"]["TrainingImage"],
        **_cluster(job["ResourceConfig"]),
    }
    outputs = {
        "SageMaker.ModelArtifact": (_model(job), None),
        "SageMaker.DebugHookOutput": (job.get("DebugHookConfig", {}).get("S3OutputPath"), None),
    }
    channels = {
        each["ChannelName"]: (_channel_uri(each), each.get("ContentType"))
        for each in job.get("InputDataConfig") or ()
    }
    return _content(parameters, channels, outputs)


def _processing(job: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {"SageMaker.ImageUri": (job["AppSpecification"]["ImageUri"], None)}
    inputs |= {
        each["InputName"]: (_input_uri(each), None) for each in job["ProcessingInputs"] or ()
    }
    outputs = {name: (uri, None) for name, uri in _outputs(job)}
    return _content(_cluster(job["ProcessingResources"]["ClusterConfig"]), inputs, outputs)


def _transform(job: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {"SageMaker.ModelName": job["ModelName"], **_cluster(job["TransformResources"])}
    source = job["TransformInput"]
    inputs = {"SageMaker.TransformInput": (_transform_uri(job), source.get("ContentType"))}
    outputs = {"SageMaker.TransformOutput": (job["TransformOutput"]["S3OutputPath"], None)}
    return _content(parameters, inputs, outputs)


_CONTENTS = {"TrainingJob": _training, "ProcessingJob": _processing, "TransformJob": _transform}


def _content(
    parameters: Mapping[str, Any],
    inputs: Mapping[str, tuple[str | None, str | None]],
    outputs: Mapping[str, tuple[str | None, str | None]],
) -> dict[str, Any]:
    return {
        "Parameters": _parameters(parameters),
        "InputArtifacts": _artifacts(inputs),
        "OutputArtifacts": _artifacts(outputs),
    }


def _model(job: Mapping[str, Any]) -> str | None:
    uri: str | None = (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts")
    return uri


def _channel_uri(channel: Mapping[str, Any]) -> str:
    return str(channel["DataSource"]["S3DataSource"]["S3Uri"])


def _input_uri(each: Mapping[str, Any]) -> str | None:
    uri: str | None = each.get("S3Input", {}).get("S3Uri")
    return uri


def _transform_uri(job: Mapping[str, Any]) -> str:
    return str(job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])


def _outputs(job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and URIs of a processing job's outputs."""
    config = job.get("ProcessingOutputConfig") or {}
    return [
        (each["OutputName"], each["S3Output"]["S3Uri"])
        for each in config.get("Outputs") or ()
        if "S3Output" in each
    ]


def _read(noun: str, job: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """URIs of what a job reads, with the types of their artifacts."""
    if noun == "TrainingJob":
        yield job["AlgorithmSpecification"]["TrainingImage"], "Image"
        for each in job.get("InputDataConfig") or ():
            yield _channel_uri(each), "DataSet"
    elif noun == "ProcessingJob":
        yield job["AppSpecification"]["ImageUri"], "Image"
        for each in job["ProcessingInputs"] or ():
            if uri := _input_uri(each):
                yield uri, "DataSet"
    else:
        yield _transform_uri(job), "DataSet"


def _written(noun: str, job: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same of what it writes."""
    if noun == "TrainingJob":
        if model := _model(job):
            yield model, "Model"
        if checkpoints := job.get("CheckpointConfig", {}).get("S3Uri"):
            yield checkpoints, "Checkpoint"
    elif noun == "ProcessingJob":
        for _, uri in _outputs(job):
            yield uri, "DataSet"
    else:
        yield job["TransformOutput"]["S3OutputPath"], "DataSet"

"""What the page of a resource says of it, out of the answer of its Describe operation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.page import registry
from harness.local.page.answers import place
from harness.local.page.parts.kinds import BEGUN, ENDED
from harness.local.page.parts.kinds import url as resource_url
from harness.local.page.parts.plots import Phase, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.local.page.parts.kinds import Kind

OBJECTS = 20
"""Of a channel, whose names are shown."""

POINTS = 1_000
"""Of a metric, at the most."""

Link = tuple[str, str, str]
"""What it is to the resource, its name, its URL."""

HOSTS = 4
"""Of a job, or variants of an endpoint, whose metrics are shown."""

ENDPOINT_SPAN = timedelta(hours=3)
"""Of an endpoint's metrics, the latest, that are shown."""


@dataclass(frozen=True)
class Metrics:
    """`span` says which time they are of."""

    span: str = ""
    series: Sequence[Series] = ()


def facts(kind: Kind, found: dict[str, Any]) -> list[tuple[str, str]]:
    """What there is to know at a glance, with its label."""
    resources = found.get("ResourceConfig") or found.get("TransformResources") or {}
    resources = found.get("ProcessingResources", {}).get("ClusterConfig") or resources
    algorithm = found.get("AlgorithmSpecification", {})
    container = found.get("PrimaryContainer") or {}
    application = found.get("AppSpecification", {})
    pairs = [
        ("Image", algorithm.get("TrainingImage") or container.get("Image")
         or application.get("ImageUri")),
        *registry.facts(found),
        ("Description", found.get("PipelineDescription")
         or found.get("PipelineExecutionDescription") or found.get("Description")),
        ("Display name", found.get("PipelineExecutionDisplayName") or found.get("DisplayName")),
        ("Entrypoint", _words(algorithm.get("ContainerEntrypoint")
                              or application.get("ContainerEntrypoint"))),
        ("Arguments", _words(algorithm.get("ContainerArguments")
                             or application.get("ContainerArguments"))),
        ("Instances", _instances(resources)),
        ("Billable", _seconds(found.get("BillableTimeInSeconds"))),
        ("Role", found.get("RoleArn") or found.get("ExecutionRoleArn")),
        ("ARN", found.get(f"{kind.noun}Arn")),
    ]  # fmt: skip
    return [(name, str(value)) for name, value in pairs if value]


def _words(value: Any) -> str:
    return " ".join(value or [])


def _instances(resources: dict[str, Any]) -> str:
    if not resources.get("InstanceType"):
        return ""
    return f"{resources.get('InstanceCount', 1)} of {resources['InstanceType']}"


def _seconds(value: Any) -> str:
    return f"{value} s" if value is not None else ""


def phases(found: dict[str, Any]) -> list[Phase]:
    """The job's phases with their seconds, in order; one that hasn't ended lasts until now."""
    created, now = found["CreationTime"], datetime.now(UTC)
    transitions = found.get("SecondaryStatusTransitions") or []
    if transitions:
        spans = [
            (each["Status"], each["StartTime"], each.get("EndTime"), each.get("StatusMessage", ""))
            for each in transitions
            if each["Status"] not in ("Completed", "Failed", "Stopped")
        ]
    else:
        begun = next((found[each] for each in BEGUN if found.get(each)), None)
        ended = next((found[each] for each in ENDED if found.get(each)), None)
        if begun is None and ended is None:
            return []
        spans = [("Starting", created, begun or ended, "")]
        if begun is not None:
            spans.append(("Running", begun, ended, ""))
    first = min([created, *(span[1] for span in spans)])
    return [
        Phase(
            name, (start - first) / timedelta(seconds=1),
            max(0.0, ((end or now) - start) / timedelta(seconds=1)), message, is_now=end is None,
        )
        for name, start, end, message in spans
    ]  # fmt: skip


def metrics(cloudwatch: Any, kind: Kind, found: dict[str, Any]) -> Metrics:
    """Those that CloudWatch has of a job or an endpoint: of its log, and of its containers."""
    is_job = kind.noun.endswith("Job")
    start = next((found[each] for each in BEGUN if each in found), found["CreationTime"])
    end = next((found[each] for each in ENDED if each in found), datetime.now(UTC))
    is_cut = not is_job and end - start > ENDPOINT_SPAN
    start = end - ENDPOINT_SPAN if is_cut else start
    start, end = start.replace(microsecond=0), end + timedelta(seconds=5)
    period = max(1, -(-int((end - start).total_seconds()) // POINTS))
    period = period if period == 1 else -(-period // 60) * 60
    said = f"of the last {ENDPOINT_SPAN.seconds // 3600} hours" if is_cut else "since it began"
    series: list[Series] = []
    try:
        for dimensions, of in _of_job(kind, found) if is_job else _of_endpoint(found):
            listed = cloudwatch.list_metrics(
                Namespace=kind.log_group.removesuffix("/{name}"),
                Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            )["Metrics"]
            for each in sorted(listed, key=lambda metric: str(metric["MetricName"])):
                series += _series(cloudwatch, each, of, start, end, period)
    except (ClientError, BotoCoreError):  # the page has the rest all the same
        pass
    return Metrics(said, series)


_Wanted = tuple[dict[str, str], str]
"""A metric's dimensions, and what it is of where there are several."""


def _of_job(kind: Kind, found: dict[str, Any]) -> Iterator[_Wanted]:
    name = found[kind.name_member]
    if kind.noun == "TrainingJob":
        yield {kind.name_member: name}, ""
    hosts = [f"algo-{number + 1}" for number in range(min(HOSTS, _count(found)))]
    for host in hosts:
        yield {"Host": f"{name}/{host}"}, host if len(hosts) > 1 else ""


def _of_endpoint(found: dict[str, Any]) -> Iterator[_Wanted]:
    variants = [each["VariantName"] for each in found.get("ProductionVariants", [])][:HOSTS]
    for variant in variants:
        dimensions = {"EndpointName": found["EndpointName"], "VariantName": variant}
        yield dimensions, variant if len(variants) > 1 else ""


def _count(found: dict[str, Any]) -> int:
    resources = found.get("ProcessingResources", {}).get("ClusterConfig")
    resources = resources or found.get("ResourceConfig") or found.get("TransformResources") or {}
    groups = resources.get("InstanceGroups") or [resources]
    return sum(int(each.get("InstanceCount", 1)) for each in groups)


def _series(
    cloudwatch: Any, metric: dict[str, Any], of: str, start: datetime, end: datetime, period: int
) -> Iterator[Series]:
    found = cloudwatch.get_metric_statistics(
        Namespace=metric["Namespace"], MetricName=metric["MetricName"],
        Dimensions=metric["Dimensions"], StartTime=start, EndTime=end, Period=period,
        Statistics=["Average"],
    )["Datapoints"]  # fmt: skip
    points = sorted((each["Timestamp"], each["Average"]) for each in found)
    if points:
        seconds = [max(0.0, (at - start) / timedelta(seconds=1)) for at, _ in points]
        unit = " %" if metric["MetricName"].endswith("Utilization") else ""
        name = f"{metric['MetricName']} {of}".strip()
        yield Series(name, seconds, [value for _, value in points], unit)


def inputs(s3: Any, found: dict[str, Any], region: str) -> list[dict[str, Any]]:
    """The channels, or inputs, with the first of their objects."""
    return [
        {
            "name": name,
            "uri": uri,
            "notes": [each for each in notes if each],
            "objects": _objects(s3, uri, region) if uri.startswith("s3://") else None,
            "url": bucket_url(uri, region),
        }
        for name, uri, *notes in _sources(found)
    ]


def _sources(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for channel in found.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource", {})
        yield (
            channel["ChannelName"], source.get("S3Uri", ""), channel.get("ContentType", ""),
            channel.get("InputMode", ""), source.get("S3DataDistributionType", ""),
        )  # fmt: skip
    for each in found.get("ProcessingInputs", []):
        source = each.get("S3Input", {})
        yield each["InputName"], source.get("S3Uri", ""), source.get("LocalPath", "")
    if source := found.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource"):
        yield "input", source["S3Uri"], found["TransformInput"].get("ContentType", "")


def _objects(s3: Any, uri: str, region: str) -> dict[str, Any] | None:
    """The first objects below a prefix, and whether there are more; None if it can't be read."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=OBJECTS)
    except (ClientError, BotoCoreError):
        return None
    objects = [
        {
            "key": each["Key"],
            "size": each["Size"],
            "url": place("/s3/object", region, bucket=bucket, key=each["Key"]),
        }
        for each in answer.get("Contents", [])
    ]
    return {"first": objects, "more": answer.get("IsTruncated", False)}


def outputs(s3: Any, found: dict[str, Any], region: str) -> list[dict[str, Any]]:
    """The artifacts that are there, with a download where it is one object; and the folders."""
    uris = [
        ("Model", found.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")),
        ("Model data", (found.get("PrimaryContainer") or {}).get("ModelDataUrl", "")),
        ("Model data", registry.first_container(found).get("ModelDataUrl", "")),
        ("Output", found.get("OutputDataConfig", {}).get("S3OutputPath", "")),
        ("Checkpoints", found.get("CheckpointConfig", {}).get("S3Uri", "")),
        ("Output", found.get("TransformOutput", {}).get("S3OutputPath", "")),
        *(
            (each["OutputName"], each.get("S3Output", {}).get("S3Uri", ""))
            for each in found.get("ProcessingOutputConfig", {}).get("Outputs", [])
        ),
    ]
    return [
        {"name": name, "uri": uri, "url": bucket_url(uri, region), **_artifact(s3, uri, region)}
        for name, uri in uris
        if uri
    ]


def _artifact(s3: Any, uri: str, region: str) -> dict[str, Any]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"] if key else None
    except (ClientError, BotoCoreError):
        size = None
    download = place("/s3/download", region, bucket=bucket, key=key) if size is not None else ""
    return {"size": size, "download": download}


def bucket_url(uri: str, region: str) -> str:
    """Where a `s3://` URI is in the page's S3 browser."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return place("/s3/list", region, bucket=bucket, prefix=prefix) if bucket else ""


def data_of(model: dict[str, Any]) -> set[str]:
    """The URIs of a model's data, or a model package's."""
    containers = [
        model.get("PrimaryContainer") or {},
        *model.get("Containers", []),
        registry.first_container(model),
    ]
    return {each["ModelDataUrl"] for each in containers if each.get("ModelDataUrl")}


def named(kind: str, name: str, said: str, region: str) -> Link:
    return said, name, resource_url(kind, name, region)


def component(found: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a trial component consists of: titles, each with names and what they stand for."""
    parameters = {
        name: str(each.get("NumberValue", each.get("StringValue", "")))
        for name, each in found.get("Parameters", {}).items()
    }
    metrics = {
        each["MetricName"]: f"{each['Last']:g} (of {each['Count']}: {each['Min']:g} … "
        f"{each['Max']:g}, {each['Avg']:g} on average)"
        for each in found.get("Metrics", [])
    }
    inputs, outputs = (
        {name: each["Value"] for name, each in found.get(member, {}).items()}
        for member in ("InputArtifacts", "OutputArtifacts")
    )
    whole = {"Parameters": parameters, "Metrics": metrics, "Inputs": inputs, "Outputs": outputs}
    return [(title, sorted(pairs.items())) for title, pairs in whole.items() if pairs]

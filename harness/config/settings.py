"""What a project says of itself in `harness.toml`: its keys, their defaults and their meaning.

The descriptions here are the reference: docs/reference/settings.md is made of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    FiniteFloat,
    PositiveInt,
    model_validator,
)

from harness.config.faults import Fault  # noqa: TC001  # pydantic reads the annotation
from harness.config.places import Aws, Local
from harness.config.reporting import Reporting
from harness.config.values import (
    Function,
    Hyperparameter,
    InstanceType,
    Name,
    ProjectName,
    Region,
    RepositoryName,
    Section,
    Source,
    Variables,
)


class Project(Section):
    """What the project is called."""

    name: ProjectName = Field(
        "", description="Its images, and all that a run makes, are named after it. Empty: the "
        "folder's name."
    )  # fmt: skip


class Image(Section):
    """The image: built from a folder with a Dockerfile, or one that exists."""

    name: RepositoryName = Field(
        "", description="Name of the built image; its tag is a hash of what went in. Empty: "
        "`harness-` and the project's name."
    )  # fmt: skip
    uri: str = Field("", description="An image that exists; nothing is built then.")
    context: str = Field("container", min_length=1, description="Folder that is sent to the build.")
    dockerfile: str = Field(
        "Dockerfile", min_length=1, description="Path of the Dockerfile in the context."
    )
    target: str = Field("", description="Stage of the Dockerfile to stop at; empty: the last.")
    build_args: Variables = Field({}, description="Values of the Dockerfile's `ARG`s.")
    base: str = Field(
        "auto", min_length=1, description="What the Dockerfile's `ARG BASE_IMAGE` becomes, if it "
        "has one. `auto` takes python:3.11-slim-bookworm where a registry can be reached, else a "
        "base made of Debian's packages; or name an image."
    )  # fmt: skip
    requirements: str = Field(
        "requirements.txt", description="File in the context whose wheels are fetched here and "
        "stand in the context as `wheelhouse/`, for a build without a network. Where it isn't "
        "there, nothing is fetched; the build then has the engine's network."
    )  # fmt: skip
    constraints: str = Field(
        "constraints.txt", description="File in the context that pins those wheels' versions, if "
        "it is there."
    )  # fmt: skip
    packages: list[str] = Field(
        [], description="Folders of Python packages (with a pyproject.toml) whose wheels stand in "
        "the context as `wheels/`."
    )  # fmt: skip
    network: Literal["auto", "none", "default"] = Field(
        "auto", description="The network that a build's commands have: `auto` is none where there "
        "is a wheelhouse, else the engine's default."
    )  # fmt: skip


class Channel(Section):
    """An input channel of the training job; the keys are those of SageMaker's `Channel`."""

    source: Source = Field(
        description="A file, a folder, an `s3://` URI, `FILE.py:FUNCTION` (it is called with a "
        "folder to put files in), or `processing:OUTPUT`, an output of [processing]."
    )  # fmt: skip
    content_type: str = Field("", description="MIME type, told to the container.")
    input_mode: Literal["File", "FastFile", "Pipe"] = Field(
        "File", description="How the container gets it."
    )
    compression_type: Literal["None", "Gzip"] = Field(
        "None", description="With Pipe: whether objects are decompressed on their way."
    )
    record_wrapper_type: Literal["None", "RecordIO"] = Field(
        "None", description="With Pipe: whether objects are wrapped in RecordIO."
    )
    s3_data_type: Literal["S3Prefix", "ManifestFile", "AugmentedManifestFile"] = Field(
        "S3Prefix", description="What the URI is."
    )
    s3_data_distribution_type: Literal["FullyReplicated", "ShardedByS3Key"] = Field(
        "FullyReplicated", description="Whether each instance has all objects, or its share."
    )
    attribute_names: list[str] = Field(
        [], description="Attributes of an AugmentedManifestFile to send."
    )
    shuffle_seed: int | None = Field(None, description="Shuffles the objects by this seed.")


class Requests(Section):
    """What the endpoint is asked, and what it should answer."""

    source: Source = Field(
        description="Rows of a csv, a file or folder of bodies as they are, or `FILE.py:FUNCTION`, "
        "which returns bodies (a list of bytes) or rows (an array, a DataFrame, a list), alone or "
        "as a pair with their truth."
    )  # fmt: skip
    content_type: str = Field(
        "text/csv", description="How rows are sent (`text/csv`, `application/json`, "
        "`application/jsonlines`, `application/x-npy`), or what the bodies are."
    )  # fmt: skip
    accept: str = Field(
        "", description="What is asked for. Empty: the content type, if it is one of those."
    )
    target: str | int | None = Field(
        None, description="Column of the csv that is the truth, and isn't sent: its name, or its "
        "place from 0, or from -1 backwards."
    )  # fmt: skip
    header: bool | None = Field(
        None, description="Whether the csv's first row names the columns. Default: where `target` "
        "is a name."
    )  # fmt: skip
    rows: int = Field(0, ge=0, description="Rows a request; 0: as many as AWS takes.")

    @property
    def has_header(self) -> bool:
        return isinstance(self.target, str) if self.header is None else self.header


def _expression(text: str) -> str:
    """A regular expression, as the local AWS reads a log with; few projects need the import."""
    from harness.limits import expressions

    try:
        expressions.compile(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


class Metrics(Section):
    """What a run is measured by."""

    scores: list[str] = Field(
        [], description="Scores of the answers against the truth, by scikit-learn's names "
        "(`r2`, `accuracy`, `roc_auc`, …). Of the requests `test`, the metric is `test_r2`."
    )  # fmt: skip
    score: Function = Field(
        "", description="`FILE.py:FUNCTION`, called with those of `truth`, `predictions`, "
        "`answers`, `requests`, `name` that it names; returns metrics by name (dict[str, float])."
    )  # fmt: skip
    definitions: dict[str, Annotated[str, AfterValidator(_expression)]] = Field(
        {}, description="Metrics in the job's log, as SageMaker's `MetricDefinitions`: a name, and "
        "a regular expression whose group is the value."
    )  # fmt: skip


class Threshold(Section):
    """Bounds of a metric."""

    min: FiniteFloat | None = Field(None, description="A run that reaches less fails.")
    max: FiniteFloat | None = Field(None, description="A run that reaches more fails.")
    published: FiniteFloat | None = Field(None, description="A figure to show beside it.")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        """A bare number is a minimum."""
        return value if isinstance(value, dict | Threshold) else {"min": value}

    @model_validator(mode="after")
    def _room_between(self) -> Threshold:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"min ({self.min:g}) is above max ({self.max:g}), which nothing reaches"
            )
        return self

    def holds(self, value: float) -> bool:
        """Whether a value is within the bounds. One that is not a number never is."""
        return (
            value == value  # NaN isn't
            and (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
        )


class Training(Section):
    """The training job."""

    instance_type: InstanceType = Field(
        "ml.m5.large", description="aws: what is paid for. Locally how much memory there is."
    )
    instance_count: int = Field(1, ge=1, le=100, description="Hosts of the job.")
    volume_size_gb: int = Field(5, ge=1, le=16_384, description="Disk of each instance.")
    max_runtime_seconds: int = Field(
        600, ge=1, le=28 * 24 * 3600, description="The job is stopped after this long."
    )
    spot: bool = Field(False, description="Managed spot training: cheaper, and may be interrupted.")
    max_wait_seconds: int = Field(
        3600, ge=1, description="With spot: for waiting and training together."
    )
    environment: Variables = Field({}, description="Variables of the container.")
    entry_point: str = Field(
        "", description="Script mode: the program in `source_dir` that the image runs "
        "(`sagemaker_program`)."
    )  # fmt: skip
    source_dir: str = Field(
        "src", min_length=1, description="Script mode: the folder that is sent with the job "
        "(`sagemaker_submit_directory`)."
    )  # fmt: skip
    network_isolation: bool = Field(False, description="`EnableNetworkIsolation` of the job.")

    @model_validator(mode="after")
    def _time_to_wait_for_spot(self) -> Training:
        if self.spot and self.max_wait_seconds < self.max_runtime_seconds:
            raise ValueError(
                f"max_wait_seconds ({self.max_wait_seconds}) must be at least max_runtime_seconds "
                f"({self.max_runtime_seconds}), which it includes"
            )
        return self

    @property
    def limit_seconds(self) -> int:
        """How long the job may take, beside what AWS needs for instances and transfers."""
        return self.max_wait_seconds if self.spot else self.max_runtime_seconds


class Endpoint(Section):
    """The endpoint."""

    instance_type: InstanceType = Field("ml.t2.medium", description="As for the training job.")
    instance_count: int = Field(1, ge=1, le=100, description="Containers that serve.")
    startup_timeout_seconds: int = Field(
        480, ge=60, le=3600, description="From the container's start to its first answer to /ping "
        "with 200 (`ContainerStartupHealthCheckTimeoutInSeconds`)."
    )  # fmt: skip
    max_instance_count: int = Field(
        0, ge=0, le=1000, description="Autoscaling: from `instance_count` up to this many; 0 is "
        "none. The local AWS keeps the policy and doesn't act on it."
    )  # fmt: skip
    invocations_per_instance: FiniteFloat = Field(
        1000.0, gt=0, description="Autoscaling: about so many invocations a minute for each."
    )
    environment: Variables = Field({}, description="Variables of the container.")

    @model_validator(mode="after")
    def _room_to_scale(self) -> Endpoint:
        if 0 < self.max_instance_count < self.instance_count:
            raise ValueError(
                f"max_instance_count ({self.max_instance_count}) must be 0 or at least "
                f"instance_count ({self.instance_count})"
            )
        return self


class Transform(Section):
    """A batch transform job with the trained model; keys as in `CreateTransformJob`."""

    source: Source = Field(
        description="As a channel's: a file, a folder, an `s3://` URI, `FILE.py:FUNCTION`, or "
        "`processing:OUTPUT`."
    )
    content_type: str = Field("text/csv", description="MIME type of the input.")
    accept: str = Field("", description="MIME type of the output. Empty: the container's choice.")
    split_type: Literal["None", "Line", "RecordIO", "TFRecord"] = Field(
        "None", description="What records of the input end with."
    )
    assemble_with: Literal["None", "Line"] = Field(
        "None", description="What is put behind each answer."
    )
    batch_strategy: Literal["", "MultiRecord", "SingleRecord"] = Field(
        "", description="Records a request. Empty: the container's choice."
    )
    max_payload_in_mb: int = Field(6, ge=0, le=100, description="Megabytes of a request.")
    max_concurrent_transforms: int = Field(
        0, ge=0, le=100, description="Requests at once; 0: the container's choice."
    )
    input_filter: str = Field("$", description="JSONPath of what is sent of a record.")
    output_filter: str = Field("$", description="JSONPath of what is kept.")
    join_source: Literal["None", "Input"] = Field(
        "None", description="Whether answers are joined with their records."
    )
    instance_type: InstanceType = Field("ml.m5.large", description="As for the training job.")
    instance_count: PositiveInt = Field(1, le=100, description="Instances of the job.")
    max_runtime_seconds: PositiveInt = Field(600, description="How long it is waited for.")
    environment: Variables = Field({}, description="Variables of the container.")


class ProcessingInput(Section):
    """An input of the processing job."""

    source: Source = Field(description="A file, a folder, an `s3://` URI, or `FILE.py:FUNCTION`.")
    local_path: str = Field(
        "", description="Folder in the container. Empty: /opt/ml/processing/input/ and its name."
    )


class ProcessingOutput(Section):
    """An output of the processing job."""

    local_path: str = Field(
        "", description="Folder in the container. Empty: /opt/ml/processing/output/ and its name."
    )


class Processing(Section):
    """A processing job, before training; keys as in `CreateProcessingJob`."""

    image: str = Field("", description="Another image than the project's.")
    entrypoint: list[str] = Field([], description="Instead of the image's entry point.")
    arguments: list[str] = Field([], description="Its arguments.")
    environment: Variables = Field({}, description="Variables of the container.")
    inputs: dict[Name, ProcessingInput] = Field({}, description="Inputs by name.")
    outputs: dict[Name, ProcessingOutput] = Field({}, description="Outputs by name.")
    instance_type: InstanceType = Field("ml.m5.large", description="As for the training job.")
    instance_count: PositiveInt = Field(1, le=100, description="Hosts of the job.")
    volume_size_gb: int = Field(5, ge=1, le=16_384, description="Disk of each instance.")
    max_runtime_seconds: int = Field(
        600, ge=1, le=28 * 24 * 3600, description="The job is stopped after this long."
    )


def _named(value: Any) -> Any:
    """`[requests]` with a source of its own is one set, without a name."""
    if isinstance(value, dict) and isinstance(value.get("source"), str):
        return {"": value}
    return value


class Settings(Section):
    """A project's `harness.toml`."""

    target: Literal["local", "aws"] = Field(
        "local", description="Where the flow runs: the local AWS (a process of its own, and "
        "Docker), or AWS."
    )  # fmt: skip
    region: Region = Field(
        "us-east-1", description="The AWS region. Locally it appears in names (ARNs) only."
    )
    project: Project = Project()
    image: Image = Image()
    hyperparameters: dict[
        Annotated[str, Field(min_length=1, max_length=256)], Hyperparameter
    ] = Field({}, max_length=100)  # fmt: skip
    channels: dict[Name, Channel] = Field({}, max_length=20)
    requests: Annotated[dict[str, Requests], BeforeValidator(_named)] = Field({})
    metrics: Metrics = Metrics()
    thresholds: dict[str, Threshold] = Field({})
    training: Training = Training()
    endpoint: Endpoint = Endpoint()
    transform: Transform | None = None
    processing: Processing | None = None
    report: Reporting = Reporting()
    aws: Aws = Aws()
    local: Local = Local()
    faults: list[Fault] = Field([], max_length=1000)
    root: Path = Field(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _names_after_the_project(self) -> Settings:
        """Fill in the names that follow from the project's."""
        name = self.project.name or _slug(self.root.name)
        image = self.image.name or f"harness-{name}"
        repository = self.aws.repository or image
        for section, key, value in (
            (self.project, "name", name),
            (self.image, "name", image),
            (self.aws, "repository", repository),
        ):
            if getattr(section, key) != value:
                section = section.model_copy(update={key: value})
                object.__setattr__(self, _FIELDS[type(section)], section)
        return self

    @model_validator(mode="after")
    def _outputs_that_are_there(self) -> Settings:
        outputs = self.processing.outputs if self.processing else {}
        named = {f"channels.{name}.source": each.source for name, each in self.channels.items()}
        if self.transform:
            named["transform.source"] = self.transform.source
        for key, source in named.items():
            kind, _, output = source.partition(":")
            if kind == "processing" and output not in outputs:
                raise ValueError(
                    f"{key} is {source!r}, and [processing] has no output {output!r}; there are "
                    f"{', '.join(outputs) or 'none'}"
                )
        return self

    @property
    def metric_names(self) -> list[str]:
        """The metrics that a run will have, but those of an own score function."""
        scores = [
            metric_name(requests, score)
            for requests in self.requests
            for score in self.metrics.scores
        ]
        return [*scores, *self.metrics.definitions]

    @property
    def place(self) -> Aws | Local:
        """The section of the chosen target."""
        return self.aws if self.target == "aws" else self.local

    @property
    def own_local_aws(self) -> bool:
        """Whether a run starts a local AWS for itself."""
        return self.target == "local" and not self.local.endpoint_url


_FIELDS: dict[type[BaseModel], str] = {Project: "project", Image: "image", Aws: "aws"}


def metric_name(requests: str, score: str) -> str:
    """How a score of the answers to a set of requests is called: `test_r2`."""
    return f"{requests}_{score}" if requests else score


def _slug(text: str) -> str:
    """A folder's name as a project may be called."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "project"

"""The types of steps that create something of SageMaker's, and which operations that takes."""

from __future__ import annotations

import functools
from typing import NamedTuple

from botocore.model import ServiceModel, Shape, StructureShape

from harness.aws_model.loader import LOADER

FULL_NAME, TUNING_NAME = 63, 32
"""Letters of a name."""


class Kind(NamedTuple):
    """What becomes of a step of one type."""

    create: str
    """The operation that is asked for the step's `Arguments`."""
    name: str
    """The request's member that names what is made; "" if AWS names it."""
    arn: str
    """The response's member, and that of `Metadata`."""
    metadata: str
    describe: str
    """The operation whose answer is the step's properties."""
    status: str = ""
    """That answer's member, of what takes its time."""
    stop: str = ""
    """The operation, of what can be stopped."""
    longest: int = FULL_NAME
    experiment: bool = False
    """Whether the request has an `ExperimentConfig`."""
    caches: bool = False

    @property
    def described_by(self) -> str:
        """The member by which the description is asked for."""
        return "ModelPackageName" if self.create == "CreateModelPackage" else self.name

    @property
    def arguments(self) -> StructureShape:
        return _shape(self.create, is_input=True)

    @property
    def properties(self) -> list[StructureShape]:
        """The shapes that a reference may go into."""
        also = [SUMMARIES] if self.create == TUNING.create else []
        return [_shape(each, is_input=False) for each in (self.describe, *also)]


SUMMARIES = "ListTrainingJobsForHyperParameterTuningJob"
"""The operation whose answer is among a tuning step's properties, the best job first."""

TUNING = Kind(
    "CreateHyperParameterTuningJob", "HyperParameterTuningJobName", "HyperParameterTuningJobArn",
    "TuningJob", "DescribeHyperParameterTuningJob", "HyperParameterTuningJobStatus",
    "StopHyperParameterTuningJob", TUNING_NAME, caches=True,
)  # fmt: skip

KINDS: dict[str, Kind] = {
    "Processing": Kind(
        "CreateProcessingJob", "ProcessingJobName", "ProcessingJobArn", "ProcessingJob",
        "DescribeProcessingJob", "ProcessingJobStatus", "StopProcessingJob", experiment=True,
        caches=True,
    ),
    "Training": Kind(
        "CreateTrainingJob", "TrainingJobName", "TrainingJobArn", "TrainingJob",
        "DescribeTrainingJob", "TrainingJobStatus", "StopTrainingJob", experiment=True, caches=True,
    ),
    "Tuning": TUNING,
    "Transform": Kind(
        "CreateTransformJob", "TransformJobName", "TransformJobArn", "TransformJob",
        "DescribeTransformJob", "TransformJobStatus", "StopTransformJob", experiment=True,
        caches=True,
    ),
    "Model": Kind("CreateModel", "ModelName", "ModelArn", "Model", "DescribeModel"),
    "RegisterModel": Kind(
        "CreateModelPackage", "", "ModelPackageArn", "RegisterModel", "DescribeModelPackage"
    ),
    "EndpointConfig": Kind(
        "CreateEndpointConfig", "EndpointConfigName", "EndpointConfigArn", "EndpointConfig",
        "DescribeEndpointConfig", caches=True,
    ),
    "Endpoint": Kind(
        "CreateEndpoint", "EndpointName", "EndpointArn", "Endpoint", "DescribeEndpoint",
        "EndpointStatus", caches=True,
    ),
}  # fmt: skip
"""By the step's type."""

CONDITION, FAIL, LAMBDA, CALLBACK = "Condition", "Fail", "Lambda", "Callback"

TYPES = frozenset({*KINDS, CONDITION, FAIL, LAMBDA, CALLBACK})

WITH_CACHE = frozenset(name for name, kind in KINDS.items() if kind.caches) | {LAMBDA, CALLBACK}

ON_AWS_ONLY = frozenset({
    "AutoML", "ClarifyCheck", "Cleanup", "EMR", "EMRServerless", "ForEach", "InferenceComponent",
    "Job", "Lineage", "QualityCheck", "NotebookJob", "MonitorBatchTransform", "BedrockCustomModel",
    "BedrockCustomModelDeployment", "BedrockModelImport", "BedrockProvisionedModelThroughput",
    "Athena", "HubContent",
})  # fmt: skip
"""Types that AWS has, and that don't run here (`PipelineExecutionStepMetadata`, and the SDKs')."""


@functools.cache
def _model() -> ServiceModel:
    return ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")


@functools.cache
def _shape(operation: str, *, is_input: bool) -> StructureShape:
    model = _model().operation_model(operation)
    shape: Shape | None = model.input_shape if is_input else model.output_shape
    if not isinstance(shape, StructureShape):
        raise TypeError(f"{operation} has no such shape")
    return shape

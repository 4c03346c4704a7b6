"""What moto accepts for an operation that we took over from it, we accept and answer as fully.

The same requests go to plain moto, in a process of its own, and to the local AWS. They are those of
moto's own tests in what they ask for, but for what AWS itself refuses and so do we: roles that are
not IAM's, locations without `s3://`, models without a container, sort keys in lower case, more than
50 tags. And since ours really run, they get an image, data and models that exist.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakermetrics.responses import SageMakerMetricsResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from harness.local.core.client import local_boto_session
from tests.integration.support import WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

pytestmark = pytest.mark.docker

BUCKET = "my-bucket"
PREFIX = "sagemaker/DEMO-breast-cancer-prediction/"  # moto's tests put another "/" behind it
ROLE = "arn:aws:iam::123456789012:role/FakeRole"
TAGS = [{"Key": "newkey1", "Value": "newval1"}, {"Key": "newkey2", "Value": "newval2"}]
MODEL_DATA = f"s3://{BUCKET}/model.tar.gz"

MOTO = {
    "sagemaker": SageMakerResponse,
    "sagemaker-metrics": SageMakerMetricsResponse,
    "sagemaker-runtime": SageMakerRuntimeResponse,
}


@dataclass(frozen=True)
class Step:
    """A request. `wait` is the waiter of what it starts; `creates` the name of what is described.

    `needs` is another operation that the step makes sense with only.
    """

    operation: str
    request: dict[str, Any] = field(default_factory=dict)
    wait: str = ""
    service: str = "sagemaker"
    creates: str = ""
    needs: str = ""


def _channel(name: str, distribution: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": f"s3://{BUCKET}/{PREFIX}/{name}/",
                "S3DataDistributionType": distribution,
            }
        },
        "CompressionType": "None",
        "RecordWrapperType": "None",
    }


def training_job(name: str, image: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "InputDataConfig": [
            _channel("train", "ShardedByS3Key"),
            _channel("validation", "FullyReplicated"),
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{PREFIX}/"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.c4.2xlarge",
            "VolumeSizeInGB": 10,
        },
        "HyperParameters": {"feature_dim": "30", "loss": "absolute_loss"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def tuning_job(name: str, image: str) -> dict[str, Any]:
    definition = training_job("", image)
    for member in ("TrainingJobName", "HyperParameters"):
        del definition[member]
    definition["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "score", "Regex": "score=([-0-9.]+);"}
    ]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        "TrainingJobDefinition": {**definition, "Environment": {"PROBE": "tune"}},
    }


def transform_job(name: str) -> dict[str, Any]:
    return {
        "TransformJobName": name,
        "ModelName": "MyModel",
        "MaxConcurrentTransforms": 1,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
        "MaxPayloadInMB": 1,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": f"s3://{BUCKET}/{PREFIX}/train/",
                }
            },
            "ContentType": "application/json",
            "CompressionType": "None",
            "SplitType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/out",
            "Accept": "application/json",
            "AssembleWith": "None",
        },
        "TransformResources": {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1},
        "Environment": {},
        "DataProcessing": {},
        "ExperimentConfig": {},
        "Tags": [],
    }


def processing_job(name: str, image: str, program: str = "") -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", program]},
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": False,
            "EnableNetworkIsolation": False,
        },
        "ProcessingInputs": [
            {
                "InputName": "input",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/{PREFIX}/train/",
                    "LocalPath": "/opt/ml/processing/input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "output",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/processing/",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                    "AppManaged": False,
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 10,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def variants(*names: str, **members: Any) -> list[dict[str, Any]]:
    sized = members or {"InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
    return [{"VariantName": name, "ModelName": "MyModel", **sized} for name in names]


def steps(image: str) -> list[Step]:
    """One life of every kind of resource, in an order in which it can be lived."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    model = {
        "ModelName": "MyModel",
        "PrimaryContainer": {"Image": image, "ModelDataUrl": MODEL_DATA},
        "ExecutionRoleArn": ROLE,
        "VpcConfig": {"SecurityGroupIds": ["sg-foobar"], "Subnets": ["subnet-xxx"]},
        "Tags": TAGS,
    }
    config = {
        "EndpointConfigName": "MyEndpointConfig",
        "ProductionVariants": variants("MyProductionVariant1", "MyProductionVariant2"),
    }
    endpoint = {"EndpointName": "MyEndpoint", "EndpointConfigName": "MyEndpointConfig"}
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 10}
    training, transform = training_job("MyTrainingJob", image), transform_job("MyTransformJob")
    processing = processing_job("MyProcessingJob", image)
    tuning = {"HyperParameterTuningJobName": "MyTuningJob"}
    asynchronous = {"EndpointName": "MyAsyncEndpoint", "EndpointConfigName": "MyAsyncConfig"}
    package = {
        "Containers": [{"Image": image, "ModelDataUrl": MODEL_DATA}],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    parts = ("TransformInput", "TransformOutput", "TransformResources")
    profile = {
        "ProfileName": "profile",
        "TransformJobDefinition": {name: transform[name] for name in parts},
    }
    validation = {"ValidationRole": ROLE, "ValidationProfiles": [profile]}
    # In small letters, which moto makes of the names in their ARNs.
    group, version = {"ModelPackageGroupName": "my-group"}, f"{arn}:model-package/my-group/1"
    sleeping = processing_job("MyStoppedJob", image, "import time; time.sleep(600)")
    experiment, trial = {"ExperimentName": "my-experiment"}, {"TrialName": "my-trial"}
    component = {"TrialComponentName": "my-component"}
    described = {
        **component,
        "DisplayName": "Shown",
        "Status": {"PrimaryStatus": "InProgress", "Message": "begun"},
        "Parameters": {"alpha": {"NumberValue": 1.0}},
        "InputArtifacts": {"data": {"Value": "s3://bucket/data", "MediaType": "text/csv"}},
    }
    metric = {"MetricName": "loss", "Timestamp": time.time(), "Step": 1, "Value": 0.5}
    window = {"CreationTimeAfter": "2021-01-01", "CreationTimeBefore": "2099-01-01"}
    modified = {"LastModifiedTimeAfter": "2021-01-01", "LastModifiedTimeBefore": "2099-01-01"}
    by_name = {"SortBy": "Name", "SortOrder": "Ascending"}
    return [
        Step("ListTrainingJobs"),
        Step("CreateTrainingJob", training, wait="training_job_completed_or_stopped"),
        Step("DescribeTrainingJob", {"TrainingJobName": "MyTrainingJob"}, creates="MyTrainingJob"),
        Step("ListTrainingJobs", {"NameContains": "Training", "MaxResults": 1}),
        Step("AddTags", {"ResourceArn": f"{arn}:training-job/MyTrainingJob", "Tags": TAGS}),
        Step("ListTags", {"ResourceArn": f"{arn}:training-job/MyTrainingJob"}),
        Step("ListModels"),
        Step("CreateModel", model),
        Step("DescribeModel", {"ModelName": "MyModel"}, creates="MyModel"),
        Step("ListModels", {"NameContains": "Model"}),
        Step("AddTags", {"ResourceArn": f"{arn}:model/MyModel", "Tags": TAGS}),
        Step("ListTags", {"ResourceArn": f"{arn}:model/MyModel"}),
        Step("DeleteTags", {"ResourceArn": f"{arn}:model/MyModel", "TagKeys": ["newkey1"]}),
        Step("CreateEndpointConfig", config),
        Step(
            "DescribeEndpointConfig",
            {"EndpointConfigName": "MyEndpointConfig"},
            creates="MyEndpointConfig",
        ),
        Step(
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "MyServerlessConfig",
                "ProductionVariants": variants("MyProductionVariant", ServerlessConfig=serverless),
                "AsyncInferenceConfig": {
                    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 3},
                    "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}", "NotificationConfig": {}},
                },
            },
        ),
        Step(
            "DescribeEndpointConfig",
            {"EndpointConfigName": "MyServerlessConfig"},
            creates="MyServerlessConfig",
        ),
        Step("ListEndpointConfigs"),
        Step("ListEndpointConfigs", {"NameContains": "MyEndpoint", **by_name, **window}),
        Step("CreateEndpoint", endpoint | {"Tags": TAGS}, wait="endpoint_in_service"),
        Step("DescribeEndpoint", {"EndpointName": "MyEndpoint"}, creates="MyEndpoint"),
        Step("ListTags", {"ResourceArn": f"{arn}:endpoint/MyEndpoint"}),
        Step("DeleteTags", {"ResourceArn": f"{arn}:endpoint/MyEndpoint", "TagKeys": ["newkey1"]}),
        Step("ListEndpoints"),
        Step(
            "ListEndpoints",
            {"NameContains": "My", "StatusEquals": "InService", **by_name, **window, **modified},
        ),
        Step(
            "InvokeEndpoint",
            {"EndpointName": "MyEndpoint", "Body": "qwer", "Accept": "sth"},
            service="sagemaker-runtime",
        ),
        Step(
            "UpdateEndpointWeightsAndCapacities",
            {
                "EndpointName": "MyEndpoint",
                "DesiredWeightsAndCapacities": [
                    {
                        "VariantName": "MyProductionVariant1",
                        "DesiredWeight": 1.5,
                        "DesiredInstanceCount": 2,
                    }
                ],
            },
            wait="endpoint_in_service",
        ),
        Step("DescribeEndpoint", {"EndpointName": "MyEndpoint"}),
        Step("DeleteEndpoint", {"EndpointName": "MyEndpoint"}),
        Step("DeleteEndpointConfig", {"EndpointConfigName": "MyEndpointConfig"}),
        Step(
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "MyAsyncConfig",
                "ProductionVariants": variants("MyProductionVariant"),
                "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/async"}},
            },
        ),
        Step("CreateEndpoint", asynchronous, wait="endpoint_in_service"),
        Step(
            "InvokeEndpointAsync",
            {
                "EndpointName": "MyAsyncEndpoint",
                "InputLocation": f"s3://{BUCKET}/{PREFIX}/train/data.json",
            },
            service="sagemaker-runtime",
        ),
        Step("DeleteEndpoint", {"EndpointName": "MyAsyncEndpoint"}),
        Step("ListHyperParameterTuningJobs"),
        Step("CreateHyperParameterTuningJob", tuning_job("MyTuningJob", image), wait=TUNED),
        Step("DescribeHyperParameterTuningJob", tuning, creates="MyTuningJob"),
        Step("ListHyperParameterTuningJobs", {"NameContains": "Tuning", "MaxResults": 1}),
        Step("DeleteHyperParameterTuningJob", tuning),
        Step("ListTransformJobs"),
        Step("CreateTransformJob", transform, wait="transform_job_completed_or_stopped"),
        Step(
            "DescribeTransformJob", {"TransformJobName": "MyTransformJob"}, creates="MyTransformJob"
        ),
        Step("ListTransformJobs", {"NameContains": "Transform", "MaxResults": 1}),
        Step(
            "AddTags",
            {"ResourceArn": f"{arn}:transform-job/MyTransformJob", "Tags": TAGS},
            needs="CreateTransformJob",
        ),
        Step(
            "ListTags",
            {"ResourceArn": f"{arn}:transform-job/MyTransformJob"},
            needs="CreateTransformJob",
        ),
        Step("ListProcessingJobs"),
        Step("CreateProcessingJob", processing, wait="processing_job_completed_or_stopped"),
        Step(
            "DescribeProcessingJob",
            {"ProcessingJobName": "MyProcessingJob"},
            creates="MyProcessingJob",
        ),
        Step("ListProcessingJobs", {"NameContains": "Processing", "MaxResults": 1}),
        Step("CreateProcessingJob", sleeping),
        Step(
            "StopProcessingJob",
            {"ProcessingJobName": "MyStoppedJob"},
            wait="processing_job_completed_or_stopped",
        ),
        Step("DescribeProcessingJob", {"ProcessingJobName": "MyStoppedJob"}),
        Step(
            "AddTags",
            {"ResourceArn": f"{arn}:processing-job/MyProcessingJob", "Tags": TAGS},
            needs="CreateProcessingJob",
        ),
        Step(
            "ListTags",
            {"ResourceArn": f"{arn}:processing-job/MyProcessingJob"},
            needs="CreateProcessingJob",
        ),
        Step("DeleteModel", {"ModelName": "MyModel"}),
        *pipeline_steps(),
        Step("ListModelPackageGroups"),
        Step(
            "CreateModelPackageGroup",
            {**group, "ModelPackageGroupDescription": "described", "Tags": TAGS},
        ),
        Step("DescribeModelPackageGroup", group, creates="my-group"),
        Step("ListModelPackageGroups", {"NameContains": "my", "MaxResults": 1, **by_name}),
        Step("ListTags", {"ResourceArn": f"{arn}:model-package-group/my-group"}),
        Step(
            "CreateModelPackage",
            {
                "ModelPackageName": "my-package",
                "ModelPackageDescription": "described",
                "InferenceSpecification": package,
                "ValidationSpecification": validation,
                "SkipModelValidation": "All",
                "MetadataProperties": {"CommitId": "abc"},
                "Domain": "MACHINE_LEARNING",
                "Task": "REGRESSION",
            },
        ),
        Step("DescribeModelPackage", {"ModelPackageName": "my-package"}, creates="my-package"),
        Step(
            "CreateModelPackage",
            {
                "ModelPackageDescription": "of a group",
                **group,
                "InferenceSpecification": package,
                "CustomerMetadataProperties": {"a": "1", "b": "2"},
            },
        ),
        Step("ListModelPackages", {**group, "MaxResults": 1, **window}),
        Step("ListModelPackages", {"NameContains": "my", "ModelPackageType": "Both", **by_name}),
        Step(
            "UpdateModelPackage",
            {
                "ModelPackageArn": version,
                "ModelApprovalStatus": "Approved",
                "ApprovalDescription": "good",
                "CustomerMetadataProperties": {"c": "3"},
                "CustomerMetadataPropertiesToRemove": ["a"],
            },
        ),
        Step("ListModelPackages", {**group, "ModelApprovalStatus": "Approved"}),
        Step("CreateExperiment", experiment),
        Step("DescribeExperiment", experiment, creates="my-experiment"),
        Step("ListExperiments", {"MaxResults": 1}),
        Step("CreateTrial", {**trial, **experiment}),
        Step("DescribeTrial", trial, creates="my-trial"),
        Step("ListTrials", experiment),
        Step("CreateTrialComponent", described),
        Step("AssociateTrialComponent", {**trial, **component}),
        Step("DescribeTrialComponent", component, creates="my-component"),
        Step("ListTrialComponents", trial),
        Step("UpdateTrialComponent", {**component, "DisplayName": "Changed"}),
        Step("BatchPutMetrics", {**component, "MetricData": [metric]}, service="sagemaker-metrics"),
        Step("Search", {"Resource": "ExperimentTrialComponent"}),
        Step("DisassociateTrialComponent", {**trial, **component}),
        Step("DeleteTrialComponent", component),
        Step("DeleteTrial", trial),
        Step("DeleteExperiment", experiment),
    ]


def pipeline_steps() -> list[Step]:
    """One life of a pipeline, whose execution is the latest that there is."""
    name, text = {"PipelineName": "MyPipeline"}, {"PipelineDefinition": PIPELINE}
    execution = {"PipelineExecutionArn": LATEST_EXECUTION}
    return [
        Step("CreatePipeline", {**name, **text, "RoleArn": ROLE, "Tags": TAGS}),
        Step("DescribePipeline", name, creates="MyPipeline"),
        Step("ListPipelines", {"PipelineNamePrefix": "My"}),
        Step("UpdatePipeline", {**name, "PipelineDescription": "changed"}),
        Step("StartPipelineExecution", name, wait=EXECUTED),
        Step("ListPipelineExecutions", name),
        Step("DescribePipelineExecution", execution),
        Step("DescribePipelineDefinitionForExecution", execution),
        Step("ListPipelineParametersForExecution", execution),
        Step("DeletePipeline", name),
    ]


PIPELINE = json.dumps({
    "Version": "2020-12-01",
    "Parameters": [{"Name": "P", "Type": "String", "DefaultValue": "a"}],
    "Steps": [{"Name": "Same", "Type": "Condition", "Arguments": {"Conditions": [
        {"Type": "Equals", "LeftValue": 1, "RightValue": 1}]}}],
})  # fmt: skip

LATEST_EXECUTION = "the latest"
"""Stands in a request for the ARN that StartPipelineExecution answered."""

TUNED, EXECUTED = "hyper_parameter_tuning_job_ended", "pipeline_execution_ended"
"""What is waited for without a waiter of botocore's."""

NAMES = {
    "training_job_completed_or_stopped": "TrainingJobName",
    "endpoint_in_service": "EndpointName",
    "transform_job_completed_or_stopped": "TransformJobName",
    "processing_job_completed_or_stopped": "ProcessingJobName",
}


def until_tuned(sagemaker: Any, name: str) -> None:
    for _ in range(WAIT):
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if job["HyperParameterTuningJobStatus"] != "InProgress":
            return
        time.sleep(1)
    raise AssertionError(f"{name} doesn't end")


def until_executed(sagemaker: Any, arn: str) -> None:
    for _ in range(WAIT):
        execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if execution["PipelineExecutionStatus"] != "Executing":
            return
        time.sleep(1)
    raise AssertionError(f"{arn} doesn't end")


def live(session: boto3.Session, taken: list[Step]) -> list[dict[str, Any]]:
    """Take the steps; returns the answers to them."""
    client: Any = session.client  # its overloads are for names that are written out
    clients = {name: client(name) for name in (*MOTO, "s3")}
    s3 = clients["s3"]
    s3.create_bucket(Bucket=BUCKET)
    for name in ("train", "validation"):
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}/data.json", Body=b"{}")
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w:gz").close()
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive.getvalue())
    answers: list[dict[str, Any]] = []
    latest = ""
    for step in taken:
        request = {
            name: latest if value == LATEST_EXECUTION else value
            for name, value in step.request.items()
        }
        answers.append(getattr(clients[step.service], xform_name(step.operation))(**request))
        latest = answers[-1].get("PipelineExecutionArn", latest)
        if step.wait == EXECUTED:
            until_executed(clients["sagemaker"], latest)
        elif step.wait == TUNED:
            until_tuned(clients["sagemaker"], step.request["HyperParameterTuningJobName"])
        elif step.wait:
            name = NAMES[step.wait]
            clients["sagemaker"].get_waiter(step.wait).wait(
                **{name: step.request[name]}, WaiterConfig={"Delay": 1, "MaxAttempts": WAIT}
            )
    return answers


def required(shape: Shape | None, value: Any, path: str = "") -> set[str]:
    """The paths of the required members that are in an answer and in all that they are in."""
    found: set[str] = set()
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name in value:
                found |= {f"{path}.{name}"}
                found |= required(shape.members[name], value[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            found |= required(shape.member, each, f"{path}[]")
    return found


def lacking(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    """The paths of the required members that an answer has not, at any depth."""
    if isinstance(shape, StructureShape):
        yield from (f"{path}.{name}" for name in shape.required_members if name not in value)
        for name in shape.members:
            if name in value:
                yield from lacking(shape.members[name], value[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            yield from lacking(shape.member, each, f"{path}[]")
    elif isinstance(shape, MapShape):
        for each in value.values():
            yield from lacking(shape.value, each, f"{path}{{}}")


def repeats(answered: Any, requested: Any) -> bool:
    """Whether all of a request is in an answer, which may have AWS's defaults beside it.

    Empty structures don't count: an answer has none.
    """
    if requested == {}:
        return answered is None or isinstance(answered, dict)
    if isinstance(requested, dict):
        return isinstance(answered, dict) and all(
            repeats(answered.get(name), value) for name, value in requested.items()
        )
    if isinstance(requested, list):
        same_length = isinstance(answered, list) and len(answered) == len(requested)
        return same_length and all(map(repeats, answered, requested))
    return bool(answered == requested)


@pytest.fixture(scope="module")
def plain_moto() -> Iterator[boto3.Session]:
    """moto's own server, in a process of its own: its state is one for a whole process."""
    program = (
        "import sys; from moto.server import ThreadedMotoServer; "
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False); server.start(); "
        "print('http://%s:%s' % server.get_host_and_port(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield local_boto_session(server.stdout.readline().strip(), "us-east-1")
        server.stdin.close()
        server.wait(WAIT)


@dataclass(frozen=True)
class Compared:
    step: Step
    output: Shape | None
    moto: dict[str, Any]
    ours: dict[str, Any]


@pytest.fixture(scope="module")
def taken_over(local_aws) -> set[str]:
    """The operations that run for real; tests/unit/local/records has those on records."""
    found = {
        operation
        for service in local_aws._services.values()
        if service.name in MOTO
        for operation in service.real
    }
    assert {"CreateTrainingJob", "InvokeEndpoint"} <= found
    return found


@pytest.fixture(scope="module")
def compared(plain_moto, local_aws, docker_client, probe_image, taken_over) -> list[Compared]:
    ours = local_boto_session(local_aws.url, local_aws.region)
    taken = [
        step
        for step in steps(probe_image)
        if {step.operation, step.needs or step.operation} <= taken_over
    ]
    answers = live(plain_moto, taken), live(ours, taken)
    client: Any = ours.client
    models = {name: client(name).meta.service_model for name in MOTO}
    return [
        Compared(step, models[step.service].operation_model(step.operation).output_shape, *both)
        for step, *both in zip(taken, *answers, strict=True)
    ]


def test_every_operation_that_both_have_is_compared(taken_over):
    motos = {
        operation
        for operation in taken_over
        if any(hasattr(responses, xform_name(operation)) for responses in MOTO.values())
    }
    assert motos - {step.operation for step in steps("image")} == set()


@pytest.mark.slow
def test_no_required_member_is_missing(compared):
    for each in compared:
        assert list(lacking(each.output, each.ours)) == [], each.step.operation


@pytest.mark.slow
def test_what_moto_answers_of_the_required_members_we_answer(compared):
    for each in compared:
        theirs, ours = required(each.output, each.moto), required(each.output, each.ours)
        assert theirs - ours == set(), each.step.operation


def test_what_moto_repeats_of_a_request_we_repeat(compared):
    requests = {
        next(iter(each.step.request.values())): each.step.request
        for each in compared
        if each.step.operation.startswith("Create")
    }
    described = [each for each in compared if each.step.creates]
    assert described
    for each in described:
        for name, value in requests[each.step.creates].items():
            if each.moto.get(name) == value:
                assert repeats(each.ours.get(name), value), f"{each.step.operation}: {name}"


def test_the_statuses_are_motos(compared):
    for each in compared:
        for name in ("TrainingJobStatus", "EndpointStatus", "ProcessingJobStatus",
                     "TransformJobStatus", "HyperParameterTuningJobStatus",
                     "PipelineExecutionStatus", "PipelineStatus"):  # fmt: skip
            if name in each.moto:
                assert each.ours[name] == each.moto[name], each.step.operation

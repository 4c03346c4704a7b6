"""What the page is shown with: jobs that have ended, failed and run, and an endpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.image import base
from harness.local.core.client import local_boto_session
from tests.page import pipeline

if TYPE_CHECKING:
    import docker

    from harness.local.aws import LocalAWS

IMAGE = Path(__file__).parent / "image"
TAG = "harness-page-test"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
BUCKET = "page-data"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
WAIT = 90
EXECUTIONS = {
    "succeeds": {},
    "fails": {"Then": "fail"},
    "refused": {"Limit": "1"},
    "runs": {"Epochs": "2000"},
}
"""Of the pipeline: what each is called, and started with."""
HOSTILE = "<script>document.title='owned'</script>"


class Stage:
    """Sets things up in a local AWS as any client would."""

    def __init__(self, local: LocalAWS, engine: docker.DockerClient) -> None:
        self.url = local.url
        self.executions: dict[str, str] = {}
        session = local_boto_session(local.url, local.region)
        self.sagemaker: Any = session.client("sagemaker")
        self.s3: Any = session.client("s3")
        base.ensure(engine)
        engine.images.build(
            path=str(IMAGE), buildargs={"BASE_IMAGE": base.TAG}, tag=TAG, rm=True, forcerm=True
        )
        self.s3.create_bucket(Bucket=BUCKET)
        rows = "".join(f"{number},{number * 2.5},{number % 7}\n" for number in range(300))
        self.put("train/part-1.csv", rows.encode(), "text/csv")
        self.put("train/part-2.csv", rows.encode(), "text/csv")
        self.put(
            "reports/summary.json", b'[{"class": "a", "f1": 0.91}, {"class": "b", "f1": 0.88}]'
        )
        self.put(f"reports/{HOSTILE}.txt", HOSTILE.encode(), "text/html")

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType=content_type)

    def train(self, name: str, **parameters: str) -> None:
        source = {
            "S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/",
            "S3DataDistributionType": "FullyReplicated",
        }  # fmt: skip
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": TAG,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:loss", "Regex": "loss=([0-9.]+);"}],
            },
            HyperParameters=parameters,
            RoleArn=ROLE,
            InputDataConfig=[
                {
                    "ChannelName": "train",
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": source},
                }
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            Tags=[{"Key": "team", "Value": "forecasting"}, {"Key": "kind", "Value": "nightly"}],
        )

    def tune(self, name: str) -> None:
        """A tuning job of six trials, which has ended."""
        definition = {
            "AlgorithmSpecification": {
                "TrainingImage": TAG,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:loss", "Regex": "loss=([0-9.]+);"}],
            },
            "StaticHyperParameters": {"pause": "0.1"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
            "ResourceConfig": {
                "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }  # fmt: skip
        self.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {
                    "Type": "Minimize", "MetricName": "train:loss"
                },
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 3},
                "ParameterRanges": {
                    "IntegerParameterRanges": [
                        {"Name": "epochs", "MinValue": "1", "MaxValue": "20"}
                    ],
                    "ContinuousParameterRanges": [
                        {"Name": "rate", "MinValue": "0.01", "MaxValue": "0.3"}
                    ],
                },
            },
            TrainingJobDefinition=definition,
        )  # fmt: skip
        self._wait(
            lambda: self.sagemaker.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            ),
            lambda found: found["HyperParameterTuningJobStatus"] == "Completed",
        )

    def ended(self, name: str) -> dict[str, Any]:
        """The job's description, once it has ended."""
        return self._wait(
            lambda: self.sagemaker.describe_training_job(TrainingJobName=name),
            lambda found: found["TrainingJobStatus"] not in ("InProgress", "Stopping"),
        )

    def deploy(self, name: str, job: str) -> None:
        """An endpoint of the job's model, that serves."""
        data = self.ended(job)["ModelArtifacts"]["S3ModelArtifacts"]
        container = {"Image": TAG, "ModelDataUrl": data, "Environment": {"LEVEL": "info"}}
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        variant = {
            "VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }  # fmt: skip
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._wait(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            lambda found: found["EndpointStatus"] == "InService",
        )

    def register(self, group: str, job: str) -> None:
        """Two versions of the job's model, the first one rejected."""
        data = self.ended(job)["ModelArtifacts"]["S3ModelArtifacts"]
        self.sagemaker.create_model_package_group(
            ModelPackageGroupName=group, ModelPackageGroupDescription="What houses cost"
        )
        for approval in ("Rejected", "PendingManualApproval"):
            self.sagemaker.create_model_package(
                ModelPackageGroupName=group,
                ModelPackageDescription="with one more season",
                ModelApprovalStatus=approval,
                InferenceSpecification={"Containers": [{"Image": TAG, "ModelDataUrl": data}]},
                CustomerMetadataProperties={"team": "prices"},
            )

    def experiment(self, name: str, job: str) -> None:
        """An experiment with a trial, which has the job's trial component, and a record."""
        self.sagemaker.create_experiment(ExperimentName=name, Description="Trees of all depths")
        self.sagemaker.create_trial(TrialName=f"{name}-deep", ExperimentName=name)
        self.sagemaker.associate_trial_component(
            TrialName=f"{name}-deep", TrialComponentName=f"{job}-aws-training-job"
        )
        self.sagemaker.create_feature_group(
            FeatureGroupName=f"{name}-features",
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="time",
            FeatureDefinitions=[
                {"FeatureName": "id", "FeatureType": "String"},
                {"FeatureName": "time", "FeatureType": "String"},
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
            Tags=[{"Key": "team", "Value": "forecasting"}],
        )

    def pipeline(self, name: str) -> None:
        """A pipeline with executions that have ended well and badly, and one that runs."""
        self.sagemaker.create_pipeline(
            PipelineName=name, RoleArn=ROLE, PipelineDescription="Houses, each night",
            PipelineDefinition=pipeline.definition(TAG, ROLE, BUCKET),
        )  # fmt: skip
        for display, given in EXECUTIONS.items():
            parameters = [{"Name": key, "Value": value} for key, value in given.items()]
            arn = self.sagemaker.start_pipeline_execution(
                PipelineName=name, PipelineExecutionDisplayName=display,
                PipelineParameters=parameters,
            )["PipelineExecutionArn"]  # fmt: skip
            self.executions[display] = arn.rpartition("/")[2]
        for display in ("succeeds", "fails", "refused"):
            self.execution_ended(name, display)

    def execution_ended(self, name: str, display: str) -> dict[str, Any]:
        """The execution's description, once it has ended."""
        arn = f"{ARN}:pipeline/{name}/execution/{self.executions[display]}"
        return self._wait(
            lambda: self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn),
            lambda found: found["PipelineExecutionStatus"] not in ("Executing", "Stopping"),
        )

    def all(self) -> None:
        """What the tests look at: the usual, and what is as long as it may be."""
        self.usual()
        long = "a-training-job-with-a-name-as-long-as-sagemaker-lets-it-be-0123"
        self.train(long, epochs="2000", pause="0.5")
        long = "a-repository-with-a-name-as-long-as-sagemaker-lets-it-be-012345"
        self.sagemaker.create_code_repository(
            CodeRepositoryName=long, GitConfig={"RepositoryUrl": "https://example.com/trees.git"}
        )

    def usual(self) -> None:
        """What the pictures of the docs show."""
        self.train("house-prices-2026-11-26", epochs="24", pause="0.25", depth="6")
        for number in range(4):
            self.train(f"house-prices-broken-{number}", epochs="2", then="fail")
        self.ended("house-prices-2026-11-26")
        self.deploy("house-prices", "house-prices-2026-11-26")
        self.register("house-prices", "house-prices-2026-11-26")
        for number in range(4):
            self.ended(f"house-prices-broken-{number}")
        self.tune("house-prices-tuning")
        self.experiment("house-prices", "house-prices-2026-11-26")
        self.pipeline("house-prices")

    def _wait(self, ask: Any, until: Any) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT
        while not until(found := ask()):
            assert time.monotonic() < deadline, f"not within {WAIT} s: {found}"
            time.sleep(0.2)
        return dict(found)

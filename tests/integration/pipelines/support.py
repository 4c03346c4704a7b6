"""Pipelines on the probe image, for all tests of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.integration.support import ROLE

if TYPE_CHECKING:
    from tests.integration.support import AWS

OUT = "/opt/ml/processing/out"

PREPARE = (
    f"import pathlib, sys; out = pathlib.Path('{OUT}'); "
    "out.joinpath('rows.csv').write_text('1'); "
    """out.joinpath('metrics.json').write_text('{"regression": {"r2": %s}}' % sys.argv[1])"""
)
"""A program of one line: entry points have no other."""

RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def get(what: str) -> dict[str, str]:
    return {"Get": what}


class Pipelines:
    """The steps of one pipeline on the probe image, and what becomes of it."""

    def __init__(self, aws: AWS, name: str, image: str) -> None:
        self.aws = aws
        self.sagemaker: Any = aws.sagemaker  # its stubs want a ClientRequestToken
        self.name = name
        self.image = image
        self.out = f"s3://{aws.bucket}/{name}"

    def step(self, name: str, type_: str, arguments: Any, **members: Any) -> dict[str, Any]:
        return {"Name": name, "Type": type_, "Arguments": arguments, **members}

    def prepare(self, name: str = "Prepare", **members: Any) -> dict[str, Any]:
        output = {"OutputName": "out", "S3Output": {
            "LocalPath": OUT, "S3UploadMode": "EndOfJob",
            "S3Uri": {"Std:Join": {"On": "/", "Values": [self.out, "prepared"]}}}}  # fmt: skip
        file = {"PropertyFileName": "Metrics", "OutputName": "out", "FilePath": "metrics.json"}
        arguments = {
            "ProcessingResources": {"ClusterConfig": RESOURCES},
            "AppSpecification": {
                "ImageUri": self.image,
                "ContainerEntrypoint": ["python3", "-c", PREPARE],
                "ContainerArguments": [{"Std:Join": {"On": "", "Values": [get("Parameters.R2")]}}],
            },
            "RoleArn": get("Parameters.Role"),
            "ProcessingOutputConfig": {"Outputs": [output]},
        }
        return self.step(name, "Processing", arguments, PropertyFiles=[file], **members)

    def train(self, name: str = "Train", probe: str = "", **members: Any) -> dict[str, Any]:
        source = get("Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
        channel = {"ChannelName": "train", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}}  # fmt: skip
        arguments = {
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"{self.out}/trained"},
            "ResourceConfig": RESOURCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            "Environment": {"PROBE": probe},
            "InputDataConfig": None if probe else [channel],
            "Tags": [{"Key": "step", "Value": "train"}],
        }
        return self.step(name, "Training", arguments, **members)

    def tune(self) -> dict[str, Any]:
        arguments = {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
                "ParameterRanges": {"CategoricalParameterRanges": [
                    {"Name": "label", "Values": ["good"]}]},
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": self.image, "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.]+);"}],
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"{self.out}/tuned"},
                "ResourceConfig": RESOURCES,
                "StoppingCondition": {"MaxRuntimeInSeconds": 120},
                "Environment": {"PROBE": "tune"},
            },
        }  # fmt: skip
        return self.step("Tune", "Tuning", arguments)

    def create(self, *steps: dict[str, Any]) -> None:
        parameters = [
            {"Name": "R2", "Type": "Float", "DefaultValue": 0.99},
            {"Name": "Role", "Type": "String", "DefaultValue": ROLE},
        ]
        text = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
        self.sagemaker.create_pipeline(
            PipelineName=self.name, RoleArn=ROLE, PipelineDefinition=text,
            Tags=[{"Key": "team", "Value": "a"}],
        )  # fmt: skip

    def start(self, **members: Any) -> str:
        started = self.sagemaker.start_pipeline_execution(PipelineName=self.name, **members)
        return str(started["PipelineExecutionArn"])

    def end(self, arn: str) -> dict[str, Any]:
        def ended() -> Any:
            found = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            running = found["PipelineExecutionStatus"] in ("Executing", "Stopping")
            return None if running else found

        return dict(self.aws.wait_until(ended, f"the end of {arn}"))

    def failures(self, arn: str) -> dict[str, str]:
        """The reasons of the steps that have failed."""
        steps = self.steps(arn).items()
        return {name: each["FailureReason"] for name, each in steps if "FailureReason" in each}

    def steps(self, arn: str) -> dict[str, Any]:
        listed = self.sagemaker.list_pipeline_execution_steps(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        return {each["StepName"]: each for each in listed["PipelineExecutionSteps"]}

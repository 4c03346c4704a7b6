"""A pipeline on Gauss3, by SageMaker's SDK v3: from the rows to an endpoint, if the model is good.

    harness up --detach
    eval "$(harness env)"
    pip install "sagemaker>=3.27,<4"
    python -m examples.gauss3.pipeline

Prepare → Train → Evaluate → IsGood: R² on the rows held out is at least 0.99 → Register, and
Create → Configure → Deploy. A second run takes from the cache what it asks for again.

Nothing here knows of a local AWS: with credentials of the real one it runs there, given a role that
SageMaker may take (ROLE_ARN) and an image in ECR (IMAGE).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import WaiterError
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep, EndpointStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

HERE = Path(__file__).parent
ROOT = "/opt/ml/processing"
INSTANCE = "ml.m5.large"
CACHE = CacheConfig(enable_caching=True, expire_after="P1D")
DF = ParameterInteger(name="Df", default_value=20)
ENOUGH = ParameterFloat(name="EnoughR2", default_value=0.99)


class Gauss3:
    """The steps of the pipeline `name`, which run an image in the name of a role."""

    def __init__(self, session: PipelineSession, name: str, image: str, role: str) -> None:
        self.session = session
        self.name = name
        self.image = image
        self.role = role
        self.folder = f"s3://{session.default_bucket()}/{name}"

    def pipeline(self) -> Pipeline:
        prepare = self.prepare()
        train = self.train(prepare)
        evaluate, report = self.evaluate(prepare, train)
        r2 = JsonGet(
            step_name=evaluate.name, property_file=report, json_path="regression_metrics.r2.value"
        )
        is_good = ConditionStep(
            name="IsGood",
            conditions=[ConditionGreaterThanOrEqualTo(left=r2, right=ENOUGH)],
            if_steps=[self.register(train), *self.deploy(train)],
            else_steps=[FailStep(name="TooBad", error_message="R² is not what it should be")],
        )
        return Pipeline(
            name=self.name,
            parameters=[DF, ENOUGH],
            steps=[prepare, train, evaluate, is_good],
            sagemaker_session=self.session,
        )

    def processor(self) -> ScriptProcessor:
        return ScriptProcessor(
            role=self.role,
            image_uri=self.image,
            command=["python3"],
            instance_count=1,
            instance_type=INSTANCE,
            sagemaker_session=self.session,
        )

    def input(self, name: str, uri: Any) -> ProcessingInput:
        place = ProcessingS3Input(
            s3_uri=uri, s3_data_type="S3Prefix", s3_input_mode="File", local_path=f"{ROOT}/{name}"
        )
        return ProcessingInput(input_name=name, s3_input=place)

    def output(self, name: str) -> ProcessingOutput:
        place = ProcessingS3Output(
            s3_uri=f"{self.folder}/{name}", local_path=f"{ROOT}/{name}", s3_upload_mode="EndOfJob"
        )
        return ProcessingOutput(output_name=name, s3_output=place)

    def prepare(self) -> ProcessingStep:
        rows = self.session.upload_data(
            str(HERE / "gauss3.csv"),
            bucket=self.session.default_bucket(),
            key_prefix=f"{self.name}/in",
        )
        job = self.processor().run(
            code=str(HERE / "steps" / "prepare.py"),
            inputs=[self.input("in", rows)],
            outputs=[self.output("train"), self.output("test")],
        )
        return ProcessingStep(name="Prepare", step_args=job, cache_config=CACHE)

    def train(self, prepare: ProcessingStep) -> TrainingStep:
        outputs = prepare.properties.ProcessingOutputConfig.Outputs
        trainer = ModelTrainer(
            training_image=self.image,
            role=self.role,
            sagemaker_session=self.session,
            hyperparameters={
                "df": DF.to_string(),
                "train-file": "train.csv",
                "test-file": "test.csv",
            },
            compute=Compute(instance_type=INSTANCE, instance_count=1, volume_size_in_gb=5),
        )
        channels = [
            InputData(channel_name=name, data_source=outputs[name].S3Output.S3Uri)
            for name in ("train", "test")
        ]
        job = trainer.train(input_data_config=channels)
        return TrainingStep(name="Train", step_args=job, cache_config=CACHE)

    def evaluate(
        self, prepare: ProcessingStep, train: TrainingStep
    ) -> tuple[ProcessingStep, PropertyFile]:
        test = prepare.properties.ProcessingOutputConfig.Outputs["test"].S3Output.S3Uri
        model = train.properties.ModelArtifacts.S3ModelArtifacts
        job = self.processor().run(
            code=str(HERE / "steps" / "evaluate.py"),
            inputs=[self.input("test", test), self.input("model", model)],
            outputs=[self.output("evaluation")],
        )
        report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
        step = ProcessingStep(
            name="Evaluate", step_args=job, property_files=[report], cache_config=CACHE
        )
        return step, report

    def builder(self, train: TrainingStep) -> ModelBuilder:
        return ModelBuilder(
            image_uri=self.image,
            s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
            role_arn=self.role,
            sagemaker_session=self.session,
        )

    def register(self, train: TrainingStep) -> ModelStep:
        registered = self.builder(train).register(
            model_package_group_name=self.name,
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            approval_status="Approved",
        )
        return ModelStep(name="Register", step_args=registered)

    def deploy(self, train: TrainingStep) -> tuple[ModelStep, EndpointConfigStep, EndpointStep]:
        create = ModelStep(name="Create", step_args=self.builder(train).build())
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": create.properties.ModelName,
            "InitialInstanceCount": 1,
            "InstanceType": INSTANCE,
        }
        config = f"{self.name}-{uuid.uuid4().hex[:8]}"
        configure = EndpointConfigStep(
            name="Configure",
            step_args=self.session.create_endpoint_config(config, [variant]),
        )
        deploy = EndpointStep(
            name="Deploy",
            step_args=self.session.create_endpoint(
                self.name, configure.properties.EndpointConfigName
            ),
        )
        return create, configure, deploy


def r_squared(sagemaker: Any, s3: Any, arn: str) -> float:
    """What the model of an execution came to on the rows held out."""
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    (job,) = (
        each["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        for each in steps["PipelineExecutionSteps"]
        if each["StepName"] == "Evaluate"
    )
    outputs = sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingOutputConfig"]
    folder = outputs["Outputs"][0]["S3Output"]["S3Uri"]
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    report = s3.get_object(Bucket=bucket, Key=f"{prefix}/evaluation.json")["Body"].read()
    return float(json.loads(report)["regression_metrics"]["r2"]["value"])


def main() -> int:
    session, name = PipelineSession(), os.environ.get("NAME", "gauss3")
    image = os.environ.get("IMAGE")
    if image is None:
        built = subprocess.run(
            ["harness", "build", "--json"], check=True, stdout=subprocess.PIPE, text=True
        )
        image = json.loads(built.stdout.splitlines()[-1])["image"]
    role = os.environ.get("ROLE_ARN") or session.get_caller_identity_arn()
    pipeline = Gauss3(session, name, image, role).pipeline()
    pipeline.upsert(role_arn=role)
    execution = pipeline.start()
    with contextlib.suppress(WaiterError):  # how it has ended is told of each step
        execution.wait(delay=1, max_attempts=600)
    for step in reversed(execution.list_steps()):
        cached = " (cached)" if "CacheHitResult" in step else ""
        reason = f": {step['FailureReason']}" if "FailureReason" in step else ""
        print(f"{step['StepName']}: {step['StepStatus']}{cached}{reason}")
    ended = execution.describe()
    if ended["PipelineExecutionStatus"] != "Succeeded":
        reason = ended.get("FailureReason", f"It is {ended['PipelineExecutionStatus']}")
        print(f"{execution.arn}: {reason}", file=sys.stderr)
        return 1
    r2 = r_squared(boto3.client("sagemaker"), boto3.client("s3"), execution.arn)
    print(f"test R² {r2:.6f}; endpoint {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`TuningStep` and `TransformStep`; the example's pipeline has the other ones."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import boto3
from sagemaker.core.resources import HyperParameterTuningJob
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TransformStep, TuningStep
from sagemaker.serve import ModelBuilder

from tests.sdk_v3 import support
from tests.sdk_v3.test_pipeline import end
from tests.sdk_v3.test_tuning import tuner

if TYPE_CHECKING:
    from sagemaker.core.resources import TrainingJob
    from sagemaker.core.shapes import Channel


def test_a_tuning_step_tunes_and_a_transform_step_transforms(
    image: str, role: str, bucket: str, channels: list[Channel], trained: TrainingJob, name: str
) -> None:
    session: Any = PipelineSession()
    tune = TuningStep("Tune", step_args=tuner(image, role, session).tune(inputs=channels))
    build = ModelBuilder(
        image_uri=image,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=role,
        instance_type=support.INSTANCE,
    )
    model = build.build(model_name=name)
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{name}/rows.csv", Body=b"101\n102\n")
    transformer = Transformer(
        model_name=name, instance_count=1, instance_type=support.INSTANCE, accept="text/csv",
        output_path=f"s3://{bucket}/{name}/out", sagemaker_session=session,
    )  # fmt: skip
    transform = TransformStep(
        "Transform",
        step_args=transformer.transform(
            data=f"s3://{bucket}/{name}/rows.csv", content_type="text/csv"
        ),
    )
    made = Pipeline(
        name=f"v3-{uuid.uuid4().hex[:8]}", steps=[tune, transform], sagemaker_session=session
    )
    made.upsert(role)
    steps = end(made.start())
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    metadata: Any = steps["Tune"]["Metadata"]
    job = HyperParameterTuningJob.get(metadata["TuningJob"]["Arn"].rpartition("/")[2])
    assert job.training_job_status_counters.completed == 3
    answer = boto3.client("s3").get_object(Bucket=bucket, Key=f"{name}/out/rows.csv.out")
    assert len(answer["Body"].read().split()) == 2
    model.delete()

"""`ProcessingStep`, `TuningStep` and `TransformStep`, with a property file and the best model."""

from __future__ import annotations

import uuid

import boto3
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.processing import ProcessingOutput, Processor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TransformStep, TuningStep

from tests.sdk_v2 import notebook
from tests.sdk_v2.test_pipeline import end
from tests.sdk_v2.test_tuning import tuner

OUT = "/opt/ml/processing/out"
PROGRAM = (
    "import json, pathlib; "
    f"""pathlib.Path("{OUT}/limits.json").write_text(json.dumps({{"rows": {{"least": 2}}}}))"""
)


def test_the_best_model_of_a_tuning_step_transforms(image, session, prefix):
    pipeline, bucket = PipelineSession(), session.default_bucket()
    limits = PropertyFile(name="Limits", output_name="out", path="limits.json")
    processor = Processor(
        role=notebook.ROLE, image_uri=image, instance_count=1, instance_type=notebook.INSTANCE_TYPE,
        entrypoint=["python", "-c", PROGRAM], sagemaker_session=pipeline,
    )  # fmt: skip
    output = ProcessingOutput(output_name="out", source=OUT)
    process = ProcessingStep(
        "Process", step_args=processor.run(outputs=[output]), property_files=[limits]
    )

    channels = notebook.upload(bucket, prefix)
    inputs = {name: TrainingInput(uri) for name, uri in channels.items()}
    tune = TuningStep("Tune", step_args=tuner(pipeline, image, prefix).fit(inputs))
    best = tune.get_top_model_s3_uri(top_k=0, s3_bucket=bucket, prefix=f"{prefix}/output")
    model = Model(
        image_uri=image, model_data=best, role=notebook.ROLE, sagemaker_session=pipeline
    )  # fmt: skip
    create = ModelStep("Best", step_args=model.create(notebook.INSTANCE_TYPE))

    boto3.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/rows.csv", Body=b"101\n102\n")
    transformer = Transformer(
        model_name=create.properties.ModelName, instance_count=1, accept="text/csv",
        instance_type=notebook.INSTANCE_TYPE, output_path=f"s3://{bucket}/{prefix}/transformed",
        sagemaker_session=pipeline,
    )  # fmt: skip
    transform = TransformStep(
        "Transform",
        step_args=transformer.transform(
            f"s3://{bucket}/{prefix}/rows.csv", content_type="text/csv"
        ),
    )
    least = JsonGet(step_name="Process", property_file=limits, json_path="rows.least")
    check = ConditionStep(
        "Check", conditions=[ConditionGreaterThan(left=least, right=1)], if_steps=[transform],
        else_steps=[],
    )  # fmt: skip
    made = Pipeline(
        name=f"v2-{uuid.uuid4().hex[:8]}", steps=[process, tune, create, check],
        sagemaker_session=pipeline,
    )  # fmt: skip
    made.upsert(notebook.ROLE)
    steps = end(made.start())
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Process", "Tune", "Best-CreateModel", "Check", "Transform"}
    answer = boto3.client("s3").get_object(
        Bucket=bucket, Key=f"{prefix}/transformed/rows.csv.out"
    )["Body"].read()  # fmt: skip
    assert len(answer.split()) == 2
